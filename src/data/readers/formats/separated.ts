/** Tables whose cells are parted by a character, with a header: CSV, TSV and their kin. */
import { UserError } from "../../../base/user_error.ts";
import { breaksIn, type CsvRow, endOfCell, isBreak, readRecord } from "../../../io/csv.ts";
import { textChunks } from "../../../io/text_chunks.ts";
import { cleanName } from "../../index/names.ts";
import { LONGEST_ROW, type OpenFormat, type StreamedRow } from "../table_format.ts";
import { TextBuffer } from "../text_buffer.ts";

/** Characters at the start from which the delimiter is found. */
const SAMPLE = 1 << 16;
/** The delimiters that are looked for, the usual one first, and what warnings call them. */
const DELIMITERS: Readonly<Record<string, string>> = { ",": '","', ";": '";"', "\t": "tabs", "|": '"|"' };

/** Opens a `.csv`, whose delimiter is looked for where none is given. */
export const openCsv: OpenFormat = async (path, { delimiter, encoding }) => {
  const text = new TextBuffer(textChunks(path, encoding ?? undefined));
  return await openSeparated(text, path, delimiter ?? null);
};

/** Opens a `.tsv`, whose cells are parted by tabs unless another character is given. */
export const openTsv: OpenFormat = (path, { delimiter, ...rest }) =>
  openCsv(path, { delimiter: delimiter ?? "\t", ...rest });

/** Opens the rows of a text whose beginning may have been read. */
export async function openSeparated(text: TextBuffer, path: string, given: string | null) {
  await text.fill(SAMPLE);
  const delimiter = given === "tab" ? "\t" : given ?? delimiterOf(text.rest);
  const records = recordsOf(text, delimiter);
  const { value: header } = await records.next();
  if (header === undefined) return { columns: [], warnings: [], rows: rowsOf(records, []) };
  if (header.fault !== undefined) throw new UserError(`The header of ${path} ${header.fault}`);
  const columns = header.cells.map(cleanName);
  const isUnusual = given === null && delimiter !== ",";
  return {
    columns,
    warnings: isUnusual ? [`cells are parted by ${DELIMITERS[delimiter]}`] : [],
    rows: rowsOf(records, namesApart(columns)),
  };
}

/**
 * The delimiter by which most of the first rows have as many cells as the header, which must have several; where that is
 * so of two, the one that the header has more of. Spreadsheets of some languages write semicolons.
 */
export function delimiterOf(start: string): string {
  const counts = Object.keys(DELIMITERS).map((delimiter) => {
    const [header = 1, ...rows] = cellsOfRows(start, delimiter);
    const alike = rows.filter((cells) => cells === header).length;
    return { delimiter, header, alike: header > 1 ? alike / Math.max(1, rows.length) : -1 };
  });
  return counts.reduce((best, one) =>
    one.alike > best.alike || (one.alike === best.alike && one.header > best.header) ? one : best
  ).delimiter;
}

/** The numbers of cells of the whole rows at the start of a text. */
function cellsOfRows(text: string, delimiter: string): number[] {
  const cellEnd = endOfCell(delimiter);
  const counts: number[] = [];
  for (let at = 0; at < text.length;) {
    const { next, cells, fault } = readRecord(text, at, 1, cellEnd);
    const isCut = next >= text.length - 1 && text.length >= SAMPLE;
    if (!isBreak(text[at]) && fault === undefined && !isCut) counts.push(cells.length);
    at = next;
  }
  return counts;
}

/** Names by which a row can hold all of its cells: those that stand several times are told apart by a number. */
function namesApart(columns: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of columns) counts.set(name, (counts.get(name) ?? 0) + 1);
  const taken = new Set(columns);
  const next = new Map<string, number>();
  return columns.map((name) => {
    if (counts.get(name) === 1) return name;
    let number = next.get(name) ?? 1;
    while (taken.has(`${name} (${number})`)) number++;
    next.set(name, number + 1);
    taken.add(`${name} (${number})`);
    return `${name} (${number})`;
  });
}

async function* recordsOf(text: TextBuffer, delimiter: string): AsyncGenerator<CsvRow, undefined> {
  const cellEnd = endOfCell(delimiter);
  for (let line = 1;;) {
    let at = 0;
    while (at < text.rest.length) {
      const { next, ...row } = readRecord(text.rest, at, line, cellEnd);
      // What reaches to the end of what has been read may go on in what has not.
      const mayGoOn = row.fault !== undefined || next >= text.rest.length - 1;
      if (mayGoOn && !text.isOver && text.rest.length - at < LONGEST_ROW) break;
      const isEmpty = isBreak(text.rest[at]);
      line += breaksIn(text.rest.slice(at, next));
      at = next;
      if (!isEmpty) yield row;
    }
    text.rest = text.rest.slice(at);
    if (text.isOver) return;
    await text.more();
  }
}

async function* rowsOf(
  records: AsyncGenerator<CsvRow, undefined>,
  columns: readonly string[],
): AsyncGenerator<StreamedRow> {
  for await (const { line, cells, fault } of records) {
    if (fault !== undefined) yield { line, values: {}, fault };
    else if (cells.length !== columns.length) {
      yield { line, values: {}, fault: `has ${cells.length} cells, the header has ${columns.length}` };
    } else yield { line, values: Object.fromEntries(columns.map((name, at) => [name, cells[at]])) };
  }
}
