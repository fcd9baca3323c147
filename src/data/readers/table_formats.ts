/** The formats of tables, by the endings of their names. A format is one file of `formats/` and one row here. */
import { UserError } from "../../base/user_error.ts";
import { textChunks } from "../../io/text_chunks.ts";
import { openJsonLines, rowsOf } from "./formats/json_lines.ts";
import { openCsv, openSeparated, openTsv } from "./formats/separated.ts";
import type { OpenFormat, OpenTable, TableReading } from "./table_format.ts";
import { TextBuffer } from "./text_buffer.ts";

interface TableFormat {
  readonly endings: readonly string[];
  readonly open: OpenFormat;
}

const FORMATS = {
  csv: { endings: [".csv"], open: openCsv },
  tsv: { endings: [".tsv", ".tab"], open: openTsv },
  jsonl: { endings: [".jsonl", ".ndjson"], open: openJsonLines },
} satisfies Readonly<Record<string, TableFormat>>;

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
 * Opens a table whose format the ending of its name says; standard input where the path is "-", whose first character tells
 * whether it is JSON. Throws a UserError for a file that is no table, or cannot be read.
 */
export async function openTable(path: string, reading: TableReading = {}): Promise<OpenTable> {
  if (path === "-") return await openInput(reading);
  const format = tableFormat(path);
  if (format === undefined) throw new UserError(`${path} must be a ${tableEndings()} file`);
  return await FORMATS[format].open(path, reading);
}

async function openInput({ delimiter, encoding }: TableReading): Promise<OpenTable> {
  const text = new TextBuffer(textChunks("-", encoding ?? undefined));
  await text.fill(1);
  if (!text.rest.trimStart().startsWith("{")) return await openSeparated(text, "-", delimiter ?? null);
  return { columns: [], warnings: [], rows: rowsOf(text, "-") };
}
