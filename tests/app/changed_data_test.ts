// A run owns what it learned from: whatever becomes of its data, its numbers stay, or the change is named.
import assert from "node:assert/strict";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { UserError } from "../../src/base/user_error.ts";
import { readCsv } from "../../src/io/csv.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { openTestGpu } from "../open_gpu.ts";
import { evaluateRun, SMALL_TEXT, type Table, trainOnTable, writeTable } from "./small_runs.ts";

const COLOURS = ["red", "green", "blue"];
const SHAPES = ["circle", "square", "line", "dot"];
const HEADER = ["name", "title", "weight", "label", "split"];

/** 48 rows of a text, a number, a class and a split. */
function table(): Table {
  const random = new Random(3);
  const rows = Array.from({ length: 48 }, (_, i) => {
    const colour = COLOURS[i % 3]!, shape = SHAPES[Math.floor(random.between(0, 4))]!;
    const split = i % 4 === 0 ? "test" : i % 4 === 1 ? "validation" : "train";
    return [`s${i}`, `a ${colour} ${shape}`, (i % 3 + random.uniform()).toFixed(3), colour, split];
  });
  return [[...HEADER], ...rows];
}

/** One edit as users make them, somewhere in the table; the first word names its kind. */
const EDITS: readonly [name: string, edit: (rows: Table, random: Random) => void][] = [
  ["a text in one row", (rows, random) => pick(rows, random)[1] += " again"],
  ["a word no training text had", (rows, random) => pick(rows, random)[1] += " zebra"],
  ["a number in one row", (rows, random) => pick(rows, random)[2] = String(100 * random.uniform())],
  ["the label of one row", (rows, random) => {
    const row = pick(rows, random);
    row[3] = COLOURS[(COLOURS.indexOf(row[3]!) + 1) % 3]!;
  }],
  ["a label that is new", (rows, random) => pick(rows, random)[3] = "amber"],
  [
    "a class renamed everywhere",
    (rows) => rows.forEach((row) => row[3] = row[3] === "red" ? "crimson" : row[3]!),
  ],
  ["a row gone", (rows, random) => rows.splice(1 + Math.floor(random.between(0, rows.length - 1)), 1)],
  ["a row twice", (rows, random) => rows.push(pick(rows, random).with(0, "copy"))],
  [
    "a row more",
    (rows, random) =>
      rows.splice(1 + Math.floor(random.between(0, rows.length - 1)), 0, [
        "new",
        "a red dot",
        "1",
        "red",
        "train",
      ]),
  ],
  ["another order", (rows, random) => {
    const [header, ...others] = rows;
    random.shuffle(others);
    rows.splice(0, rows.length, header!, ...others);
  }],
  ["another order of columns", (rows) => rows.forEach((row) => row.reverse())],
  ["a column more", (rows) => rows.forEach((row, i) => row.push(i === 0 ? "remark" : "x"))],
  ["a row in another split", (rows, random) => pick(rows, random)[4] = "test"],
  ["all training rows but one gone", (rows) => {
    const kept = rows.findIndex((row) => row[4] === "train");
    for (let i = rows.length - 1; i > kept; i--) if (rows[i]![4] === "train") rows.splice(i, 1);
  }],
];

function pick(rows: Table, random: Random): string[] {
  return rows[1 + Math.floor(random.between(0, rows.length - 1))]!;
}

for (const withIds of [true, false]) {
  Deno.test(`edits of a table of every kind ${withIds ? "with" : "without"} ids: evaluation gives the same bits, or names what changed (slow)`, async () => {
    const gpu = await openTestGpu();
    const folder = Deno.makeTempDirSync({ prefix: "unis-edits-" });
    try {
      const write = (rows: Table) => writeTable(join(folder, "items.csv"), rows);
      write(table());
      const run = await trainOnTable(gpu, folder, [
        ...SMALL_TEXT,
        'data.modalities={"lab":{"features":["weight"]}}',
        "data.split=split",
        ...(withIds ? ["data.id=name"] : []),
        "model.encoders.lab.hidden_size=8",
        "model.encoders.lab.num_hidden_layers=1",
      ]);
      const own = await evaluateRun(gpu, run);
      assert.deepEqual(own.notes, []);
      const test = RunFolder.open(run).evaluation();
      assert.deepEqual(JSON.parse(own.numbers)[0], test, "evaluate gives what the run wrote");

      let same = 0, changed = 0, refused = 0;
      for (let seed = 0; seed < 2 * EDITS.length; seed++) {
        const random = new Random(seed);
        const rows = table();
        const [name, edit] = EDITS[seed % EDITS.length]!;
        edit(rows, random);
        write(rows);
        const testRows = (rows: Table) => {
          const [header, ...others] = rows;
          const at = HEADER.map((column) => header!.indexOf(column));
          return others.map((row) => at.map((i) => row[i]!)).filter((row) => row[4] === "test")
            .map((row) => (withIds ? row : row.slice(1)).join("|")).sort().join("\n");
        };
        const touched = testRows(rows) !== testRows(table());
        const what = `${name}, seed ${seed}, ${touched ? "in" : "not in"} the test rows`;
        try {
          const { numbers, notes } = await evaluateRun(gpu, run);
          if (numbers === own.numbers) same++;
          else changed++;
          if (touched) assert.match(notes.join("\n"), /The test split changed since training/, what);
          else assert.equal(numbers, own.numbers, what);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          assert.match(error.message, /knows no class "(amber|crimson)"/, what);
          refused++;
        }
      }
      assert.ok(
        same > 8 && changed > 3 && refused > 1,
        `${same} the same, ${changed} changed, ${refused} refused`,
      );
      write(table());
      assert.equal((await evaluateRun(gpu, run)).numbers, own.numbers, "restored");
      assert.ok(readCsv(join(run, "preprocessing", "samples.csv")).length === 49);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}
