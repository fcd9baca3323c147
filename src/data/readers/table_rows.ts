/** The rows of a table: CSV with a header, or one JSON object a line. */
import { UserError } from "../../base/user_error.ts";
import { isJsonObject, parseStrictJson } from "../../io/strict_json.ts";
import { readCsv } from "../../io/csv.ts";
import { BadRow } from "../index/index_builder.ts";
import { readUtf8 } from "../../io/text_file.ts";

export interface TableRow {
  /** From 1. */
  readonly line: number;
  /** What a column holds; throws a `BadRow` where the row has no such column, or is broken. */
  cell(column: string): unknown;
}

export interface TableRows {
  /** Those of the header, or of the first object. */
  readonly columns: readonly string[];
  readonly rows: readonly TableRow[];
}

const LIMITS = { depth: 8, keys: 100_000 };

/** Reads a table; the name of the file says which kind it is. Throws a UserError where it ends in neither .csv nor .jsonl. */
export function readTable(path: string): TableRows {
  if (/\.csv$/i.test(path)) return readCsvTable(path);
  if (/\.(jsonl|ndjson)$/i.test(path)) return readJsonLines(path);
  throw new UserError(`${path} must be a .csv or a .jsonl file`);
}

function readCsvTable(path: string): TableRows {
  const [header, ...rows] = readCsv(path);
  if (header === undefined) throw new UserError(`${path} is empty: it needs a header`);
  const columns = header.cells;
  const places = new Map(columns.map((name, at) => [name, at]));
  if (places.size !== columns.length) {
    const twice = columns.find((name, at) => columns.indexOf(name) !== at);
    throw new UserError(`${path} has two columns "${twice}"`);
  }
  return {
    columns,
    rows: rows.map(({ line, cells }) => ({
      line,
      cell(column) {
        if (cells.length !== columns.length) {
          throw new BadRow("row", `has ${cells.length} cells, the header has ${columns.length}`);
        }
        return cells[places.get(column)!];
      },
    })),
  };
}

function readJsonLines(path: string): TableRows {
  const lines = readUtf8(path).split(/\r?\n/).map((text, at) => ({ text, line: at + 1 })).filter(({ text }) =>
    text.trim() !== ""
  );
  const rows = lines.map(({ text, line }) => ({ line, value: objectOf(text) }));
  const first = rows.find(({ value }) => !(value instanceof BadRow))?.value ?? {};
  return {
    columns: Object.keys(first),
    rows: rows.map(({ line, value }) => ({
      line,
      cell(column) {
        if (value instanceof BadRow) throw value;
        if (!Object.hasOwn(value, column)) throw new BadRow("row", `has no "${column}"`);
        return value[column];
      },
    })),
  };
}

function objectOf(text: string): Record<string, unknown> | BadRow {
  try {
    const value = parseStrictJson(text, LIMITS);
    return isJsonObject(value) ? value : new BadRow("row", "is not a JSON object");
  } catch (error) {
    if (error instanceof SyntaxError) return new BadRow("row", error.message);
    throw error;
  }
}
