/** Predicts the rows of a table, read with the columns that the run learned from or that are named. */
import { basename, resolve } from "node:path";
import { nearest } from "../../base/nearest.ts";
import { UserError } from "../../base/user_error.ts";
import { folderOf, InnerPaths } from "../../data/index/inner_path.ts";
import type { OpenTable, StreamedRow, TableReading } from "../../data/readers/table_format.ts";
import { openTable, tableEndings, tableFormat } from "../../data/readers/table_formats.ts";
import { isFolder } from "../../io/files.ts";
import { type Columns, InputReader } from "./inputs.ts";
import { type PredictedRows, predictRows, type PredictRowsOptions } from "./predict_rows.ts";
import { type PredictSession, typedPath } from "./session.ts";

/** The path of `--data`, which may be `table:` and a path. Throws a UserError for what is no table by its name. */
export function tablePath(data: string): string {
  const path = data.replace(/^table:/, "");
  if (tableFormat(path) !== undefined || isFolder(path)) return path;
  throw new UserError(`--data ${data} must be a ${tableEndings()} file, or a folder of them`);
}

export interface PredictTableOptions extends Omit<PredictRowsOptions, "source" | "batchSize"> {
  /** As in the run's evaluation if not given. */
  readonly batchSize?: number;
  readonly columns?: Columns;
  /** How it is read, where that is not as the run's own table of the same format. */
  readonly reading?: TableReading;
  /** The folder that paths of images count from; that of the table if not given. */
  readonly images?: string;
  /** Further folders in which images may lie. */
  readonly roots?: readonly string[];
}

/**
 * `path` is a file, whose images are found from its folder, or "-" for standard input, whose images are found from where
 * the caller stands. What the run says of the columns of ids and labels counts unless `options` say otherwise.
 */
export async function predictTable(
  session: PredictSession,
  path: string,
  { columns, reading, images, roots = [], ...options }: PredictTableOptions,
): Promise<PredictedRows> {
  const { data, training } = session.open.run.config;
  const own = data.name === "table"
    ? { labelColumn: data.label, ...(data.id !== null && { idColumn: data.id }) }
    : { labelColumn: "label" };
  const read = session.columns(columns);
  const imageColumns = session.modalities.flatMap(({ name, kind }) =>
    kind === "image" ? [read[name]!].flat() : []
  );
  // What was said of the run's own table holds for those of its format.
  const isAlike = data.name === "table" && path !== "-" && tableFormat(path) === tableFormat(data.file);
  const { delimiter, encoding } = isAlike ? data : { delimiter: null, encoding: null };
  const table = await openTable(path, { delimiter, encoding, ...reading, images: new Set(imageColumns) });
  const paths = path === "-" && images === undefined ? undefined : new InnerPaths(
    images === undefined ? table.folder : folderOf("--images", "", images),
    { roots: roots.map((root) => resolve(root)), key: "--roots" },
  );
  const find = (image: string) => paths === undefined ? typedPath(image) : paths.find(image);
  const { mayLack } = session;
  using reader = new InputReader(session.modalities, read, find, { mayLack });
  const source = path === "-" ? "input" : basename(path);
  const { idColumn, labelColumn } = options;
  const asked = [idColumn ?? [], labelColumn ?? []].flat();
  // A column that is not there at all is rather misspelt than empty.
  if (mayLack && table.columns.length > 0) asked.push(...Object.values(read).flat());
  mustBeOnce([...asked, ...Object.values(read).flat()], table, source);
  return await predictRows(session, reader, withColumns(table.rows, asked, source), {
    batchSize: training.evaluation_batch,
    ...own,
    ...options,
    source,
  });
}

function mustBeOnce(used: readonly string[], { columns }: OpenTable, source: string): void {
  const twice = used.find((column) => columns.indexOf(column) !== columns.lastIndexOf(column));
  if (twice !== undefined) throw new UserError(`${source} has two columns "${twice}": rename one`);
}

/** The rows as they come. Throws a UserError where there is none, or the first has not the columns that were asked for. */
async function* withColumns(
  rows: AsyncIterable<StreamedRow>,
  asked: readonly string[],
  source: string,
): AsyncGenerator<StreamedRow> {
  let isFirst = true;
  for await (const row of rows) {
    const names = Object.keys(row.values);
    const wrong = isFirst && row.fault === undefined
      ? asked.find((column) => !names.includes(column))
      : undefined;
    if (wrong !== undefined) {
      const meant = nearest(wrong, names);
      const hint = meant === undefined ? "" : `did you mean "${meant}"? `;
      throw new UserError(`${source} has no column "${wrong}": ${hint}it has ${names.join(", ")}`);
    }
    isFirst = false;
    yield row;
  }
  if (isFirst) throw new UserError(`${source} has no rows`);
}
