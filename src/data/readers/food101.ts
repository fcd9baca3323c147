/** Reads UPMC-Food-101: photographs of dishes, each with the page or the title it was found with. */
import { UserError } from "../../base/user_error.ts";
import { cleanText, firstWords } from "../text/clean_text.ts";
import { BadRow, ofFile } from "../index/index_builder.ts";
import { InnerPaths, type InnerPathsOptions } from "../index/inner_path.ts";
import type { SampleIndex } from "../index/sample_index.ts";
import { readAnyText } from "../../io/text_file.ts";
import { FOOD_CLASSES } from "./food_classes.ts";
import { FOOD101_PACKAGINGS } from "./food101_packagings.ts";
import { expectedOf, indexRows, type ListedRow, packagingOf } from "./listed_rows.ts";

export const FOOD101_LAYOUTS = ["auto", "prepared", "published", "jsonl", "titles", "folders"] as const;

export interface Food101Options {
  readonly root: string;
  /** Where files may lie beside it. */
  readonly paths?: InnerPathsOptions;
  /** One of the packagings, by name; "auto" looks which files are there. */
  readonly layout: typeof FOOD101_LAYOUTS[number];
  /** The page, as the published code reads it, or the title; "auto" is the first of these that the packaging has. */
  readonly text: "auto" | "page" | "title";
  /** How many of the training samples are held back where the packaging has no validation split, from every class alike. */
  readonly validationSamples: number;
  readonly splitSeed: number;
  /** The longest text, in words. */
  readonly maxWords: number;
}

/** In the order in which "auto" takes them; "text" is one of which only the packager knows what it was. */
const KINDS: Readonly<Record<string, string>> = { page: "pages", title: "titles", text: "texts of one kind" };

/** Lists the samples; texts are cleaned as published. Throws a UserError where the folder has none of the packagings. */
export function indexFood101(options: Food101Options): SampleIndex {
  const { root, layout } = options;
  const packaging = packagingOf(root, FOOD101_PACKAGINGS, layout, "UPMC-Food-101");
  const rows = packaging.rows(root, false);
  const kinds = packaging.texts ?? Object.keys(rows[0]?.texts ?? {});
  const index = indexFoodRows(rows, options, textKind(options, packaging.layout, kinds));
  const expected = expectedOf(packaging, rows);
  return expected === undefined ? index : { ...index, expected };
}

function textKind({ text, root }: Food101Options, layout: string, kinds: readonly string[]): string {
  const kind = text === "auto" ? Object.keys(KINDS).find((kind) => kinds.includes(kind)) : text;
  if (kind === undefined || kinds.includes(kind) || kinds.length === 0) return kind ?? "page";
  const has = kinds.map((kind) => KINDS[kind] ?? kind).join(" and ");
  throw new UserError(`"data.text" is ${text}, but the layout ${layout} of ${root} has ${has} only`);
}

/** The samples of rows, whose text is of that kind. */
export function indexFoodRows(
  rows: readonly ListedRow[],
  { root, paths, validationSamples, splitSeed, maxWords }: Omit<Food101Options, "layout" | "text">,
  kind: string,
): SampleIndex {
  const files = new InnerPaths(root, paths);
  const read = ({ texts }: ListedRow) => {
    const text = texts[kind];
    if (typeof text !== "string") throw new BadRow("row", `has no ${kind}`);
    const raw = kind === "page" ? ofFile("text", () => readAnyText(files.find(text))) : text;
    return firstWords(cleanText(raw), maxWords);
  };
  const hasValidation = rows.some(({ split }) => split === "validation");
  const draw = {
    split: "validation",
    count: validationSamples,
    seed: splitSeed,
    key: "data.validation_samples",
  } as const;
  return {
    name: "food101",
    ...indexRows(root, rows, FOOD_CLASSES, read, paths),
    modalities: [{ name: "image", kind: "image" }, { name: "text", kind: "text", isCleaned: true }],
    draws: hasValidation ? [] : [draw],
  };
}
