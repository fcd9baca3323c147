/** The data sets of the paper: what each consists of, where that is published, and how its lists are read. */
import type { InnerPathsOptions } from "../index/inner_path.ts";
import type { SampleIndex } from "../index/sample_index.ts";
import { indexFoodRows } from "../readers/food101.ts";
import { FOOD101_PACKAGINGS } from "../readers/food101_packagings.ts";
import type { ListedRow, Packaging } from "../readers/listed_rows.ts";
import { indexAnyNews } from "../readers/n24news.ts";
import { N24_PACKAGINGS } from "../readers/n24news_packagings.ts";

/** One piece of a data set as people get it. */
export interface Piece {
  /** Its files or folders, from the root; it is there where all of one of these ways are. */
  readonly ways: readonly (readonly string[])[];
  readonly what: string;
  /** Where it is published, and in what state that is. */
  readonly where: string;
}

export interface PublishedSet {
  readonly title: string;
  readonly pieces: readonly Piece[];
  readonly packagings: readonly Packaging[];
  /** The samples of rows, with whatever text tells whether there is one; `kind` is that of `Packaging.texts`. */
  index(root: string, rows: readonly ListedRow[], kind: string, paths?: InnerPathsOptions): SampleIndex;
}

const KAGGLE = "kaggle.com/datasets/gianmarco96/upmcfood101";
const NEWS = "linked in the README of github.com/billywzh717/N24News";
/** No text is cut short: what matters is whether a word is left. */
const UNCUT = { maxWords: Infinity, validationSamples: 0, splitSeed: 1 };

export const PUBLISHED_SETS = {
  food101: {
    title: "UPMC-Food-101",
    pieces: [
      {
        ways: [["images/train", "images/test"]],
        what: "photographs, in a folder a class",
        where: `${KAGGLE}, or visiir.isir.upmc.fr/explore, which is often down`,
      },
      {
        ways: [["texts_txt"]],
        what: "pages, which the paper reads",
        where:
          "in the first distribution alone (UPMC_Food101.tar.gz of visiir.lip6.fr, down since 2023); passed on in " +
          "issue 3 of github.com/artelab/Image-and-Text-fusion-for-UPMC-Food-101-using-BERT-and-CNNs",
      },
      {
        ways: [["train.csv", "test.csv"]],
        what: "the split of the paper, with titles",
        where: "linked in the README of github.com/Vincent-ZHQ/UniS-MMC",
      },
      {
        ways: [["texts/train_titles.csv", "texts/test_titles.csv"]],
        what: "titles, instead of pages",
        where: KAGGLE,
      },
      {
        ways: [["train.jsonl", "dev.jsonl", "test.jsonl"]],
        what: "lists as MMBT reads them, instead of the above",
        where: "made of pages by scripts/food_101.py of github.com/facebookresearch/mmbt; of titles in " +
          "github.com/QingyangZhang/QMF",
      },
    ],
    packagings: FOOD101_PACKAGINGS,
    index: (root, rows, kind, paths = {}) => indexFoodRows(rows, { root, paths, ...UNCUT }, kind),
  },
  n24news: {
    title: "N24News",
    pieces: [
      { ways: [["imgs"], ["images"]], what: "photographs, named by image_id", where: NEWS },
      {
        ways: N24_PACKAGINGS.filter(({ layout }) => layout !== "prepared").map(({ lists }) => lists),
        what: "articles",
        where: NEWS,
      },
    ],
    packagings: N24_PACKAGINGS,
    index: (root, rows, _kind, paths) => indexAnyNews(root, rows, paths),
  },
} satisfies Readonly<Record<string, PublishedSet>>;

export type PublishedName = keyof typeof PUBLISHED_SETS;
