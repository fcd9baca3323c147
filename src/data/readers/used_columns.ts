/** Reads a table with the columns that are used, and says which of them it lacks. */
import { listed } from "../../base/listing.ts";
import { nearest } from "../../base/nearest.ts";
import { UserError } from "../../base/user_error.ts";
import type { StreamedRow } from "./table_format.ts";
import { openTable, type PlacedTable } from "./table_formats.ts";
import type { TableOptions } from "./table_options.ts";

/** A table of which all rows have been read, with the columns that are used. */
export interface ReadTable extends Omit<PlacedTable, "rows"> {
  readonly rows: readonly StreamedRow[];
}

/** The number of columns that are named where one is not found. */
const MOST_NAMED = 20;

/** The columns that are used, each with what for. */
function usedColumns(
  { modalities, label, split, group = null, id, weight }: TableOptions,
): [use: string, column: string][] {
  const keys = { split, group, id, weight };
  return [
    ...Object.entries(modalities).flatMap(([name, source]): [string, string][] => {
      const own = "image" in source ? source.image : "text" in source ? source.text : source.features;
      return [own].flat().map((column) => [`the modality "${name}"`, column]);
    }),
    ...[label].flat().map((column): [string, string] => ['"data.label"', column]),
    ...Object.entries(keys).flatMap(([key, column]): [string, string][] =>
      column === null ? [] : [[`"data.${key}"`, column]]
    ),
  ];
}

/** Reads all rows, and keeps the columns that are used. Throws a UserError for one that is not there. */
export async function readAll(options: TableOptions): Promise<ReadTable> {
  const { file, reading } = options;
  const used = usedColumns(options);
  const images = Object.values(options.modalities).flatMap((source) =>
    "image" in source ? [source.image] : []
  );
  const kept = new Set(used.map(([, column]) => column));
  const { columns, warnings, rows, folder } = await openTable(file, {
    ...reading,
    used: kept,
    images: new Set(images),
  });
  if (columns.length > 0) checkColumns(file, used, columns);
  const found = new Set<string>();
  const all: StreamedRow[] = [];
  for await (const row of rows) {
    const cells = Object.entries(row.values);
    for (const [name] of cells) found.add(name);
    all.push({ ...row, values: Object.fromEntries(cells.filter(([name]) => kept.has(name))) });
  }
  // An empty file has no columns, which is told of every data set alike.
  if (columns.length === 0 && found.size > 0) checkColumns(file, used, [...found]);
  return { columns, warnings, folder, rows: all };
}

function checkColumns(file: string, used: readonly [string, string][], columns: readonly string[]): void {
  const known = new Set(columns);
  for (const [what, column] of used) {
    if (!known.has(column)) {
      const meant = nearest(column, columns);
      const hint = meant === undefined ? "" : `did you mean "${meant}"? `;
      throw new UserError(
        `${file} has no column "${column}" for ${what}: ${hint}it has ${listed(columns, MOST_NAMED)}`,
      );
    }
    if (columns.indexOf(column) !== columns.lastIndexOf(column)) {
      throw new UserError(`${file} has two columns "${column}": ${what} may mean either`);
    }
  }
}
