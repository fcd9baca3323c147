/** Reads the rows of a table from a CSV or TSV file with a header, or from a file of one JSON object a line. */
import { UserError } from "../../base/user_error.ts";
import { isJsonObject, parseStrictJson } from "../../io/strict_json.ts";
import { parseCsv } from "../../io/csv.ts";
import { BadRow } from "../index/index_builder.ts";
import { cleanName } from "../index/names.ts";
import { readUtf8 } from "../../io/text_file.ts";

export interface TableRow {
  /** From 1. */
  readonly line: number;
  /** The content of a column; throws a `BadRow` where the row has no such column, or is broken. */
  cell(column: string): unknown;
}

export interface TableRows {
  /** As the header has them, or all keys of the objects, by `cleanName`. A header may have a name twice. */
  readonly columns: readonly string[];
  readonly rows: readonly TableRow[];
  /** Sentences about how the file was read that are worth knowing. */
  readonly warnings: readonly string[];
}

const LIMITS = { depth: 8, keys: 100_000 };

/** Whether a path ends as those of tables do. */
export function isTable(path: string): boolean {
  return /\.(csv|tsv|tab|jsonl|ndjson)$/i.test(path);
}

/** Reads a table; the ending of its name says which kind it is. Throws a UserError for an ending that is not known. */
export function readTable(path: string): TableRows {
  if (/\.csv$/i.test(path)) return readSeparated(path);
  if (/\.(tsv|tab)$/i.test(path)) return readSeparated(path, "\t");
  if (/\.(jsonl|ndjson)$/i.test(path)) return readJsonLines(path);
  throw new UserError(`${path} must be a .csv, .tsv or .jsonl file`);
}

function readSeparated(path: string, known?: string): TableRows {
  const text = readUtf8(path);
  const delimiter = known ?? delimiterOf(text);
  const [header, ...rows] = parseCsv(text, delimiter);
  if (header === undefined) return { columns: [], rows: [], warnings: [] };
  if (header.fault !== undefined) throw new UserError(`The header of ${path} ${header.fault}`);
  const columns = header.cells.map(cleanName);
  const places = new Map(columns.map((name, at) => [name, at]));
  const isUnusual = known === undefined && delimiter !== ",";
  return {
    columns,
    warnings: isUnusual ? [`cells are parted by ${delimiter === "\t" ? "tabs" : `"${delimiter}"`}`] : [],
    rows: rows.map(({ line, cells, fault }) => ({
      line,
      cell(column) {
        if (fault !== undefined) throw new BadRow("row", fault);
        if (cells.length !== columns.length) {
          throw new BadRow("row", `has ${cells.length} cells, the header has ${columns.length}`);
        }
        return cells[places.get(column)!];
      },
    })),
  };
}

/** Spreadsheets of some languages part cells by semicolons: a header without a comma says so. */
function delimiterOf(text: string): string {
  const [header = ""] = text.trimStart().split(/[\r\n]/, 1);
  return [",", ";", "\t"].find((delimiter) => header.includes(delimiter)) ?? ",";
}

function readJsonLines(path: string): TableRows {
  const lines = readUtf8(path).split(/\r?\n/).map((text, at) => ({ text, line: at + 1 })).filter(({ text }) =>
    text.trim() !== ""
  );
  const rows = lines.map(({ text, line }) => ({ line, value: objectOf(text) }));
  const objects = rows.flatMap(({ value }) => value instanceof BadRow ? [] : [value]);
  const [first] = rows;
  if (objects.length === 0 && first?.value instanceof BadRow) {
    throw new UserError(`No line of ${path} is a JSON object: line ${first.line} ${first.value.message}`);
  }
  return {
    columns: [...new Set(objects.flatMap((object) => [...object.keys()]))],
    warnings: [],
    rows: rows.map(({ line, value }) => ({
      line,
      cell(column) {
        if (value instanceof BadRow) throw value;
        if (!value.has(column)) throw new BadRow("row", `has no "${column}"`);
        return value.get(column);
      },
    })),
  };
}

/** The values of a JSON object by the names of their columns. */
function objectOf(text: string): ReadonlyMap<string, unknown> | BadRow {
  try {
    const value = parseStrictJson(text, LIMITS);
    if (!isJsonObject(value)) return new BadRow("row", "is not a JSON object");
    const keys = Object.keys(value);
    const cells = new Map(keys.map((key) => [cleanName(key), value[key]]));
    return cells.size === keys.length ? cells : new BadRow("row", "has two keys that differ in blanks alone");
  } catch (error) {
    if (error instanceof SyntaxError) return new BadRow("row", error.message);
    throw error;
  }
}
