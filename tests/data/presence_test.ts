/** Which modalities samples are left with, and what a batch holds of them. */
import assert from "node:assert/strict";
import { Random } from "../../src/base/random.ts";
import { describeFault } from "../../src/data/index/sample_index.ts";
import { SampleDataset } from "../../src/data/dataset.ts";
import { withholdInputs } from "../../src/data/index/lacking.ts";
import { FeatureModality } from "../../src/data/modalities.ts";
import { drawWithheld } from "../../src/data/presence.ts";
import { withholding } from "../../src/data/withholding.ts";
import { indexWritten, TABLE } from "./readers/written_table.ts";

const NAMES = ["a", "b", "c"];

Deno.test("every way to lack some is as likely, nothing is all that is left, and one alone is kept", () => {
  const counts = new Map<string, number>();
  const draws = 12_000, share = 0.6;
  for (let i = 0; i < draws; i++) {
    const left = drawWithheld(share, [true, true, true], new Random(i)).map(Number).join("");
    counts.set(left, (counts.get(left) ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].sort(), ["001", "010", "011", "100", "101", "110", "111"]);
  for (const [left, count] of counts) {
    const expected = left === "111" ? 1 - share : share / 6;
    assert.ok(Math.abs(count / draws - expected) < 0.015, `${left}: ${count}`);
  }
  for (let i = 0; i < 50; i++) {
    assert.deepEqual(drawWithheld(1, [false, true, false], new Random(i)), [false, true, false]);
    const [a, b, c] = drawWithheld(1, [true, false, true], new Random(i));
    assert.ok(a !== c && b === false);
  }
});

/** Six samples whose number of modality m is 10 m + their own; the fourth and fifth lack some. */
function lacking(modalityDropout = 0): SampleDataset {
  const samples = Array.from({ length: 6 }, (_, i) => ({
    id: `s${i}`,
    label: 0,
    split: "train" as const,
    ...(i === 3 && { lacks: ["a"] }),
    ...(i === 4 && { lacks: ["b", "c"] }),
  }));
  const parts = NAMES.map((name, m) =>
    new FeatureModality(name, Float32Array.from(samples, (_, i) => 10 * m + i), 1)
  );
  return new SampleDataset({ name: "x", classes: ["only"], samples, parts, modalityDropout });
}

/** The numbers of a modality, null where a sample lacks it; throws where a batch holds more or fewer than it says. */
function numbersOf(input: { present?: Uint32Array; values?: Float32Array }, size: number): (number | null)[] {
  const left = [...input.values!];
  const present = input.present ?? new Uint32Array(size).fill(1);
  const numbers = Array.from(present, (is) => is ? left.shift()! : null);
  assert.ok(left.length === 0 && !numbers.includes(undefined as never), "it is of those that are there");
  return numbers;
}

Deno.test("a batch holds what samples have, and says who has it where some lack it", async () => {
  const data = lacking();
  const { modalities } = await data.batch("train", Uint32Array.of(4, 3, 0));
  assert.deepEqual(NAMES.map((name) => numbersOf(modalities[name] as never, 3)), [
    [4, null, 0],
    [null, 13, 10],
    [null, 23, 20],
  ]);
  const whole = await data.batch("train", Uint32Array.of(5, 0));
  assert.ok(NAMES.every((name) => whole.modalities[name]!.present === undefined));
  const { modalities: only } = await withholding(data, ["b"]).batch("train", Uint32Array.of(3, 0));
  assert.deepEqual(NAMES.map((name) => numbersOf(only[name] as never, 2)), [
    [null, null],
    [13, 10],
    [null, null],
  ]);
});

Deno.test("what is withheld in training depends on seed, epoch and sample alone, and evaluation sees all", async () => {
  const data = lacking(0.7);
  const seen = async (rows: number[], key?: { seed: number; epoch: number }) => {
    const { modalities } = await data.batch("train", Uint32Array.from(rows), key);
    const all = NAMES.map((name) => numbersOf(modalities[name] as never, rows.length));
    return rows.map((_, i) => all.map((own) => own[i]));
  };
  const found = new Set<string>();
  for (let epoch = 0; epoch < 8; epoch++) {
    const key = { seed: 3, epoch };
    const all = await seen([0, 1, 2, 3, 4, 5], key);
    assert.deepEqual(await seen([5, 2], key), [all[5], all[2]]);
    assert.ok(all.every((own) => own.some((one) => one !== null)), "something is left");
    assert.deepEqual(all[4], [4, null, null]);
    found.add(JSON.stringify(all));
  }
  assert.equal(found.size, 8);
  const plain = await seen([0, 1]);
  assert.deepEqual(plain, [[0, 10, 20], [1, 11, 21]]);
});

Deno.test("what is withheld for good depends on ids, and is of the splits that are named", () => {
  const samples = Array.from({ length: 400 }, (_, i) => ({
    ...{ file: "x", row: i, id: `é${i}`, label: 0, inputs: { a: "x", b: "y" } },
    split: i % 2 === 0 ? "train" as const : "test" as const,
  }));
  const shares = { train: 0, validation: 0, test: 0.5, seed: 1 };
  const withheld = withholdInputs(samples, [{ name: "a" }, { name: "b" }], shares);
  const left = (one: typeof withheld[number]) => `${one.split} ${one.inputs.a} ${one.inputs.b}`;
  const counts = Map.groupBy(withheld, left);
  assert.deepEqual([...counts.keys()].sort(), ["test null y", "test x null", "test x y", "train x y"]);
  assert.ok(Math.abs(counts.get("test x y")!.length - 100) < 25);
  const again = withholdInputs(samples.toReversed(), [{ name: "a" }, { name: "b" }], shares);
  assert.deepEqual(again.toReversed().map(left), withheld.map(left));
});

Deno.test("cells that are empty, null or not there are modalities that a row lacks; a row without any is a fault", async () => {
  const modalities = { numbers: { features: "v" }, words: { text: "t" } };
  const lines = [
    { v: null, t: "x", label: "a" },
    { v: [1, 2], t: " ", label: "b" },
    { t: "y", label: "b" },
    { v: [3, 4], t: "z", label: "a" },
    { v: null, t: "", label: "a" },
    { v: [3], t: "", label: "a" },
  ];
  const content = lines.map((line) => JSON.stringify(line) + "\n").join("");
  const read = (mayLack: boolean) => indexWritten("x.jsonl", content, { ...TABLE, modalities, mayLack });
  const { samples, faults } = await read(true);
  assert.deepEqual(
    samples.map(({ inputs }) => [inputs.numbers && [...inputs.numbers as Float32Array], inputs.words]),
    [
      [null, "x"],
      [[1, 2], null],
      [null, "y"],
      [[3, 4], "z"],
    ],
  );
  assert.deepEqual(faults.map(describeFault), [
    'x.jsonl, row 5: lacks "numbers" and "words": there is nothing to learn from',
    "x.jsonl, row 6: has 1 numbers where others have 2",
  ]);
  assert.equal((await read(false)).faults.length, 5);
});
