// What the lists of a data set of images and texts say of its samples, whatever packaging it came in: a row becomes a
// sample, or a fault. The list that `unis data prepare` writes is a packaging like the others.
import { join } from "node:path";
import { UserError } from "../../base/user_error.ts";
import { writeTextFile } from "../../io/new_file.ts";
import { exists } from "../../io/files.ts";
import { isJsonObject } from "../../io/strict_json.ts";
import type { Split } from "../batch.ts";
import { BadRow, IndexBuilder, labelOf, numbersOf, pathOf } from "../index/index_builder.ts";
import { InnerPaths, type InnerPathsOptions } from "../index/inner_path.ts";
import { cleanName } from "../index/names.ts";
import type { Origin, SampleIndex, SplitCounts } from "../index/sample_index.ts";
import { readJsonLines } from "./formats/json_lines.ts";
import { cellOf, type StreamedRow } from "./table_format.ts";

/** One row of a list, before anything that it names is looked for. */
export interface ListedRow extends Origin {
  readonly id: string;
  readonly split: Split;
  /** The path of the image, from the root of the data set. */
  readonly image: string;
  readonly label: string;
  /** By kind; a "page" is the path of its file, from the root. Null where a list says that there is none. */
  readonly texts: Readonly<Record<string, string | null>>;
  /** The number of the class, where the list has one. */
  readonly number?: string;
  /** Says why the row cannot be read ("has ..."). */
  readonly fault?: string;
  /** Says what was wrong with the row and is made good in what stands here. */
  readonly repaired?: string;
}

/** One of the ways in which a data set is handed on. */
export interface Packaging {
  readonly layout: string;
  /** Its lists, from the root. It is the packaging of a folder that has the first of them. */
  readonly lists: readonly string[];
  /** The kinds of text that it has, the one that is read unless another is asked for first; undefined where rows tell. */
  readonly texts?: readonly string[];
  /** How many samples it has as published, a validation split that is yet to be drawn counted apart; by variant, if several. */
  readonly expected?: readonly Partial<SplitCounts>[];
  /** The rows of all lists. `repair` makes good what is known to be wrong with published ones. */
  rows(root: string, repair: boolean): ListedRow[];
}

/** The packaging of a folder: the one asked for, or the first of `packagings` that has its first list there. */
export function packagingOf(
  root: string,
  packagings: readonly Packaging[],
  layout: string,
  what: string,
): Packaging {
  const asked = packagings.filter((packaging) => layout === "auto" || packaging.layout === layout);
  const found = asked.find(({ lists }) => exists(join(root, lists[0]!))) ??
    (layout === "auto" ? undefined : asked[0]); // reading it will say what is missing
  if (found !== undefined) return found;
  const lists = packagings.filter(({ layout }) => layout !== "prepared").map(({ lists }) => lists[0]!);
  throw new UserError(`${root} is no folder of ${what}: it has none of ${lists.join(", ")}`);
}

/** The counts of the published variant whose test split is nearest to that of the rows; undefined where none is known. */
export function expectedOf(
  { expected = [] }: Packaging,
  rows: readonly ListedRow[],
): Partial<SplitCounts> | undefined {
  const test = rows.filter(({ split }) => split === "test").length;
  const distance = (counts: Partial<SplitCounts>) => Math.abs((counts.test ?? Infinity) - test);
  return expected.toSorted((a, b) => distance(a) - distance(b))[0];
}

/** Makes samples of rows, whose paths count from `root`; `read` gives the text of a row, and throws a `BadRow` where it has none. */
export function indexRows(
  root: string,
  rows: readonly ListedRow[],
  classes: readonly string[],
  read: (row: ListedRow) => string,
  paths: InnerPathsOptions = {},
): Pick<SampleIndex, "source" | "classes" | "samples" | "faults"> {
  const numbers = numbersOf(classes);
  const files = new InnerPaths(root, paths);
  const builder = new IndexBuilder();
  const seen = new Map<string, string>();
  for (const row of rows) {
    builder.row({ file: row.file, row: row.row }, row.id, () => {
      if (row.fault !== undefined) throw new BadRow("row", row.fault);
      const label = labelOf(row.label, numbers);
      if (row.number !== undefined) mustAgree(row.number, row.label, seen);
      const image = pathOf("image", files, row.image);
      return { label, split: row.split, inputs: { image, text: read(row) } };
    });
  }
  return { source: root, classes, samples: builder.samples, faults: builder.faults };
}

/** Throws a `BadRow` where a number stood for another class before. */
function mustAgree(number: string, label: string, seen: Map<string, string>): void {
  const before = seen.get(number) ?? label;
  seen.set(number, before);
  if (before !== label) {
    throw new BadRow("label", `label ${number} is ${label} here and ${before} in an earlier row`);
  }
}

/** The rows of a file of JSON lines; one that cannot be read, or that `read` throws a `BadRow` for, becomes a fault. */
export function jsonRows(
  root: string,
  file: string,
  read: (row: StreamedRow) => Omit<ListedRow, "file" | "row">,
): ListedRow[] {
  return readJsonLines(join(root, file)).map((row): ListedRow => {
    const origin = { file, row: row.line };
    try {
      return { ...origin, ...read(row) };
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      return { ...origin, ...NOTHING, fault: error.message };
    }
  });
}

/** Stands for what a faulty row does not tell. */
export const NOTHING = { id: "", split: "train", image: "", label: "", texts: {} } as const;

/** The text in a column. Throws a `BadRow` where it holds something else. */
export function textIn(row: StreamedRow, column: string): string {
  const value = cellOf(row, column);
  if (typeof value !== "string") throw new BadRow("row", `has no text as "${column}"`);
  return value;
}

/** The list that `unis data prepare` writes beside those of a data set. */
export const PREPARED_LIST = "unis_prepared.jsonl";
const SPLITS: readonly Split[] = ["train", "validation", "test"];

export const PREPARED: Packaging = {
  layout: "prepared",
  lists: [PREPARED_LIST],
  rows: (root) =>
    jsonRows(root, PREPARED_LIST, (row) => {
      const split = SPLITS.find((split) => split === cellOf(row, "split"));
      if (split === undefined) throw new BadRow("row", `has a split that is none of ${SPLITS.join(", ")}`);
      const texts = cellOf(row, "texts");
      const kinds = isJsonObject(texts) ? Object.entries(texts) : [];
      const known = kinds.filter((entry): entry is [string, string | null] =>
        typeof entry[1] === "string" || entry[1] === null
      );
      const [id, label, image] = ["id", "label", "image"].map((column) => cleanName(textIn(row, column)));
      return { id: id!, split, label: label!, image: image!, texts: Object.fromEntries(known) };
    }),
};

/** Writes the list of the packaging above. Throws a UserError where it cannot be written. */
export function writePrepared(root: string, rows: readonly ListedRow[]): void {
  const lines = rows.map(({ id, split, label, image, texts }) =>
    JSON.stringify({ id, split, label, image, texts }) + "\n"
  );
  writeTextFile(join(root, PREPARED_LIST), lines.join(""));
}
