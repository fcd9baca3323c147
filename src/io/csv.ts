/** Rows of CSV files, with the line each begins on. */
import { CsvError, parse } from "csv-parse/sync";
import { UserError } from "../base/user_error.ts";
import { readUtf8 } from "./text_file.ts";

/** One record of a file, its cells as they are. */
export interface CsvRow {
  /** The line it begins on, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

interface Parsed {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/**
 * All records of a CSV file (RFC 4180; a byte order mark and empty lines are passed over), however many cells each has.
 * Throws a UserError that names the file, and the line where a quote is wrong.
 */
export function readCsv(path: string): CsvRow[] {
  let parsed: Parsed[];
  try {
    parsed = parse(readUtf8(path), {
      bom: true,
      info: true,
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as Parsed[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = (error as { lines?: number }).lines;
    throw new UserError(`Cannot read ${path}, line ${line}: ${error.message}`);
  }
  // The parser counts the lines up to the end of a record, and quoted cells may hold line breaks.
  return parsed.map(({ record, info }) => ({ line: info.lines - breaksIn(record), cells: record }));
}

function breaksIn(cells: readonly string[]): number {
  return cells.reduce((sum, cell) => sum + (cell.match(/\r\n|\r|\n/g)?.length ?? 0), 0);
}

/** A cell of a CSV file, quoted where it must be (RFC 4180). */
export function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
