import assert from "node:assert/strict";
import { join } from "node:path";
import type { TableReading } from "../../../src/data/readers/table_format.ts";
import { openTable } from "../../../src/data/readers/table_formats.ts";
import { parseCsv } from "../../../src/io/csv.ts";
import { Random } from "../../../src/base/random.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { temporaryFolder } from "../../io/crafted.ts";

async function rowsOf(path: string, reading?: TableReading) {
  return await Array.fromAsync((await openTable(path, reading)).rows);
}

type Row = [line: number, values: Record<string, unknown> | RegExp];
/** Texts of tables with everything that goes wrong in them, and their rows, or the faults of these. */
const TABLES: [what: string, name: string, text: string, rows: Row[], reading?: TableReading][] = [
  ["plain rows", "a.csv", "x,y\n1,2\n3,4\n", [[2, { x: "1", y: "2" }], [3, { x: "3", y: "4" }]]],
  ["no line break at the end", "a.csv", "x,y\n1,2", [[2, { x: "1", y: "2" }]]],
  ["quotes, doubled quotes and line breaks in cells", "a.csv", 'x,y\n"a ""b""\nc",2\n"d,e",\n', [
    [2, { x: 'a "b"\nc', y: "2" }],
    [4, { x: "d,e", y: "" }],
  ]],
  ["CRLF, lone CR and empty lines", "a.csv", "\r\nx,y\r\n1,2\r\n\r\n\n3,4\r5,6\n", [
    [3, { x: "1", y: "2" }],
    [6, { x: "3", y: "4" }],
    [7, { x: "5", y: "6" }],
  ]],
  ["too many and too few cells", "a.csv", "x,y\n1\n1,2,3\n4,5\n", [
    [2, /^has 1 cells, the header has 2$/],
    [3, /^has 3 cells/],
    [4, { x: "4", y: "5" }],
  ]],
  ["a quote that is never closed", "a.csv", 'x,y\n1,"2\n3,4\n', [
    [2, /^has a quote, opened on line 2, that is never closed$/],
    [3, { x: "3", y: "4" }],
  ]],
  ["a byte order mark and blanks around names", "a.csv", "\ufeff x , y\n1,2\n", [[2, { x: "1", y: "2" }]]],
  ["names that stand twice, and none", "a.csv", "x,,x,\n1,2,3,4\n", [
    [2, { "x (1)": "1", " (1)": "2", "x (2)": "3", " (2)": "4" }],
  ]],
  ["tabs", "a.tsv", "x\ty\na,b\t2\n", [[2, { x: "a,b", y: "2" }]]],
  ["semicolons, with commas in numbers", "a.csv", "x;y\n1,5;2,5\n", [[2, { x: "1,5", y: "2,5" }]]],
  ["semicolons, with commas in the header", "a.csv", 'x;"y, z"\na;b\n', [[2, { x: "a", "y, z": "b" }]]],
  ["semicolons, with as many commas in the header", "a.csv", "x, y;z\na;b\nc;d\n", [
    [2, { "x, y": "a", z: "b" }],
    [3, { "x, y": "c", z: "d" }],
  ]],
  ["bars", "a.csv", "x|y|z\na,b|2|c;d\n", [[2, { x: "a,b", y: "2", z: "c;d" }]]],
  ["commas, with bars and semicolons in texts", "a.csv", "x,y\na|b,c;d\n|,;\n", [
    [2, { x: "a|b", y: "c;d" }],
    [3, { x: "|", y: ";" }],
  ]],
  ["one column", "a.csv", "x\na\nb;c\n", [[2, { x: "a" }], [3, { x: "b;c" }]]],
  ["a delimiter that is said", "a.csv", "x;y,z\n1;2,3\n", [[2, { x: "1", "y,z": "2,3" }]], {
    delimiter: ";",
  }],
  ["a delimiter said by its name", "a.csv", "x\ty,z\n1\t2,3\n", [[2, { x: "1", "y,z": "2,3" }]], {
    delimiter: "tab",
  }],
  ["a delimiter that patterns know", "a.csv", "x^y\n1^2\n", [[2, { x: "1", y: "2" }]], { delimiter: "^" }],
  ["JSON lines, broken ones among them", "a.jsonl", '{"x":"1","y":2}\r\n\n{"x":\n[1]\n{" x":"3","y":[1,2]}', [
    [1, { x: "1", y: 2 }],
    [3, /not valid JSON/],
    [4, /^is not a JSON object$/],
    [5, { x: "3", y: [1, 2] }],
  ]],
  ["JSON keys that differ in blanks", "a.jsonl", '{"x":1}\n{"x":1," x":2}', [
    [1, { x: 1 }],
    [2, /^has two keys that differ in blanks alone$/],
  ]],
];
for (const [what, name, text, expected, reading] of TABLES) {
  Deno.test(`openTable() reads ${what}`, async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, name);
    Deno.writeTextFileSync(path, text);
    const rows = await rowsOf(path, reading);
    assert.deepEqual(rows.map(({ line }) => line), expected.map(([line]) => line));
    for (const [at, [, values]] of expected.entries()) {
      if (values instanceof RegExp) assert.match(rows[at]!.fault ?? "none", values);
      else assert.deepEqual(rows[at], { line: rows[at]!.line, values });
    }
  });
}

Deno.test("openTable() gives the same rows wherever the chunks of a large file end", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "large.csv");
  const random = new Random(5);
  const parts = ["a", '"', "é🦓", ",", "\n", " "];
  const cell = () => {
    const text = Array.from(
      { length: Math.floor(random.between(0, 60)) },
      () => parts[Math.floor(random.between(0, 6))],
    );
    return `"${text.join("").replaceAll('"', '""')}"`;
  };
  const text = "x,y\n" + Array.from({ length: 60_000 }, () => `${cell()},${cell()}\n`).join("");
  Deno.writeTextFileSync(path, text);
  assert.ok(Deno.statSync(path).size > 3 * 2 ** 20, "several chunks");
  const whole = parseCsv(text).slice(1);
  const rows = await rowsOf(path);
  assert.equal(rows.length, 60_000);
  for (const [i, { line, values }] of rows.entries()) {
    const { line: place, cells: [x, y] } = whole[i]!;
    if (line !== place || values.x !== x || values.y !== y) assert.fail(`row ${i} differs`);
  }
});

Deno.test("openTable() refuses what is no table, and says what is wrong", async () => {
  using folder = temporaryFolder();
  const cases: [string, string, RegExp][] = [
    ["a.txt", "x\n", /a\.txt must be a \.csv, \.tsv/],
    [
      "open.csv",
      '"x,y\n1,2\n',
      /The header of .*open\.csv has a quote, opened on line 1, that is never closed/,
    ],
    ["lines.jsonl", "[\n1\n]", /No line of .*lines\.jsonl is a JSON object: line 1 /],
  ];
  const refused = async (path: string, message: RegExp) =>
    await assert.rejects(rowsOf(path), (error) => error instanceof UserError && message.test(error.message));
  for (const [name, text, message] of cases) {
    const path = join(folder.path, name);
    Deno.writeTextFileSync(path, text);
    await refused(path, message);
  }
  const latin = join(folder.path, "latin.csv");
  Deno.writeFileSync(latin, Uint8Array.of(0x78, 0x0a, 0xe9, 0x0a));
  await refused(latin, /latin\.csv: line 2 is not valid UTF-8: .*data\.encoding=latin1/);
  await refused(join(folder.path, "none.csv"), /Cannot read .*none\.csv: it is missing/);
});
