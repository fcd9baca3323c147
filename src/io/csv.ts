/** Reads and writes the rows of CSV files, and knows the line each row begins on. */
import { UserError } from "../base/user_error.ts";
import { readUtf8 } from "./text_file.ts";

/** One record of a file, its cells as they are. */
export interface CsvRow {
  /** The line it begins on, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
  /** Says what is wrong with its quotes ("has a ..."), if anything; the cells are then those before the fault. */
  readonly fault?: string;
}

/** All records of a CSV file, as `parseCsv` reads them. Throws a UserError that names the line where a quote is wrong. */
export function readCsv(path: string): CsvRow[] {
  const rows = parseCsv(readUtf8(path));
  const faulty = rows.find(({ fault }) => fault !== undefined);
  if (faulty === undefined) return rows;
  throw new UserError(`Cannot read ${path}, line ${faulty.line}: it ${faulty.fault}`);
}

/**
 * All records of a CSV text, with the cells that Python's `csv.reader` and pandas read: a quote opens a quoted cell only
 * as its first character and is a character like others elsewhere (`a 12" pizza`); what follows the closing quote belongs
 * to the cell (`"a"b` is `ab`). Empty lines are passed over, and rows may have any number of cells.
 *
 * Two things that Python reads without a word are faults of their row, because a quote left open swallows the rows after
 * it: a quote that is never closed, and one that closes on a later line in the middle of a cell. Reading goes on with the
 * line after the one on which such a quote opens.
 */
export function parseCsv(text: string, delimiter = ","): CsvRow[] {
  const cellEnd = endOfCell(delimiter);
  const rows: CsvRow[] = [];
  for (let at = 0, line = 1; at < text.length;) {
    const { next, ...row } = readRecord(text, at, line, cellEnd);
    if (!isBreak(text[at])) rows.push(row);
    line += breaksIn(text.slice(at, next));
    at = next;
  }
  return rows;
}

/** What ends a cell without quotes. */
export function endOfCell(delimiter: string): RegExp {
  return new RegExp(`[${delimiter.replace(/[\]\\^-]/, "\\$&")}\r\n]`, "g");
}

/** The record that begins at `start`, on that line, and the index where the next one begins. */
export function readRecord(
  text: string,
  start: number,
  line: number,
  cellEnd: RegExp,
): CsvRow & { readonly next: number } {
  const cells: string[] = [];
  for (let at = start;;) {
    const { value, end, fault } = readCell(text, at, cellEnd);
    if (fault !== undefined) {
      const opened = line + breaksIn(text.slice(start, at));
      const message = `has a quote, opened on line ${opened}, that ${fault}`;
      return { line, cells, fault: message, next: nextLine(text, at) };
    }
    cells.push(value);
    if (end === text.length || isBreak(text[end])) return { line, cells, next: nextLine(text, end) };
    at = end + 1;
  }
}

/** The cell that begins at `start`; `end` is the index of what ends it. */
function readCell(
  text: string,
  start: number,
  cellEnd: RegExp,
): { value: string; end: number; fault?: string } {
  if (text[start] !== '"') {
    const end = search(text, cellEnd, start);
    return { value: text.slice(start, end), end };
  }
  const close = closingQuote(text, start);
  if (close < 0) return { value: "", end: text.length, fault: "is never closed" };
  const quoted = text.slice(start + 1, close).replaceAll('""', '"');
  const end = search(text, cellEnd, close + 1);
  const rest = text.slice(close + 1, end);
  if (rest.trim() === "" || breaksIn(quoted) === 0) return { value: quoted + rest, end };
  return { value: "", end, fault: "closes on a later line in the middle of a cell" };
}

/** The index of the quote that closes the one at `open`, where two in a row stand for one; -1 where there is none. */
function closingQuote(text: string, open: number): number {
  for (let at = text.indexOf('"', open + 1); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return -1;
}

/** Where a pattern is first found from an index on; the length of the text where it is not. */
function search(text: string, pattern: RegExp, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? text.length;
}

/** The index after the next line break. */
function nextLine(text: string, from: number): number {
  const at = search(text, /[\r\n]/g, from);
  return text.startsWith("\r\n", at) ? at + 2 : Math.min(at + 1, text.length);
}

export function isBreak(character: string | undefined): boolean {
  return character === "\r" || character === "\n";
}

/** How many lines end in a text. */
export function breaksIn(text: string): number {
  return text.match(/\r\n|\r|\n/g)?.length ?? 0;
}

/** A cell of a CSV file, quoted where it must be (RFC 4180). */
export function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * As `csvCell`, for files that people open in spreadsheets, which would run a text that begins like a formula: an
 * apostrophe before it makes it a text. A text that has one already gets another, so that `withoutHarm` gives back all.
 */
export function harmlessCell(text: string): string {
  const isFormula = /^'*[=+\-@\t\r]/.test(text) && (text.trim() === "" || Number.isNaN(Number(text)));
  return csvCell(isFormula ? `'${text}` : text);
}

/** The text that `harmlessCell` was given, from the cell it made. */
export function withoutHarm(cell: string): string {
  return /^'+[=+\-@\t\r]/.test(cell) ? cell.slice(1) : cell;
}
