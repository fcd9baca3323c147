/** Reads a table of one's own, in which each modality is a column, or several. */
import { basename, dirname } from "node:path";
import { UserError } from "../../base/user_error.ts";
import type { Split } from "../batch.ts";
import { firstWords } from "../text/clean_text.ts";
import { InnerPaths } from "../index/inner_path.ts";
import { BadRow, IndexBuilder, labelOf, numbersOf, pathOf } from "../index/index_builder.ts";
import type { Draw, Fold, IndexedModality, Input, SampleIndex } from "../index/sample_index.ts";
import { featuresOf } from "../index/numbers.ts";
import { keyOf } from "../../base/random.ts";
import { nearest } from "../../base/nearest.ts";
import { cleanName, sortedClasses } from "../index/names.ts";
import { cellOf, type OpenTable, type StreamedRow, type TableReading, textOf } from "./table_format.ts";
import { openTable } from "./table_formats.ts";

/** The columns of a modality: one of paths or texts, one of lists of numbers (JSONL), or several of numbers. */
export type TableModality =
  | { readonly image: string }
  | { readonly text: string }
  | { readonly features: string | readonly string[] };

export interface TableOptions {
  readonly file: string;
  /** By their names. */
  readonly modalities: Readonly<Record<string, TableModality>>;
  /** The column of the class. */
  readonly label: string;
  /** The column that says train, validation or test; null to draw all splits. */
  readonly split: string | null;
  /** The column whose samples of one value stay in one split where splits are drawn; null for none. */
  readonly group?: string | null;
  /** The column that names samples; null to number them by line. */
  readonly id: string | null;
  /** The column of what a sample counts in training, a number above 0; null where all count alike. */
  readonly weight: string | null;
  /** The names of the classes in order; null to take those of the training samples, sorted. */
  readonly classes: readonly string[] | null;
  /** Classes that are known already and come first, in this order, where `classes` is null. */
  readonly knownClasses?: readonly string[];
  /** The fractions of all rows that are drawn from every class alike by `splitSeed`, where the table does not say. */
  readonly validationShare: number;
  readonly testShare: number;
  readonly splitSeed: number;
  /** The fold of all rows that is the test split, in place of the share. */
  readonly fold?: Fold | null;
  /** The longest text, in words. */
  readonly maxWords: number;
  /** How the file is read, where that is not to be found out. */
  readonly reading?: TableReading;
}

/** A table of which all rows have been read, with the columns that are used. */
interface ReadTable extends Omit<OpenTable, "rows"> {
  readonly rows: readonly StreamedRow[];
}

const SPLITS: Readonly<Record<string, Split>> = {
  train: "train",
  training: "train",
  validation: "validation",
  valid: "validation",
  val: "validation",
  dev: "validation",
  test: "test",
};

/**
 * Lists the rows of a table. Images are paths relative to the file, below its folder.
 * Names of columns, classes, splits and samples count without the blanks around them. Throws a UserError for a column
 * that is not there. A validation or test split that the table lacks is drawn.
 */
export async function indexTable(given: TableOptions): Promise<SampleIndex> {
  const options = withCleanNames(given);
  const table = await readAll(options);
  const file = basename(options.file);
  const images = new InnerPaths(dirname(options.file));
  const modalities = Object.entries(options.modalities).map(([name, source]) =>
    describe(name, source, table)
  );
  const classes = options.classes ??
    [...new Set([...options.knownClasses ?? [], ...classesOf(table.rows, options)])];
  const numbers = numbersOf(classes);
  const unlisted = options.classes === null
    ? ", which no training sample has"
    : ', which "data.classes" lacks';
  const builder = new IndexBuilder();
  for (const row of table.rows) {
    const id = idOf(row, options.id);
    builder.row({ file, row: row.line }, id, () => {
      const label = labelOf(textOf(cellOf(row, options.label)), numbers, unlisted);
      if (id === "") throw new BadRow("row", `has no id in "${options.id}"`);
      const inputs = modalities.map(({ name, ...rest }): [string, Input] => {
        const source = options.modalities[name]!;
        if ("image" in source) return [name, pathOf("image", images, textOf(cellOf(row, source.image)))];
        if ("text" in source) return [name, firstWords(textOf(cellOf(row, source.text)), options.maxWords)];
        return [name, featuresOf(numbersIn(row, source.features), "width" in rest ? rest.width : 0)];
      });
      const group = options.group == null ? "" : cleanName(textOf(cellOf(row, options.group)));
      return {
        label,
        split: splitOf(row, options.split),
        inputs: Object.fromEntries(inputs),
        ...(group !== "" && { group }),
        ...weightOf(row, options.weight),
      };
    });
  }
  return {
    name: "table",
    source: options.file,
    classes,
    modalities,
    samples: builder.samples,
    faults: builder.faults,
    warnings: table.warnings,
    draws: missingSplits(builder, options),
    idsArePositions: options.id === null,
  };
}

