/** Loads the data set of a configuration: fits a new run to it, or opens it for a run that was fitted before. */
import { UserError } from "../base/user_error.ts";
import { hasInputs, type InputsConfig } from "../config/data_config.ts";
import { encodersOf, namedEncoders } from "../config/encoder_config.ts";
import { isPretrained, type RunConfig } from "../config/run_config.ts";
import { SPLITS } from "../data/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import { fitPreprocessing } from "../data/fit.ts";
import type { Colour } from "../data/images/colour.ts";
import { type Augmentation, LIGHT_AUGMENTATION } from "../data/images/augmentation.ts";
import type { ImagePreparation } from "../data/images/prepare_image.ts";
import type { EncoderType } from "../models/encoders/encoder.ts";
import { preprocessorOf } from "./image_preprocessor.ts";
import { digestSamples } from "../data/index/digests.ts";
import { datasetFrom } from "../data/index/indexed_dataset.ts";
import { reconcile, type Reconciled } from "../data/index/reconcile.ts";
import {
  describeFault,
  drawSplits,
  type IndexedSample,
  originKey,
  type SampleIndex,
  sharedIds,
  soundSamples,
} from "../data/index/sample_index.ts";
import { cellCount, type Preprocessing } from "../data/preprocessing.ts";
import { withholdInputs } from "../data/index/lacking.ts";
import { loadTokenizer } from "../data/text/load_tokenizer.ts";
import { type KeptData, keptSamples } from "../runs/preprocessing.ts";
import type { RunFolder } from "../runs/run_folder.ts";
import { readSkipped } from "../runs/skipped.ts";
import { indexSamples, maxTokensOf } from "./index_samples.ts";

type Note = (message: string) => void;

/** The data of a run that is to begin. */
export interface FittedData {
  readonly dataset: Dataset;
  readonly preprocessing: Preprocessing;
  /** Gives what the run must keep of its data; reads every image file. */
  keep(): Promise<KeptData>;
}

/**
 * Fits a new run to the data of its configuration; `filesOf` names the folder with the tokenizer and preprocessor of a
 * pretrained encoder, `note` is told what is worth knowing, and `skipped` are the samples to leave out, by `originKey`.
 */
export async function fitData(
  config: RunConfig,
  filesOf: (encoder: string) => string,
  note: Note,
  skipped: ReadonlySet<string> = new Set(),
): Promise<FittedData> {
  const index = await indexSamples(config, { note });
  drawSplits(index);
  const samples = soundSamples(index, skipped);
  for (const warning of [...index.warnings ?? [], ...sharedIds(samples)]) note(`Warning     ${warning}`);
  const files = await pretrainedFiles(config, filesOf);
  const inputs = () => {
    if (hasInputs(config.data)) return config.data;
    throw new TypeError(`The data set ${config.data.name} has neither images nor texts`);
  };
  const given = withholdInputs(samples, index.modalities, config.data.withhold);
  mustHaveSome(index, given);
  for (const line of lackingLines(index, given)) note(line);
  const preprocessing = await fitPreprocessing(index, given, {
    image(name) {
      const { image_size: size, image_mean: mean, image_std: std } = inputs();
      const preparation = files.preparations.get(name);
      return {
        height: size,
        width: size,
        mean,
        std,
        background: backgroundOf(inputs()),
        ...(preparation && { preparation }),
      };
    },
    text(name) {
      const tokenizer = files.tokenizers.get(name);
      const wanted = maxTokensOf(inputs());
      const longest = Math.min(positionsOf(config, name), tokenizer?.maxTokens ?? Infinity);
      if (wanted > longest) {
        note(
          `"data.max_tokens" is ${wanted}, but the encoder of "${name}" reads ${longest}: texts are cut there`,
        );
      }
      return { maxTokens: Math.min(wanted, longest), ...(tokenizer && { tokenizer }) };
    },
  });
  return {
    dataset: await makeDataset(config, index, given, preprocessing, note),
    preprocessing,
    async keep() {
      const digests = await digestSamples(samples, index.modalities, note);
      const drawn = [...new Set((index.draws ?? []).map(({ split }) => split))];
      return { preprocessing, samples: keptSamples(samples, preprocessing, digests), drawn };
    },
  };
}

/** The data of a run as they are now. */
export interface OpenedData extends Reconciled {
  /** Without samples of classes that the run does not know. */
  readonly dataset: Dataset;
  /** The data that the run would have to keep, to own these in place of those it knew. */
  readonly kept: KeptData;
}

/**
 * Opens the data of a run with what the run kept: nothing is fitted. Samples stand in the order and the splits the run
 * knew, new ones after them. What cannot be read any more counts as gone, and `note` is told.
 */
