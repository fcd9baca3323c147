// Rows of CSV texts are those that Python reads; quotes left open are told with their line, and cost no other row.
import assert from "node:assert/strict";
import { join } from "node:path";
import { csvCell, parseCsv, readCsv } from "../../src/io/csv.ts";
import { UserError } from "../../src/base/user_error.ts";
import { temporaryFolder } from "./crafted.ts";

const FIXTURE = new URL("fixtures/csv.json", import.meta.url);
const PYTHON: [text: string, rows: string[][]][] = JSON.parse(Deno.readTextFileSync(FIXTURE));

Deno.test("parseCsv() reads 680 texts with quotes everywhere as Python's csv module does", () => {
  assert.ok(PYTHON.length > 650);
  for (const [text, rows] of PYTHON) {
    const read = parseCsv(text);
    assert.deepEqual(read.map(({ cells }) => cells), rows, JSON.stringify(text));
    assert.ok(read.every(({ fault }) => fault === undefined), JSON.stringify(text));
  }
});

Deno.test("parseCsv() takes other delimiters, and csvCell() writes what it reads", () => {
  for (const delimiter of [";", "\t"]) {
    const text = ["a", '"b,c"', "d,e"].join(delimiter);
    assert.deepEqual(parseCsv(text, delimiter)[0]!.cells, ["a", "b,c", "d,e"]);
  }
  const cells = ["", " a ", 'a "b"', '"', "a,b", "a\nb", "a\r\n\r", "é"];
  assert.deepEqual(parseCsv(cells.map(csvCell).join(","))[0]!.cells, cells);
});

/** A row as it should come: its line, and its cells or the fault of it. */
type Row = [line: number, cells: string[] | RegExp];
const LINES: [what: string, text: string, rows: Row[]][] = [
  ["empty lines", "a\n\n\nb\r\n\r\nc\rd", [[1, ["a"]], [4, ["b"]], [6, ["c"]], [7, ["d"]]]],
  ["line breaks in cells", 'a,"b\n\nc"\nd,"\r\n"\r\ne', [[1, ["a", "b\n\nc"]], [4, ["d", "\r\n"]], [6, [
    "e",
  ]]]],
  ["a quote that is never closed", 'a,b\nc,"d\ne,f\ng,h', [
    [1, ["a", "b"]],
    [2, /opened on line 2, that is never closed/],
    [3, ["e", "f"]],
    [4, ["g", "h"]],
  ]],
  ["such a quote after a line break", 'a,"x\ny","z\ne,f\n', [
    [1, /opened on line 2, that is never closed/],
    [3, ["e", "f"]],
  ]],
  ["a quote that the next one closes", 'a,b\n"c,d\ne,f\ng,"h"\ni,j\n', [
    [1, ["a", "b"]],
    [2, /opened on line 2, that closes on a later line in the middle of a cell/],
    [3, ["e", "f"]],
    [4, ["g", "h"]],
    [5, ["i", "j"]],
  ]],
  ["two open quotes", '"a\n"b\nc\n', [
    [1, /opened on line 1, that closes on a later line/],
    [2, /opened on line 2, that is never closed/],
    [3, ["c"]],
  ]],
];
for (const [what, text, expected] of LINES) {
  Deno.test(`parseCsv() knows the lines of rows: ${what}`, () => {
    const rows = parseCsv(text);
    assert.deepEqual(rows.map(({ line }) => line), expected.map(([line]) => line));
    for (const [at, [, cells]] of expected.entries()) {
      if (cells instanceof RegExp) assert.match(rows[at]!.fault ?? "", cells);
      else assert.deepEqual([rows[at]!.fault, rows[at]!.cells], [undefined, cells]);
    }
  });
}

const FILES: [what: string, content: string | Uint8Array, message: RegExp][] = [
  ["an open quote", 'a\n"b\n', /x\.csv, line 2: it has a quote, opened on line 2/],
  ["UTF-16", Uint8Array.of(0xff, 0xfe, 0x61, 0, 10, 0), /x\.csv: it is UTF-16: save it as UTF-8/],
  ["UTF-16 of the other order", Uint8Array.of(0xfe, 0xff, 0, 0x61), /x\.csv: it is UTF-16/],
  ["UTF-16 without a mark", Uint8Array.of(0x61, 0, 10, 0), /x\.csv: it is UTF-16 or no text at all/],
  ["the first byte of such a mark alone", Uint8Array.of(0xff, 0x61), /x\.csv: line 1 is not valid UTF-8/],
  ["the second byte of such a mark alone", Uint8Array.of(0x61, 0xfe), /x\.csv: line 1 is not valid UTF-8/],
  ["a byte of either mark", Uint8Array.of(0xfe, 0xfe), /x\.csv: line 1 is not valid UTF-8/],
  ["Latin-1", Uint8Array.of(0x61, 10, 0xc3, 0xa9, 10, 0xe9, 10), /x\.csv: line 3 is not valid UTF-8/],
  ["a character that is cut off", Uint8Array.of(0x61, 10, 0xc3), /x\.csv: line 2 is not valid UTF-8/],
];
for (const [what, content, message] of FILES) {
  Deno.test(`readCsv() names the file and the line of ${what}`, () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "x.csv");
    Deno.writeFileSync(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
    assert.throws(() => readCsv(path), (error) => error instanceof UserError && message.test(error.message));
  });
}

Deno.test("readCsv() passes over a byte order mark", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x.csv");
  Deno.writeTextFileSync(path, "\ufeffid\n1\n");
  assert.deepEqual(readCsv(path).map(({ cells }) => cells), [["id"], ["1"]]);
});
