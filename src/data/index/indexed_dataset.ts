/** A dataset from indexed samples and a preprocessing: images from their files, texts as tokens, features scaled. */
import { type Modality, SampleDataset } from "../dataset.ts";
import { scaled } from "../fit.ts";
import type { Augmentation } from "../images/augmentation.ts";
import { ImageFiles } from "../images/image_files.ts";
import { defaultCacheDirectory } from "../images/image_store.ts";
import { FeatureModality, ImageModality, TextModality } from "../modalities.ts";
import {
  type ImagePreprocessing,
  type ModalityPreprocessing,
  type Preprocessing,
  specOf,
} from "../preprocessing.ts";
import { type ImageLocation, nameOf } from "../stored_bytes.ts";
import { ResamplePool } from "../workers/resample_pool.ts";
import type { FeatureRow } from "../feature_cells.ts";
import type { IndexedModality, IndexedSample } from "./sample_index.ts";

export interface IndexedDatasetOptions {
  /** How training varies images and texts. */
  readonly augmentation: Augmentation;
  readonly wordDropout: number;
  /** How often a word is read as [UNK] in training, where the vocabulary was made from the training texts. */
  readonly unknownWords: number;
  /** The share of training samples from which modalities are withheld, drawn anew in every epoch; 0 if not given. */
  readonly modalityDropout?: number;
  /** True where the training samples stand in for a validation split. */
  readonly validatesOnTraining: boolean;
  /** Folder for the decoded images; `undefined` for the usual one, `false` keeps them in memory. */
  readonly cacheDirectory?: string | false;
  /** Told what is worth knowing but no error. */
  note(message: string): void;
}

/** Fills what is left beside an image, when training shifts it: the middle of the range. */
const GREY = 128;

/** The samples, with labels that count the classes of `preprocessing`, ready to be batched. */
export async function datasetFrom(
  samples: readonly IndexedSample[],
  modalities: readonly IndexedModality[],
  preprocessing: Preprocessing,
  options: IndexedDatasetOptions,
): Promise<SampleDataset> {
  const { dataset: name, task, scale, classes } = preprocessing;
  const training = samples.filter(({ split }) => split === "train");
  const all = options.validatesOnTraining
    ? [...samples, ...training.map((sample) => ({ ...sample, split: "validation" as const }))]
    : samples;
  const parts: Modality[] = [];
  for (const [i, modality] of modalities.entries()) {
    parts.push(await partOf(modality, preprocessing.modalities[i]!, name, all, options));
  }
  const image = modalities.find(({ kind }) => kind === "image")?.name;
  const listed = all.map((sample) => {
    const lacks = modalities.map((one) => one.name).filter((one) => sample.inputs[one] === null);
    const place = image === undefined ? undefined : sample.inputs[image] as ImageLocation | null;
    return { ...sample, ...(place && { path: nameOf(place) }), ...(lacks.length > 0 && { lacks }) };
  });
  const { modalityDropout = 0 } = options;
  return new SampleDataset({
    name,
    ...(task && { task }),
    scale,
    classes,
    samples: listed,
    parts,
    modalityDropout,
  });
}

async function partOf(
  modality: IndexedModality,
  fitted: ModalityPreprocessing,
  dataset: string,
  samples: readonly IndexedSample[],
  options: IndexedDatasetOptions,
): Promise<Modality> {
  const { name } = modality;
  if (modality.kind === "features" && fitted.kind === "features") {
    const width = fitted.columns.length;
    const values = new Float32Array(samples.length * width);
    samples.forEach(({ inputs }, i) => {
      const row = inputs[name] as FeatureRow | null;
      if (row !== null) values.set(scaled([row], fitted), i * width);
    });
    return new FeatureModality(name, values, width);
  }
  if (modality.kind === "text" && fitted.kind === "text") {
    const { tokenizer, maxTokens } = fitted;
    return new TextModality(name, tokenizer, samples.map(({ inputs }) => (inputs[name] ?? "") as string), {
      maxTokens,
      wordDropout: options.wordDropout,
      unknownWords: fitted.isFitted ? options.unknownWords : 0,
      isSet: modality.isSet ?? false,
    });
  }
  if (modality.kind === "image" && fitted.kind === "image") {
    return new ImageModality(specOf(fitted) as ImagePreprocessing, await imageSource(modality, fitted), {
      augmentation: options.augmentation,
      flippable: (sample) => samples[sample]!.isMirrorable ?? true,
      background: modality.background ?? GREY,
      pool: new ResamplePool(),
    });
  }
  throw new TypeError(`The modality "${name}" is ${modality.kind}, its preprocessing ${fitted.kind}`);

  function imageSource({ openOriginals }: typeof modality & { kind: "image" }, fitted: ImagePreprocessing) {
    // Nothing is at the places of those that lack it, which are not asked for.
    const places = samples.map(({ inputs }) => (inputs[name] ?? "") as ImageLocation);
    if (openOriginals && fitted.fromOriginal) return openOriginals(places.map(nameOf));
    const directory = options.cacheDirectory === false
      ? undefined
      : options.cacheDirectory ?? defaultCacheDirectory();
    const { note } = options;
    return new ImageFiles(places, { spec: fitted, preparation: fitted.preparation }, {
      name: `${dataset}-${name}`,
      directory,
      note,
    });
  }
}
