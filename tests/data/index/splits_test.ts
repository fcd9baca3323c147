// Splits that are drawn, in which classes keep their shares and groups stay together, and what is the same across splits.
import assert from "node:assert/strict";
import { Random } from "../../../src/base/random.ts";
import { dealGroups } from "../../../src/data/index/draw.ts";
import { leakWarnings, textKey } from "../../../src/data/index/leaks.ts";
import { drawSplits, type IndexedSample, type SampleIndex } from "../../../src/data/index/sample_index.ts";
import { isSound, verifyIndex } from "../../../src/data/index/verify.ts";
import type { TableOptions } from "../../../src/data/readers/table_options.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { indexWritten, TABLE } from "../readers/written_table.ts";

const OPTIONS = { ...TABLE, modalities: { text: { text: "title" } }, validationShare: 0.2, testShare: 0.2 };

async function read(content: string, options: Partial<TableOptions> = {}): Promise<SampleIndex> {
  const index = await indexWritten("x.csv", content, { ...OPTIONS, ...options });
  drawSplits(index);
  return index;
}

/** Patients of one to seven pictures, each of one of three classes, the last of which is rare. */
function patients(count: number): string {
  const random = new Random(3);
  const rows = Array.from({ length: count }, (_, patient) => {
    const label = ["a", "a", "a", "b", "b", "c"][patient % 6];
    const pictures = 1 + Math.floor(random.between(0, 7));
    return Array.from({ length: pictures }, (_, i) => `text ${patient} ${i},${label},p${patient}\n`).join("");
  });
  return "title,label,patient\n" + rows.join("");
}

Deno.test("data.group keeps groups together, and classes and splits near their shares", async () => {
  const index = await read(patients(300), { group: "patient" });
  const splits = new Map<string, Set<string>>();
  for (const { group, split } of index.samples) {
    splits.set(group!, (splits.get(group!) ?? new Set()).add(split));
  }
  assert.equal(splits.size, 300);
  assert.ok([...splits.values()].every(({ size }) => size === 1));
  for (const split of ["validation", "test"] as const) {
    for (const label of [0, 1, 2]) {
      const all = index.samples.filter((sample) => sample.label === label);
      const share = all.filter((sample) => sample.split === split).length / all.length;
      assert.ok(Math.abs(share - 0.2) < 0.03, `${split}, ${index.classes[label]}: ${share}`);
    }
  }
  const again = await read(patients(300), { group: "patient" });
  const other = await read(patients(300), { group: "patient", splitSeed: 2 });
  const all = ({ samples }: SampleIndex) => samples.map(({ split }) => split);
  assert.deepEqual(all(again), all(index));
  assert.notDeepEqual(all(other), all(index));
});

for (const group of [null, "patient"]) {
  Deno.test(`data.folds tests each sample once${group ? ", groups together" : ""}, in folds alike`, async () => {
    const tested = new Map<number, number>();
    for (let number = 1; number <= 5; number++) {
      const { samples, classes } = await read(patients(200), { group, fold: { number, of: 5 } });
      const own = samples.filter(({ split }) => split === "test");
      for (const { row } of own) tested.set(row, (tested.get(row) ?? 0) + 1);
      for (const label of classes.keys()) {
        const of = (some: readonly IndexedSample[]) => some.filter((sample) => sample.label === label).length;
        assert.ok(Math.abs(of(own) - of(samples) / 5) < (group ? 7 : 1), `fold ${number}, class ${label}`);
      }
      if (group === null) assert.ok(Math.abs(own.length - samples.length / 5) < 1, `fold ${number}`);
      const validated = samples.filter(({ split }) => split === "validation").length;
      assert.ok(Math.abs(validated / samples.length - 0.2) < 0.02);
      if (group === null) continue;
      const tests = new Set(own.map((sample) => sample.group));
      assert.ok(samples.every((sample) => sample.split === "test" || !tests.has(sample.group)));
    }
    assert.ok([...tested.values()].every((times) => times === 1));
    assert.equal(tested.size, (await read(patients(200))).samples.length);
  });
}

Deno.test("too few groups for the splits are told by the key that asks for them", async () => {
  const one = "title,label,g\n" + Array.from({ length: 20 }, (_, i) => `a ${i},${i % 2},same\n`).join("");
  await assert.rejects(
    read(one, { group: "g" }),
    (error) =>
      error instanceof UserError &&
      /^"data\.test_share" is too much: 1 groups cannot be dealt to 2 parts/.test(error.message),
  );
  assert.throws(() => dealGroups([0, 0, 0], ["a", "a", "a"], [0.5, 0.5], 1), RangeError);
});

Deno.test("verify tells of groups across given splits as faults, of shared texts with what accuracy is worth", async () => {
  const rows = [
    ["A red  Circle", "x", "train", "g1"],
    ["blue square", "y", "train", "g2"],
    ["green", "y", "train", ""],
    ["a red circle ", "x", "validation", "g3"],
    ["white", "y", "validation", "g4"],
    ["Blue Square", "y", "test", "g5"],
    ["black", "x", "test", "g1"],
    ["grey", "y", "test", ""],
    ["BLUE SQUARE", "y", "test", "g6"],
  ];
  const content = "title,label,split,group\n" + rows.map((cells) => cells.join() + "\n").join("");
  const index = await read(content, { split: "split", group: "group" });
  const found = await verifyIndex(index, { compare: false, workers: 1 });
  assert.ok(!isSound(found));
  assert.deepEqual(found.faults.map(({ row, kind, message }) => [row, kind, message]), [
    [2, "leakage", 'its group "g1" is also in the test split: x.csv, row 8'],
  ]);
  assert.deepEqual(found.warnings, [
    '1 of 2 validation samples (50 %) share the text "text" (1) with training (first: x.csv, row 5, as x.csv, row 2): ' +
    "a model that knows them by heart is right about them, so accuracy is worth what it is on the other 1",
    '3 of 4 test samples (75 %) share a group (1), the text "text" (2) with training (first: x.csv, row 8, as x.csv, ' +
    "row 2): a model that knows them by heart is right about them, so accuracy is worth what it is on the other 1",
  ]);
});

Deno.test("leakWarnings() says nothing where nothing is shared, and texts of blanks are none", () => {
  assert.deepEqual(leakWarnings([], []), []);
  assert.deepEqual([textKey(" \t"), textKey(" A\u00a0 b\n")], [undefined, "a b"]);
});