/** The options with the names of columns and classes as `cleanName` has them. Throws a UserError for a class that is named twice. */
function withCleanNames(
  { modalities, label, split, group = null, id, weight, classes, ...rest }: TableOptions,
): TableOptions {
  const clean = (name: string | null) => name === null ? null : cleanName(name);
  const cleanSource = (source: TableModality): TableModality => {
    if ("image" in source) return { image: cleanName(source.image) };
    if ("text" in source) return { text: cleanName(source.text) };
    const { features } = source;
    return { features: typeof features === "string" ? cleanName(features) : features.map(cleanName) };
  };
  const names = classes?.map(cleanName) ?? null;
  const wrong = names?.find((name, at) => name === "" || names.indexOf(name) !== at);
  if (wrong !== undefined) {
    const what = wrong === "" ? "a name of blanks alone" : `"${wrong}" twice`;
    throw new UserError(`"data.classes" holds ${what}`);
  }
  return {
    ...rest,
    modalities: Object.fromEntries(
      Object.entries(modalities).map(([name, source]) => [name, cleanSource(source)]),
    ),
    label: cleanName(label),
    split: clean(split),
    group: clean(group),
    id: clean(id),
    weight: clean(weight),
    classes: names,
  };
}

/** The number of columns that are named where one is not found. */
const MOST_NAMED = 20;

/** The columns that are used, each with what for. */
function usedColumns(
  { modalities, label, split, group = null, id, weight }: TableOptions,
): [use: string, column: string][] {
  const keys = { label, split, group, id, weight };
  return [
    ...Object.entries(modalities).flatMap(([name, source]): [string, string][] => {
      const own = "image" in source ? source.image : "text" in source ? source.text : source.features;
      return [own].flat().map((column) => [`the modality "${name}"`, column]);
    }),
    ...Object.entries(keys).flatMap(([key, column]): [string, string][] =>
      column === null ? [] : [[`"data.${key}"`, column]]
    ),
  ];
}

/** Reads all rows, and keeps the columns that are used. Throws a UserError for one that is not there. */
async function readAll(options: TableOptions): Promise<ReadTable> {
  const { file, reading } = options;
  const { columns, warnings, rows } = await openTable(file, reading);
  const used = usedColumns(options);
  if (columns.length > 0) checkColumns(file, used, columns);
  const kept = new Set(used.map(([, column]) => column));
  const found = new Set<string>();
  const all: StreamedRow[] = [];
  for await (const row of rows) {
    const cells = Object.entries(row.values);
    for (const [name] of cells) found.add(name);
    all.push({ ...row, values: Object.fromEntries(cells.filter(([name]) => kept.has(name))) });
  }
  // An empty file has no columns, which is told of every data set alike.
  if (columns.length === 0 && found.size > 0) checkColumns(file, used, [...found]);
  return { columns, warnings, rows: all };
}

