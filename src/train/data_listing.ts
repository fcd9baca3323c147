/** What the data set of a configuration lists. */
import type { Listing } from "../data/listing.ts";
import { listFeatures } from "../data/readers/features.ts";
import { listFood101 } from "../data/readers/food101.ts";
import { listN24News, N24_MAX_TOKENS } from "../data/readers/n24news.ts";
import { listTable, type TableModality } from "../data/readers/table.ts";
import { UserError } from "../io/user_error.ts";
import { RESERVED } from "../models/unis_mmc.ts";
import type { RunConfig } from "./config.ts";
import type { DataConfig, InputsConfig } from "./data_config.ts";

type TableConfig = Extract<DataConfig, { readonly name: "table" }>;
/** A data set of files, which may have faults. */
export type ListedConfig = Exclude<DataConfig, { readonly name: "emoji" }>;

/** Reads the lists of a data set, opening no image. Throws a UserError where they cannot be read at all. */
export function listSamples(data: ListedConfig, model: RunConfig["model"]): Listing {
  if (data.name === "features") {
    return listFeatures({
      root: data.root,
      validationShare: data.validation_share,
      splitSeed: data.split_seed,
    });
  }
  const maxWords = wordsFor(data);
  if (data.name === "food101") {
    const { root, layout, text, validation_samples, split_seed } = data;
    const drawn = { validationSamples: validation_samples, splitSeed: split_seed };
    return listFood101({ root, layout, text, maxWords, ...drawn });
  }
  if (data.name === "n24news") {
    const clean = model.encoders.text?.model_type !== "roberta";
    return listN24News({ root: data.root, text: data.text, clean, maxWords });
  }
  return listTable({
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

/** The modalities of a table, the short forms among them. Throws a UserError where there is none, or a name stands twice. */
export function tableModalities(data: TableConfig): Record<string, TableModality> {
  const { image, text, features } = data;
  const short: Record<string, TableModality> = {
    ...(image !== undefined && { image: { image } }),
    ...(text !== undefined && { text: { text } }),
    ...(features !== undefined && { features: { features } }),
  };
  for (const name of Object.keys(data.modalities)) {
    if (!/^[A-Za-z]\w*$/.test(name) || RESERVED.includes(name)) {
      throw new UserError(
        `"data.modalities.${name}": a name is of letters, digits and _, and none of ${RESERVED.join(", ")}`,
      );
    }
    if (name in short) throw new UserError(`"data.modalities.${name}" and "data.${name}" are both given`);
  }
  const all = { ...short, ...data.modalities };
  if (Object.keys(all).length > 0) return all;
  throw new UserError(
    `${data.file}: say which columns to use, such as --set data.image=path data.text=title data.label=category`,
  );
}