export async function openData(run: RunFolder, kept: KeptData, note: Note): Promise<OpenedData> {
  const { config } = run;
  const { preprocessing, drawn } = kept;
  const { classes } = preprocessing;
  const index = await indexSamples(config, { knownClasses: classes, note });
  mustHaveModalities(index, preprocessing);
  const skipped = readSkipped(run);
  const faults = index.faults.filter((fault) => !skipped.has(originKey(fault)));
  if (faults.length > 0) {
    note(
      `${faults.length} rows of the data set cannot be read any more (first: ${describeFault(faults[0]!)})`,
    );
  }
  const digests = await digestSamples(index.samples, index.modalities, note);
  const found = reconcile(index, digests, { classes, kept: kept.samples, drawn, skipped });
  const known = found.samples.filter(({ label }) => label >= 0);
  const given = withholdInputs(known, index.modalities, config.data.withhold);
  return {
    ...found,
    dataset: await makeDataset(config, index, given, preprocessing, note),
    kept: {
      preprocessing,
      drawn,
      samples: keptSamples(
        known,
        preprocessing,
        found.samples.flatMap(({ label }, i) => label < 0 ? [] : [found.digests[i]!]),
      ),
    },
  };
}

function makeDataset(
  { data, training }: RunConfig,
  { modalities, validatesOnTraining = false }: SampleIndex,
  samples: readonly IndexedSample[],
  preprocessing: Preprocessing,
  note: Note,
): Promise<Dataset> {
  return datasetFrom(samples, modalities, preprocessing, {
    augmentation: hasInputs(data) ? augmentationOf(data) : LIGHT_AUGMENTATION,
    wordDropout: hasInputs(data) ? data.word_dropout : 0,
    unknownWords: hasInputs(data) ? data.unknown_words : 0,
    modalityDropout: training.modality_dropout,
    validatesOnTraining,
    note,
  });
}

/** One line for each modality that some samples lack: how many of each split. */
function lackingLines({ modalities }: SampleIndex, samples: readonly IndexedSample[]): string[] {
  const bySplit = Map.groupBy(samples, ({ split }) => split);
  return modalities.flatMap(({ name }) => {
    if (samples.every(({ inputs }) => inputs[name] !== null)) return [];
    const counts = SPLITS.map((split) => {
      const own = bySplit.get(split) ?? [];
      return `${own.filter(({ inputs }) => inputs[name] === null).length} of ${own.length} ${split}`;
    });
    return [`Lacking     ${name}: ${counts.join(", ")}`];
  });
}

/** Throws a UserError for a modality that no training sample has. */
function mustHaveSome({ source, modalities }: SampleIndex, samples: readonly IndexedSample[]): void {
  for (const { name } of modalities) {
    if (samples.some(({ split, inputs }) => split === "train" && inputs[name] !== null)) continue;
    throw new UserError(`${source} has no training sample with "${name}": there is nothing to learn of it`);
  }
}

/** Names and widths of features may change as files are edited; all else is said by the configuration of the run. */
function mustHaveModalities({ name, modalities }: SampleIndex, preprocessing: Preprocessing): void {
  for (const [i, fitted] of preprocessing.modalities.entries()) {
    const now = modalities[i];
    if (now?.name !== fitted.name || now.kind !== fitted.kind) {
      throw new UserError(
        `The data set ${name} has no modality "${fitted.name}" of ${fitted.kind} any more, which the run learned from`,
      );
    }
    if (now.kind === "features" && fitted.kind === "features" && now.width !== cellCount(fitted)) {
      throw new UserError(
        `"${fitted.name}" has ${now.width} features now, the run learned from ${
          cellCount(fitted)
        }: give it those`,
      );
    }
  }
  const more = modalities[preprocessing.modalities.length];
  if (more) {
    throw new UserError(`The data set ${name} has a modality "${more.name}" that the run did not learn from`);
  }
}

/** The tokenizers and image preparations that came with pretrained encoders, by modality. */
async function pretrainedFiles(config: RunConfig, filesOf: (encoder: string) => string) {
  const { data, model } = config;
  const preparations = new Map<string, ImagePreparation>();
  const tokenizers = new Map<string, Awaited<ReturnType<typeof loadTokenizer>>>();
  for (const { name, type, reads } of namedEncoders(model.encoders)) {
    if (!isPretrained(config, name) || !hasInputs(data)) continue;
    for (const [input, modality] of Object.entries(reads)) {
      const kind = type.inputs[input];
      if (kind === "image") preparations.set(modality, preparationFor(data.image_size, filesOf(name), type));
      if (kind === "text") tokenizers.set(modality, await loadTokenizer(filesOf(name)));
    }
  }
  return { preparations, tokenizers };
}

/** The emoji's drawings lie over white. */
function backgroundOf(data: InputsConfig): Colour {
  return data.name === "emoji" ? "white" : data.background;
}

function augmentationOf(data: InputsConfig): Augmentation {
  const { flip, shift, scale, brightness, contrast, saturation, random_resized_crop, rand_augment } = data;
  return {
    flip,
    shift,
    scale,
    brightness,
    contrast,
    saturation,
    crop: random_resized_crop,
    randAugment: rand_augment,
  };
}

/** The steps of a folder's preprocessor; where its images have another size than wanted, one resize to that. */
function preparationFor(size: number, folder: string, type: EncoderType): ImagePreparation {
  const { spec, preparation } = preprocessorOf(folder, type);
  if (spec.height === size && spec.width === size) return preparation;
  return { filter: preparation.filter, resize: { height: size, width: size } };
}

/** The longest text that every encoder of a modality has positions for, where configurations say how many there are. */
function positionsOf({ model }: RunConfig, modality: string): number {
  const longest = encodersOf(modality, model.encoders).map(({ type, fields }) => type.longestText?.(fields));
  return Math.min(...longest.map((tokens) => tokens ?? Infinity));
}