function checkColumns(file: string, used: readonly [string, string][], columns: readonly string[]): void {
  const known = new Set(columns);
  for (const [what, column] of used) {
    if (!known.has(column)) {
      const meant = nearest(column, columns);
      const hint = meant === undefined ? "" : `did you mean "${meant}"? `;
      const more = columns.length > MOST_NAMED ? ` and ${columns.length - MOST_NAMED} more` : "";
      throw new UserError(
        `${file} has no column "${column}" for ${what}: ${hint}it has ${
          columns.slice(0, MOST_NAMED).join(", ")
        }${more}`,
      );
    }
    if (columns.indexOf(column) !== columns.lastIndexOf(column)) {
      throw new UserError(`${file} has two columns "${column}": ${what} may mean either`);
    }
  }
}

function describe(name: string, source: TableModality, { rows }: ReadTable): IndexedModality {
  if ("image" in source) return { name, kind: "image" };
  if ("text" in source) return { name, kind: "text" };
  const { features } = source;
  if (typeof features !== "string") {
    return { name, kind: "features", width: features.length, columns: features };
  }
  // An empty list is a fault of its row, not the width of all.
  const width = first(rows, (row) => numbersIn(row, features).length || undefined) ?? 1;
  return { name, kind: "features", width };
}

/** The value that `read` gives for the first row that has one. */
function first<T>(rows: readonly StreamedRow[], read: (row: StreamedRow) => T | undefined): T | undefined {
  for (const row of rows) {
    const value = orUndefined(() => read(row));
    if (value !== undefined) return value;
  }
}

function numbersIn(row: StreamedRow, features: string | readonly string[]): readonly unknown[] {
  if (typeof features !== "string") return features.map((column) => cellOf(row, column));
  const cell = cellOf(row, features);
  return Array.isArray(cell) ? cell : [cell];
}

/**
 * The labels of the rows that are for training, sorted. Where there are none, those of all rows: that training rows are
 * missing is the fault then, not each label.
 */
function classesOf(rows: readonly StreamedRow[], { label, split, knownClasses }: TableOptions): string[] {
  const labels = rows.flatMap((row) =>
    orUndefined(() => [{ name: cleanName(textOf(cellOf(row, label))), split: splitOf(row, split) }]) ?? []
  ).filter(({ name }) => name !== "");
  const training = labels.filter((one) => one.split === "train");
  const named = training.length === 0 && !knownClasses?.length ? labels : training;
  return sortedClasses(named.map(({ name }) => name));
}

/** Undefined where `read` finds a row broken, which is told when the row is listed. */
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof BadRow) return undefined;
    throw error;
  }
}

function idOf(row: StreamedRow, column: string | null): string {
  return column === null ? String(row.line) : orUndefined(() => cleanName(textOf(cellOf(row, column)))) ?? "";
}

function splitOf(row: StreamedRow, column: string | null): Split {
  if (column === null) return "train";
  const given = cleanName(textOf(cellOf(row, column))).toLowerCase();
  if (Object.hasOwn(SPLITS, given)) return SPLITS[given]!;
  throw new BadRow("row", `"${column}" must be train, validation or test, got "${given}"`);
}

function weightOf(row: StreamedRow, column: string | null): { weight: number } | undefined {
  if (column === null) return undefined;
  const given = textOf(cellOf(row, column)).trim();
  const weight = given === "" ? NaN : Number(given);
  if (weight > 0 && weight < Infinity) return { weight };
  throw new BadRow("row", `"${column}" must be a number above 0, got "${given}"`);
}

/** The test split, then the validation split, where no row is in it. */
function missingSplits(
  { samples }: IndexBuilder,
  { testShare, validationShare, splitSeed, fold }: TableOptions,
): Draw[] {
  const shares = [["test", fold ? 1 / fold.of : testShare], ["validation", validationShare]] as const;
  return shares.filter(([split]) => !samples.some((sample) => sample.split === split)).map((
    [split, share],
  ) => ({
    split,
    count: Math.round(share * samples.length),
    seed: keyOf(splitSeed, split === "test" ? 1 : 0),
    ...(split === "test" && fold ? { fold, key: "data.folds" } : { key: `data.${split}_share` }),
  }));
}
