/** What the data set of a configuration lists. */
import type { SampleIndex } from "../data/index/sample_index.ts";
import { indexFeatures } from "../data/readers/features.ts";
import { indexFood101 } from "../data/readers/food101.ts";
import { indexN24News, N24_MAX_TOKENS } from "../data/readers/n24news.ts";
import { indexTable } from "../data/readers/table.ts";
import type { RunConfig } from "../config/run_config.ts";
import { type DataConfig, type InputsConfig, tableModalities } from "../config/data_config.ts";

/** A data set of files, which may have faults. */
export type IndexedConfig = Exclude<DataConfig, { readonly name: "emoji" }>;

/** Reads the lists of a data set, opening no image. Throws a UserError where they cannot be read at all. */
export function indexSamples(data: IndexedConfig, model: RunConfig["model"]): SampleIndex {
  if (data.name === "features") {
    return indexFeatures({
      root: data.root,
      validationShare: data.validation_share,
      splitSeed: data.split_seed,
    });
  }
  const maxWords = wordsFor(data);
  if (data.name === "food101") {
    const { root, layout, text, validation_samples, split_seed } = data;
    const drawn = { validationSamples: validation_samples, splitSeed: split_seed };
    return indexFood101({ root, layout, text, maxWords, ...drawn });
  }
  if (data.name === "n24news") {
    const clean = model.encoders.text?.model_type !== "roberta";
    return indexN24News({ root: data.root, text: data.text, clean, maxWords });
  }
  return indexTable({
    file: data.file,
    modalities: tableModalities(data),
    label: data.label,
    split: data.split,
    id: data.id,
    classes: data.classes,
    validationShare: data.validation_share,
    testShare: data.test_share,
    splitSeed: data.split_seed,
    maxWords,
  });
}

/** The longest texts of a data set in tokens. */
export function maxTokensOf(data: InputsConfig): number {
  return data.name === "n24news" ? data.max_tokens ?? N24_MAX_TOKENS[data.text] : data.max_tokens;
}

/** Nearly every word is a token at least; training may leave words out, and then reads on. */
function wordsFor(data: InputsConfig): number {
  return Math.ceil(1.2 * maxTokensOf(data) / (1 - data.word_dropout)) + 16;
}
