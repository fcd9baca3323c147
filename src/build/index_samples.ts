/** Indexes the samples of the data set that a configuration names. */
import { UserError } from "../base/user_error.ts";
import { indexEmoji } from "../data/emoji/emoji.ts";
import type { SampleIndex } from "../data/index/sample_index.ts";
import { indexFeatures } from "../data/readers/features.ts";
import { indexFood101 } from "../data/readers/food101.ts";
import { indexN24News, N24_MAX_TOKENS } from "../data/readers/n24news.ts";
import { lackingEmptyTexts } from "../data/index/lacking.ts";
import { indexTable } from "../data/readers/table.ts";
import type { RunConfig } from "../config/run_config.ts";
import { encodersOf } from "../config/encoder_config.ts";
import { type DataConfig, type InputsConfig, tableModalities } from "../config/data_config.ts";

/** A data set of files, which may have faults. */
export type IndexedConfig = Exclude<DataConfig, { readonly name: "emoji" }>;

export interface IndexOptions {
  /** Classes that are known already and keep their order, where the data set names none itself. */
  readonly knownClasses?: readonly string[];
  /** True: texts are not cut at what a model may read of them. */
  readonly wholeTexts?: boolean;
  /** Told what is worth knowing but no error. */
  note?(message: string): void;
}

/** As `indexFiles`, for any data set. */
export async function indexSamples(
  { data, model }: Pick<RunConfig, "data" | "model">,
  options: IndexOptions = {},
): Promise<SampleIndex> {
  if (data.name !== "emoji") return await indexFiles(data, model, options);
  return await indexEmoji({ labels: data.labels, ...(options.note && { note: options.note }) });
}

/** Reads the lists of a data set, opening no image. Throws a UserError where they cannot be read at all. */
export async function indexFiles(
  data: IndexedConfig,
  model: RunConfig["model"],
  { knownClasses = [], wholeTexts = false }: IndexOptions = {},
): Promise<SampleIndex> {
  if (data.name === "features") {
    const { root, validation_share: validationShare, split_seed: splitSeed } = data;
    return indexFeatures({ root, validationShare, splitSeed, knownClasses });
  }
  if (data.name !== "table") {
    const index = indexListed(data, model);
    return data.missing === "refuse" ? index : lackingEmptyTexts(index);
  }
  const maxWords = wordsFor(data);
  const { delimiter, encoding, folds, fold } = data;
  if (folds !== null && fold === null) {
    throw new UserError(
      `"data.folds" is ${folds}: "unis experiment" makes a run of each fold; a single one is named by data.fold`,
    );
  }
  return await indexTable({
    file: data.file,
    images: data.images,
    roots: data.roots,
    reading: { delimiter, encoding },
    categories: data.categories,
    numbers: { decimal: data.decimal, allowsMissing: data.missing_numbers === "mean" },
    modalities: tableModalities(data),
    mayLack: data.missing !== "refuse",
    task: data.task,
    label: data.label,
    labelsSeparator: data.labels_separator,
    decimal: data.decimal,
    split: data.split,
    group: data.group,
    fold: fold !== null && folds !== null ? { number: fold, of: folds } : null,
    id: data.id,
    weight: data.weight,
    classes: data.classes,
    knownClasses,
    validationShare: data.validation_share,
    testShare: data.test_share,
    splitSeed: data.split_seed,
    maxWords: wholeTexts ? Infinity : maxWords,
  });
}

/** A published data set of images and texts, which lists its samples in files of its own. */
function indexListed(
  data: Extract<IndexedConfig, { readonly name: "food101" | "n24news" }>,
  model: RunConfig["model"],
): SampleIndex {
  const maxWords = wordsFor(data);
  if (data.name === "food101") {
    const { root, layout, text, validation_samples, split_seed, roots } = data;
    const drawn = { validationSamples: validation_samples, splitSeed: split_seed };
    return indexFood101({ root, paths: { roots }, layout, text, maxWords, ...drawn });
  }
  const clean = !encodersOf("text", model.encoders).some(({ type }) => type.readsRawTexts);
  const { root, layout, text, split_seed: splitSeed, roots } = data;
  return indexN24News({ root, paths: { roots }, layout, text, splitSeed, clean, maxWords });
}

/** The longest texts of a data set in tokens. */
export function maxTokensOf(data: InputsConfig): number {
  return data.name === "n24news" ? data.max_tokens ?? N24_MAX_TOKENS[data.text] : data.max_tokens;
}

/** Nearly every word is a token at least; training may leave words out, and then reads on. */
function wordsFor(data: InputsConfig): number {
  return Math.ceil(1.2 * maxTokensOf(data) / (1 - data.word_dropout)) + 16;
}
