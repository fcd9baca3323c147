/** Tables of one JSON object a line. */
import { UserError } from "../../../base/user_error.ts";
import { isJsonObject, parseStrictJson } from "../../../io/strict_json.ts";
import { textChunks } from "../../../io/text_chunks.ts";
import { readUtf8 } from "../../../io/text_file.ts";
import { cleanName } from "../../index/names.ts";
import { JSON_LIMITS, LONGEST_ROW, type OpenFormat, type StreamedRow } from "../table_format.ts";
import { TextBuffer } from "../text_buffer.ts";

export const openJsonLines: OpenFormat = (path, { encoding }) => {
  const text = new TextBuffer(textChunks(path, encoding ?? undefined));
  return Promise.resolve({ columns: [], warnings: [], rows: rowsOf(text, path) });
};

/** The rows of a text whose beginning may have been read. Throws a UserError where no line is an object. */
export async function* rowsOf(text: TextBuffer, path: string): AsyncGenerator<StreamedRow> {
  let first: StreamedRow | undefined, hasObject = false;
  for (let line = 1;;) {
    const lines = text.rest.split("\n");
    text.rest = text.isOver ? "" : lines.pop()!;
    for (const one of lines) {
      if (one.trim() !== "") {
        const row = rowOf(one, line);
        first ??= row;
        hasObject ||= row.fault === undefined;
        yield row;
      }
      line++;
    }
    if (text.isOver) break;
    if (text.rest.length >= LONGEST_ROW) {
      const fault = `is longer than ${LONGEST_ROW} characters`;
      first ??= { line, values: {}, fault };
      yield { line, values: {}, fault };
      await passLine(text);
      line++;
    } else await text.more();
  }
  if (first !== undefined && !hasObject) {
    throw new UserError(`No line of ${path} is a JSON object: line ${first.line} ${first.fault}`);
  }
}

/** Reads on to the end of a line. */
async function passLine(text: TextBuffer): Promise<void> {
  for (let end = -1; end < 0 && !text.isOver;) {
    text.rest = "";
    await text.fill(1);
    end = text.rest.indexOf("\n");
    if (end >= 0) text.rest = text.rest.slice(end + 1);
  }
}

/** All rows of a file at once. */
export function readJsonLines(path: string): StreamedRow[] {
  return readUtf8(path).split("\n").map((text, at) => ({ text, line: at + 1 }))
    .filter(({ text }) => text.trim() !== "").map(({ text, line }) => rowOf(text, line));
}

function rowOf(text: string, line: number): StreamedRow {
  try {
    const value = parseStrictJson(text.trim(), JSON_LIMITS);
    if (!isJsonObject(value)) return { line, values: {}, fault: "is not a JSON object" };
    const cells = Object.entries(value).map(([key, cell]) => [cleanName(key), cell] as const);
    const values = Object.fromEntries(cells);
    const isWhole = Object.keys(values).length === cells.length;
    return isWhole
      ? { line, values }
      : { line, values: {}, fault: "has two keys that differ in blanks alone" };
  } catch (error) {
    if (error instanceof SyntaxError) return { line, values: {}, fault: error.message };
    throw error;
  }
}
