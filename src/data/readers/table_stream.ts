/** Reads the rows of a table one after the other, however large it is. */
import { UserError } from "../../base/user_error.ts";
import { breaksIn, endOfCell, isBreak, readRecord } from "../../io/csv.ts";
import { isJsonObject, parseStrictJson } from "../../io/strict_json.ts";
import { textChunks } from "../../io/text_chunks.ts";
import { cleanName } from "../index/names.ts";

/** A row with its columns, in the order of the file. */
export interface StreamedRow {
  /** The line it begins on, from 1. */
  readonly line: number;
  readonly values: Readonly<Record<string, unknown>>;
  /** The fault of the row, as the end of a sentence that begins with where it is; such a row has no values. */
  readonly fault?: string;
}

export type TableFormat = "csv" | "tsv" | "jsonl";

const JSON_LIMITS = { depth: 8, keys: 100_000 };
/** The longest row in characters: a quote that is left open shall not gather a whole file. */
const LONGEST_ROW = 64 << 20;

/** The format that the ending of a name says; undefined where it says none. */
export function tableFormat(path: string): TableFormat | undefined {
  if (/\.csv$/i.test(path)) return "csv";
  if (/\.(tsv|tab)$/i.test(path)) return "tsv";
  return /\.(jsonl|ndjson)$/i.test(path) ? "jsonl" : undefined;
}

/**
 * The rows of a CSV or TSV file with a header, or of one JSON object a line; of standard input where the path is "-",
 * whose first character then tells which it is. Throws a UserError for a file that is no table, or cannot be read.
 */
export async function* streamTable(path: string, format = tableFormat(path)): AsyncGenerator<StreamedRow> {
  if (format === undefined && path !== "-") {
    throw new UserError(`${path} must be a .csv, .tsv or .jsonl file`);
  }
  const text = new TextBuffer(textChunks(path));
  await text.fill(1);
  const kind = format ?? (text.rest.trimStart().startsWith("{") ? "jsonl" : "csv");
  yield* kind === "jsonl" ? jsonRows(text) : separatedRows(text, path, kind === "tsv" ? "\t" : undefined);
}

/** Text that has been read and not been used. */
class TextBuffer {
  rest = "";
  isOver = false;
  readonly #chunks: AsyncGenerator<string>;

  constructor(chunks: AsyncGenerator<string>) {
    this.#chunks = chunks;
  }

  /** Reads until there are so many characters, or no more. */
  async fill(characters: number): Promise<void> {
    const parts = [this.rest];
    let length = this.rest.length;
    while (length < characters && !this.isOver) {
      const { value, done } = await this.#chunks.next();
      if (done) this.isOver = true;
      else {
        parts.push(value);
        length += value.length;
      }
    }
    this.rest = parts.join("");
  }

  async more(): Promise<void> {
    await this.fill(2 * this.rest.length + 1);
  }
}

async function* separatedRows(text: TextBuffer, path: string, known?: string): AsyncGenerator<StreamedRow> {
  while (!text.isOver && !/[\r\n]/.test(text.rest.trimStart())) await text.more();
  const [first = ""] = text.rest.trimStart().split(/[\r\n]/, 1);
  const delimiter = known ?? [",", ";", "\t"].find((one) => first.includes(one)) ?? ",";
  const cellEnd = endOfCell(delimiter);
  let columns: string[] | undefined;
  for (let line = 1;;) {
    let at = 0;
    while (at < text.rest.length) {
      const { next, ...row } = readRecord(text.rest, at, line, cellEnd);
      // What reaches to the end of what has been read may go on in what has not.
      if (!text.isOver && next >= text.rest.length - 1 && text.rest.length - at < LONGEST_ROW) break;
      if (!text.isOver && row.fault !== undefined && text.rest.length - at < LONGEST_ROW) break;
      const isEmpty = isBreak(text.rest[at]);
      line += breaksIn(text.rest.slice(at, next));
      at = next;
      if (isEmpty) continue;
      if (columns !== undefined) yield separatedRow(row, columns);
      else if (row.fault === undefined) columns = header(row.cells, path);
      else throw new UserError(`The header of ${path} ${row.fault}`);
    }
    text.rest = text.rest.slice(at);
    if (text.isOver) return;
    await text.more();
  }
}

function header(cells: readonly string[], path: string): string[] {
  const columns = cells.map(cleanName);
  const twice = columns.find((name, at) => columns.indexOf(name) !== at);
  if (twice !== undefined) throw new UserError(`${path} has two columns "${twice}"`);
  return columns;
}

function separatedRow(
  { line, cells, fault }: {
    readonly line: number;
    readonly cells: readonly string[];
    readonly fault?: string;
  },
  columns: readonly string[],
): StreamedRow {
  if (fault !== undefined) return { line, values: {}, fault };
  if (cells.length !== columns.length) {
    return { line, values: {}, fault: `has ${cells.length} cells, the header has ${columns.length}` };
  }
  return { line, values: Object.fromEntries(columns.map((name, at) => [name, cells[at]])) };
}

async function* jsonRows(text: TextBuffer): AsyncGenerator<StreamedRow> {
  for (let line = 1;;) {
    const lines = text.rest.split("\n");
    text.rest = text.isOver ? "" : lines.pop()!;
    for (const one of lines) {
      if (one.trim() !== "") yield jsonRow(one, line);
      line++;
    }
    if (text.isOver) return;
    await text.more();
  }
}

function jsonRow(text: string, line: number): StreamedRow {
  try {
    const value = parseStrictJson(text.trim(), JSON_LIMITS);
    if (!isJsonObject(value)) return { line, values: {}, fault: "is not a JSON object" };
    return {
      line,
      values: Object.fromEntries(Object.entries(value).map(([key, one]) => [cleanName(key), one])),
    };
  } catch (error) {
    if (error instanceof SyntaxError) return { line, values: {}, fault: error.message };
    throw error;
  }
}
