/** What a format of tables is: a way from a file to named columns and rows, one after the other. */
import { BadRow } from "../index/index_builder.ts";

/** A row with its columns, in the order of the file. */
export interface StreamedRow {
  /** The file it is in, where a table is a folder of several. */
  readonly file?: string;
  /** Where it begins, from 1: its line, or its number where a file has no lines. */
  readonly line: number;
  readonly values: Readonly<Record<string, unknown>>;
  /** The fault of the row, as the end of a sentence that begins with where it is; such a row has no values. */
  readonly fault?: string;
}

export interface OpenTable {
  /** By `cleanName`, as far as they are known before the rows are read. One that stands twice is in no row by that name. */
  readonly columns: readonly string[];
  /** Sentences about how the file is read that are worth knowing. */
  readonly warnings: readonly string[];
  readonly rows: AsyncIterable<StreamedRow>;
}

/** A delimiter as it is said: a character, or its name. */
export const DELIMITER = /^(?:tab|[^"\r\n])$/;

/** The longest row in characters: a quote that is left open, or a line that never ends, shall not gather a whole file. */
export const LONGEST_ROW = 64 << 20;

/** What JSON in a table may hold. */
export const JSON_LIMITS = { depth: 8, keys: 100_000 };

/** How a text is made a table, where that is not to be found out. */
export interface TableReading {
  /** The character between cells, or "tab"; found from the first rows if not given. */
  readonly delimiter?: string | null;
  /** A label of the Encoding Standard; UTF-8 if not given. */
  readonly encoding?: string | null;
  /** The columns that are wanted, so that a format may pass over others; all of them if not given. */
  readonly used?: ReadonlySet<string>;
  /** The columns of images, in which bytes are bytes and no text. */
  readonly images?: ReadonlySet<string>;
}

/** Opens a file, or standard input where the path is "-" and the format is text. Throws a UserError where it cannot. */
export type OpenFormat = (path: string, reading: TableReading) => Promise<OpenTable>;

/** The content of a column. Throws a `BadRow` where the row is broken or has no such column. */
export function cellOf({ values, fault }: StreamedRow, column: string): unknown {
  if (fault !== undefined) throw new BadRow("row", fault);
  if (!Object.hasOwn(values, column)) throw new BadRow("row", `has no "${column}"`);
  return values[column];
}

/** Whether there is nothing in a cell, or no such cell. */
export function isEmptyCell(cell: unknown): boolean {
  return cell === undefined || cell === null || typeof cell === "string" && cell.trim() === "";
}

/** The text of a cell; null is an empty one. Throws a `BadRow` for a list or an object. */
export function textOf(cell: unknown): string {
  if (cell === null || cell === undefined) return "";
  if (typeof cell === "object") {
    throw new BadRow("row", `holds ${JSON.stringify(cell)} where a text should be`);
  }
  return String(cell);
}
