import assert from "node:assert/strict";
import { join } from "node:path";
import { readTable } from "../../../src/data/readers/table_rows.ts";
import { streamTable } from "../../../src/data/readers/table_stream.ts";
import { Random } from "../../../src/base/random.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { temporaryFolder } from "../../io/crafted.ts";

async function streamed(path: string) {
  return await Array.fromAsync(streamTable(path));
}

/** Texts of tables with everything that goes wrong in them. */
const TABLES: readonly [what: string, name: string, text: string][] = [
  ["plain rows", "a.csv", "x,y\n1,2\n3,4\n"],
  ["no line break at the end", "a.csv", "x,y\n1,2\n3,4"],
  ["quotes, doubled quotes and line breaks in cells", "a.csv", 'x,y\n"a ""b""\nc",2\n"d,e",\n'],
  ["CRLF, lone CR and empty lines", "a.csv", "x,y\r\n1,2\r\n\r\n\n3,4\r5,6\n"],
  ["too many and too few cells", "a.csv", "x,y\n1\n1,2,3\n4,5\n"],
  ["a quote that is never closed", "a.csv", 'x,y\n1,"2\n3,4\n5,6\n'],
  ["semicolons", "a.csv", "x;y\n1,5;2\n"],
  ["tabs", "a.tsv", "x\ty\na,b\t2\n"],
  ["a byte order mark and blanks around names", "a.csv", "\ufeff x , y\n1,2\n"],
  ["JSON lines, broken ones among them", "a.jsonl", '{"x":"1","y":2}\n\n{"x":\n[1]\n{"x":"3","y":[1,2]}'],
];
for (const [what, name, text] of TABLES) {
  Deno.test(`streamTable() reads ${what} as a table that is read at once`, async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, name);
    Deno.writeTextFileSync(path, text);
    const whole = readTable(path);
    const rows = await streamed(path);
    assert.deepEqual(rows.map(({ line }) => line), whole.rows.map(({ line }) => line));
    for (const [i, { values, fault }] of rows.entries()) {
      const row = whole.rows[i]!;
      const cells = () => Object.fromEntries(whole.columns.map((column) => [column, row.cell(column)]));
      if (fault === undefined) assert.deepEqual(values, cells());
      else assert.throws(cells, (error) => (error as Error).message === fault);
    }
  });
}

Deno.test("streamTable() gives the same rows wherever the chunks of a large file end", async () => {
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
  const lines = Array.from({ length: 60_000 }, () => `${cell()},${cell()}`);
  Deno.writeTextFileSync(path, "x,y\n" + lines.join("\n") + "\n");
  assert.ok(Deno.statSync(path).size > 3 * 2 ** 20, "several chunks");
  const whole = readTable(path);
  const rows = await streamed(path);
  assert.equal(rows.length, 60_000);
  for (const [i, { line, values }] of rows.entries()) {
    const row = whole.rows[i]!;
    if (line !== row.line || values.x !== row.cell("x") || values.y !== row.cell("y")) {
      assert.fail(`row ${i} differs`);
    }
  }
});

Deno.test("streamTable() refuses what is no table by name", async () => {
  using folder = temporaryFolder();
  const cases: [string, string, RegExp][] = [
    ["a.txt", "x\n", /a\.txt must be a \.csv, \.tsv or \.jsonl file/],
    ["twice.csv", "x, x\n1,2\n", /twice\.csv has two columns "x"/],
    [
      "open.csv",
      '"x,y\n1,2\n',
      /The header of .*open\.csv has a quote, opened on line 1, that is never closed/,
    ],
  ];
  for (const [name, text, message] of cases) {
    const path = join(folder.path, name);
    Deno.writeTextFileSync(path, text);
    await assert.rejects(
      streamed(path),
      (error) => error instanceof UserError && message.test(error.message),
      name,
    );
  }
  const latin = join(folder.path, "latin.csv");
  Deno.writeFileSync(latin, Uint8Array.of(0x78, 0x0a, 0xe9, 0x0a));
  await assert.rejects(streamed(latin), /latin\.csv: it is not valid UTF-8/);
  await assert.rejects(streamed(join(folder.path, "none.csv")), /Cannot read .*none\.csv/);
});
