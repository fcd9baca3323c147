/** Reads N24News: the photograph of a New York Times article with its headline, caption, abstract or body. */
import { cleanText, firstWords } from "../text/clean_text.ts";
import { BadRow } from "../index/index_builder.ts";
import type { InnerPathsOptions } from "../index/inner_path.ts";
import type { SampleIndex } from "../index/sample_index.ts";
import { expectedOf, indexRows, type ListedRow, packagingOf } from "./listed_rows.ts";
import { N24_PACKAGINGS } from "./n24news_packagings.ts";

export const N24_TEXTS = ["headline", "caption", "abstract", "body"] as const;
export type N24Text = typeof N24_TEXTS[number];

export const N24_LAYOUTS = ["auto", "prepared", "published", "flat", "whole"] as const;

export interface N24NewsOptions {
  readonly root: string;
  /** Where files may lie beside it. */
  readonly paths?: InnerPathsOptions;
  /** One of the packagings, by name; "auto", if not given, looks which files are there. */
  readonly layout?: typeof N24_LAYOUTS[number];
  readonly text: N24Text;
  /** Of the splits that are drawn where the packaging has none; 1 if not given. */
  readonly splitSeed?: number;
  /** Whether a body is cleaned, as published for BERT; RoBERTa reads it as it is. */
  readonly clean: boolean;
  /** The longest text, in words. */
  readonly maxWords: number;
}

/** The longest texts in tokens, as published. */
export const N24_MAX_TOKENS: Readonly<Record<N24Text, number>> = {
  headline: 20,
  caption: 100,
  abstract: 100,
  body: 512,
};

/** The classes, which are sections of the newspaper, in the order of the published code. */
export const SECTIONS: readonly string[] = [
  "Health",
  "Books",
  "Science",
  "Art & Design",
  "Television",
  "Style",
  "Travel",
  "Media",
  "Movies",
  "Food",
  "Dance",
  "Well",
  "Real Estate",
  "Fashion & Style",
  "Economy",
  "Technology",
  "Sports",
  "Your Money",
  "Theater",
  "Education",
  "Opinion",
  "Automobiles",
  "Music",
  "Global Business",
];

/** Lists the articles; an article's id is that of its image. Throws a UserError where the folder has none of the packagings. */
export function indexN24News(options: N24NewsOptions): SampleIndex {
  const { root, layout = "auto" } = options;
  const packaging = packagingOf(root, N24_PACKAGINGS, layout, "N24News");
  const rows = packaging.rows(root, false);
  const index = indexNewsRows(rows, options);
  const expected = expectedOf(packaging, rows);
  return expected === undefined ? index : { ...index, expected };
}

/** The samples of rows. Where all are of one split, a tenth of them each becomes validation and test, as published. */
export function indexNewsRows(
  rows: readonly ListedRow[],
  { root, paths, text, splitSeed = 1, clean, maxWords }: Omit<N24NewsOptions, "layout">,
): SampleIndex {
  const isCleaned = text === "body" && clean;
  const read = ({ texts }: ListedRow) => {
    const raw = texts[text];
    if (raw === undefined) throw new BadRow("row", `has no text as "${text}"`);
    return firstWords(isCleaned ? cleanText(raw ?? "") : raw ?? "", maxWords);
  };
  const index = indexRows(root, rows, SECTIONS, read, paths);
  const { length } = index.samples;
  const isWhole = rows.every(({ split }) => split === "train");
  const draw = { seed: splitSeed, key: "data.split_seed" };
  return {
    name: "n24news",
    ...index,
    modalities: [{ name: "image", kind: "image" }, { name: "text", kind: "text", isCleaned }],
    draws: isWhole
      ? [{ ...draw, split: "validation", count: Math.floor(length / 10) }, {
        ...draw,
        split: "test",
        count: Math.ceil(length / 10),
      }]
      : [],
  };
}

/** The samples of rows with all their texts as one, to look for faults that matter whichever is read. */
export function indexAnyNews(
  root: string,
  rows: readonly ListedRow[],
  paths: InnerPathsOptions = {},
): SampleIndex {
  const read = ({ texts }: ListedRow) => Object.values(texts).join(" ");
  return {
    name: "n24news",
    ...indexRows(root, rows, SECTIONS, read, paths),
    modalities: [{ name: "image", kind: "image" }, { name: "text", kind: "text" }],
  };
}
