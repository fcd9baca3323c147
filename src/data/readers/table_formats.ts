/** The formats of tables, by the endings of their names. A format is one file of `formats/` and one row here. */
import { dirname, join } from "node:path";
import { UserError } from "../../base/user_error.ts";
import { isFolder } from "../../io/files.ts";
import { textChunks } from "../../io/text_chunks.ts";
import { openJsonLines, rowsOf } from "./formats/json_lines.ts";
import { openCsv, openSeparated, openTsv } from "./formats/separated.ts";
import { openTar } from "./formats/tar.ts";
import type { OpenFormat, OpenTable, StreamedRow, TableReading } from "./table_format.ts";
import { TextBuffer } from "./text_buffer.ts";

interface TableFormat {
  readonly endings: readonly string[];
  readonly open: OpenFormat;
}

const FORMATS = {
  csv: { endings: [".csv"], open: openCsv },
  tsv: { endings: [".tsv", ".tab"], open: openTsv },
  jsonl: { endings: [".jsonl", ".ndjson"], open: openJsonLines },
  // Its library takes a moment to load that other tables should not wait for.
  parquet: {
    endings: [".parquet"],
    open: async (...file) => (await import("./formats/parquet.ts")).openParquet(...file),
  },
  tar: { endings: [".tar"], open: openTar },
} satisfies Readonly<Record<string, TableFormat>>;

/** A table, and the folder that paths in it are counted from. */
export interface PlacedTable extends OpenTable {
  readonly folder: string;
}

export type TableFormatName = keyof typeof FORMATS;

/** The format that the ending of a name says; undefined where it says none. */
export function tableFormat(path: string): TableFormatName | undefined {
  const name = path.toLowerCase();
  const found = Object.entries<TableFormat>(FORMATS).find(([, { endings }]) =>
    endings.some((ending) => name.endsWith(ending))
  );
  return found?.[0] as TableFormatName | undefined;
}

/** The endings of all formats as a message lists them: ".csv, .tsv or .jsonl". */
export function tableEndings(): string {
  const endings = Object.values(FORMATS).map(({ endings: [first] }) => first);
  return `${endings.slice(0, -1).join(", ")} or ${endings.at(-1)}`;
}

/**
 * Opens a table whose format the ending of its name says, or a folder of such files, which are one table in the order of
 * their names; standard input where the path is "-", whose first character tells whether it is JSON. Throws a UserError for
 * what is no table, or cannot be read.
 */
export async function openTable(path: string, reading: TableReading = {}): Promise<PlacedTable> {
  if (path === "-") return { ...await openInput(reading), folder: "." };
  if (isFolder(path)) return { ...await openFolder(path, reading), folder: path };
  const format = tableFormat(path);
  if (format === undefined) {
    throw new UserError(`${path} must be a ${tableEndings()} file, or a folder of them`);
  }
  return { ...await FORMATS[format].open(path, reading), folder: dirname(path) };
}

/** The column of a folder that says with which split the name of a file begins: `train-00000-of-00002.parquet`. */
const SPLIT = "split";

async function openFolder(folder: string, reading: TableReading): Promise<OpenTable> {
  const names = Array.from(Deno.readDirSync(folder)).filter(({ name, isFile, isSymlink }) =>
    (isFile || isSymlink) && !/^[._]/.test(name) && tableFormat(name) !== undefined
  ).map(({ name }) => name).sort();
  const formats = [...new Set(names.map(tableFormat))];
  const [first] = names;
  if (first === undefined) {
    throw new UserError(`${folder} must be a ${tableEndings()} file, or a folder of them`);
  }
  if (formats.length > 1) {
    throw new UserError(
      `${folder} holds tables of several formats (${formats.join(", ")}): name one of its files`,
    );
  }
  const splits = names.map((name) => /^(?:train|validation|valid|val|dev|test)(?![a-z])/i.exec(name)?.[0]);
  const opened = await openTable(join(folder, first), reading);
  const { columns, warnings } = opened;
  const hasSplit = splits.every((split) => split !== undefined) && !columns.includes(SPLIT);
  async function* rows(): AsyncGenerator<StreamedRow> {
    for (const [at, file] of names.entries()) {
      const { rows } = at === 0 ? opened : await openTable(join(folder, file), reading);
      for await (const row of rows) {
        const values = hasSplit ? { ...row.values, [SPLIT]: splits[at]! } : row.values;
        yield { ...row, file, values };
      }
    }
  }
  return {
    columns: hasSplit && columns.length > 0 ? [...columns, SPLIT] : columns,
    warnings: [
      ...warnings,
      ...(hasSplit && reading.used?.has(SPLIT) === false
        ? [`the names of its files say splits, which count with data.split=${SPLIT} only`]
        : []),
    ],
    rows: rows(),
  };
}

async function openInput({ delimiter, encoding }: TableReading): Promise<OpenTable> {
  const text = new TextBuffer(textChunks("-", encoding ?? undefined));
  await text.fill(1);
  if (!text.rest.trimStart().startsWith("{")) return await openSeparated(text, "-", delimiter ?? null);
  return { columns: [], warnings: [], rows: rowsOf(text, "-") };
}
