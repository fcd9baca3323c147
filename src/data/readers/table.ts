/** Reads a table of one's own, in which each modality is a column, or several. */
import { basename, resolve } from "node:path";
import type { Split } from "../batch.ts";
import { firstWords } from "../text/clean_text.ts";
import { folderOf, InnerPaths } from "../index/inner_path.ts";
import { BadRow, IndexBuilder, pathOf } from "../index/index_builder.ts";
import type { Draw, IndexedModality, Input, SampleIndex } from "../index/sample_index.ts";
import { PLAIN_NUMBERS } from "../feature_cells.ts";
import { featuresOf } from "../index/numbers.ts";
import { keyOf } from "../../base/random.ts";
import { cleanName } from "../index/names.ts";
import { MISSING_CURE } from "../index/lacking.ts";
import { cellOf, isEmptyCell, type StreamedRow, textOf } from "./table_format.ts";
import { type TableModality, type TableOptions, withCleanNames } from "./table_options.ts";
import { targetReader } from "./table_targets.ts";
import { readAll, type ReadTable } from "./used_columns.ts";
import { type ImageLocation, StoredBytes } from "../stored_bytes.ts";

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
 * Lists the rows of a table. Images are paths, see `InnerPaths`.
 * Names of columns, classes, splits and samples count without the blanks around them. Throws a UserError for a column
 * that is not there. A validation or test split that the table lacks is drawn.
 */
export async function indexTable(given: TableOptions): Promise<SampleIndex> {
  const options = withCleanNames(given);
  const table = await readAll(options);
  const file = basename(options.file);
  const { folder } = table;
  const { task = "classification" } = options;
  const images = new InnerPaths(
    options.images == null ? folder : folderOf("data.images", folder, options.images),
    { roots: (options.roots ?? []).map((root) => resolve(folder, root)) },
  );
  const modalities = Object.entries(options.modalities).map(([name, source]) =>
    describe(name, source, table, options)
  );
  const isTraining = (row: StreamedRow) => splitOf(row, options.split) === "train";
  const { classes, read, warnings } = targetReader(table.rows, isTraining, options);
  const builder = new IndexBuilder();
  for (const row of table.rows) {
    const id = idOf(row, options.id);
    builder.row({ file: row.file ?? file, row: row.line }, id, () => {
      const split = splitOf(row, options.split); // first, as which classes there are depends on it
      const target = read(row);
      if (id === "") throw new BadRow("row", `has no id in "${options.id}"`);
      const inputs = modalities.map(({ name, ...rest }): [string, Input | null] => {
        const source = options.modalities[name]!;
        if (options.mayLack && isEmpty(row, source)) return [name, null];
        if ("image" in source) return [name, imageIn(cellOf(row, source.image), images)];
        if ("text" in source) return [name, firstWords(textOf(cellOf(row, source.text)), options.maxWords)];
        if (rest.kind !== "features") throw new TypeError(`"${name}" is no modality of numbers`);
        const { width, reading = PLAIN_NUMBERS } = rest;
        return [name, featuresOf(numbersIn(row, source.features), width, { reading })];
      });
      if (inputs.every(([, input]) => input === null)) {
        const names = modalities.map(({ name }) => `"${name}"`).join(" and ");
        throw new BadRow("row", `lacks ${names}: there is nothing to learn from`);
      }
      const group = options.group == null ? "" : cleanName(textOf(cellOf(row, options.group)));
      return {
        ...target,
        split,
        inputs: Object.fromEntries(inputs),
        ...(group !== "" && { group }),
        ...weightOf(row, options.weight),
      };
    });
  }
  return {
    name: "table",
    ...(task !== "classification" && { task }),
    source: options.file,
    classes,
    modalities,
    samples: builder.samples,
    faults: builder.faults,
    warnings: [...table.warnings, ...warnings],
    draws: missingSplits(builder, options),
    idsArePositions: options.id === null,
  };
}

function describe(
  name: string,
  source: TableModality,
  { rows }: ReadTable,
  { categories = [], numbers = PLAIN_NUMBERS, mayLack = false }: TableOptions,
): IndexedModality {
  if ("image" in source) return { name, kind: "image" };
  if ("text" in source) return { name, kind: "text" };
  const { features } = source;
  const columns = [features].flat();
  const places = columns.flatMap((column, place) => categories.includes(column) ? [place] : []);
  const isPlain = places.length === 0 && numbers.decimal === "." && !numbers.allowsMissing;
  const how = isPlain ? {} : { reading: { ...numbers, categories: new Set(places) } };
  if (typeof features !== "string") return { name, kind: "features", width: columns.length, columns, ...how };
  // An empty list is a fault of its row, not the width of all.
  const width = first(
    rows,
    (row) => mayLack && isEmpty(row, source) ? undefined : numbersIn(row, features).length || undefined,
  ) ?? 1;
  return { name, kind: "features", width, ...how };
}

/** Whether a row has nothing of a modality: its cells are empty, or not there where a format has cells by their names. */
function isEmpty({ values, fault }: StreamedRow, source: TableModality): boolean {
  if (fault !== undefined) return false;
  const [own] = Object.values(source) as [string | readonly string[]];
  return [own].flat().every((column) => isEmptyCell(values[column]));
}

/** An image in a cell: bytes that are read when they are wanted, or a path. */
function imageIn(cell: unknown, images: InnerPaths): ImageLocation {
  if (cell instanceof StoredBytes) return cell;
  const path = textOf(cell);
  if (path.trim() === "") {
    throw new BadRow("image", `cannot use the image: no path is given; ${MISSING_CURE}`);
  }
  return pathOf("image", images, path);
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
  // Lines of several files are told apart by the file.
  if (column === null) return row.file === undefined ? String(row.line) : `${row.file}:${row.line}`;
  return orUndefined(() => cleanName(textOf(cellOf(row, column)))) ?? "";
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
