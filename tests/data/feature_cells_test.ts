// Cells of feature vectors: categories, numbers that are missing, decimal commas; fitted, kept, applied to new rows.
import assert from "node:assert/strict";
import {
  featureNames,
  type FeatureReading,
  featuresIn,
  fitCells,
  readingOf,
} from "../../src/data/feature_cells.ts";
import { fitPreprocessing, scaled } from "../../src/data/fit.ts";
import { describeFault, type SampleIndex } from "../../src/data/index/sample_index.ts";
import { featuresOf } from "../../src/data/index/numbers.ts";
import type { FeaturePreprocessing } from "../../src/data/preprocessing.ts";
import type { TableOptions } from "../../src/data/readers/table_options.ts";
import { UserError } from "../../src/base/user_error.ts";
import { indexWritten, TABLE as PLAIN_TABLE } from "./readers/written_table.ts";

const OPTIONS = { ...PLAIN_TABLE, modalities: { lab: { features: ["age", "colour", "ph"] } } };
const read = (content: string, options: Partial<TableOptions> = {}, name = "x.csv") =>
  indexWritten(name, content, { ...OPTIONS, ...options });

const TABLE = "age;colour;ph;label\n30;red;7,5;x\n;blue;6,5;y\n50; red ;NA;x\n40;;8;y\n";
const ODD = { categories: ["colour"], numbers: { decimal: ",", allowsMissing: true } } as const;

async function fitted(index: SampleIndex): Promise<FeaturePreprocessing> {
  const { modalities: [lab] } = await fitPreprocessing(index, index.samples, {
    image: () => assert.fail(),
    text: () => assert.fail(),
  });
  return lab as FeaturePreprocessing;
}

Deno.test("categories, missing numbers and decimal commas become features that are fitted on training", async () => {
  const index = await read(TABLE, ODD);
  assert.deepEqual(index.faults, []);
  assert.deepEqual(index.samples.map(({ inputs }) => inputs.lab), [
    [30, "red", 7.5],
    [NaN, "blue", 6.5],
    [50, "red", NaN],
    [40, "", 8],
  ]);
  const lab = await fitted(index);
  assert.deepEqual(lab.columns, [
    "age",
    "age is missing",
    "colour = ",
    "colour = blue",
    "colour = red",
    "ph",
    "ph is missing",
  ]);
  assert.deepEqual(lab.cells, [
    { column: "age", mean: 40, indicator: true },
    { column: "colour", categories: ["", "blue", "red"] },
    { column: "ph", mean: 22 / 3, indicator: true },
  ]);
  const round = (values: Float32Array) => Array.from(values, (value) => Math.round(1000 * value) / 1000);
  assert.deepEqual(
    round(scaled(index.samples.map(({ inputs }) => inputs.lab as [number, string, number]), lab)),
    [
      ...[0, 0, 0, 0, 1, 0.667, 0],
      ...[0.5, 1, 0, 1, 0, 0, 0],
      ...[1, 0, 0, 0, 1, 0.556, 1],
      ...[0.5, 0, 1, 0, 0, 1, 0],
    ],
  );
  // A category that training did not know is none of those it knew; beyond the range numbers go on.
  assert.deepEqual(round(scaled([[60, "green", 6.5]], lab)), [1.5, 0, 0, 0, 0, 0, 0]);
});

Deno.test("numbers alone are read, fitted and scaled as they always were", async () => {
  const index = await read("age,colour,ph,label\n30,1,7.5,x\n40,2,8,y\n");
  assert.deepEqual(index.samples[0]!.inputs.lab, Float32Array.of(30, 1, 7.5));
  const lab = await fitted(index);
  assert.deepEqual(Object.keys(lab), ["name", "kind", "columns", "minimum", "maximum"]);
  assert.deepEqual(lab.columns, ["age", "colour", "ph"]);
});

Deno.test("a number that no training row lacked has no indicator, and yet its mean", () => {
  const reading: FeatureReading = { decimal: ".", allowsMissing: true, categories: new Set() };
  const cells = fitCells(["a", "b"], [[1, NaN], [3, NaN]], reading);
  assert.deepEqual(cells, [{ column: "a", mean: 2, indicator: false }, {
    column: "b",
    mean: 0,
    indicator: true,
  }]);
  assert.deepEqual(featureNames(cells), ["a", "b", "b is missing"]);
  assert.deepEqual([...featuresIn([NaN, 5], cells)], [2, 5, 0]);
  assert.deepEqual(readingOf(cells, ","), { ...reading, decimal: "," });
});

const CELLS: [cell: unknown, decimal: "." | ",", allowsMissing: boolean, found: number | RegExp][] = [
  ["1.5", ".", false, 1.5],
  [" -2e3 ", ".", false, -2000],
  [2, ".", false, 2],
  ["1,5", ",", false, 1.5],
  ["-,5", ",", false, -0.5],
  ["12", ",", false, 12],
  ["1,5", ".", false, /number 1 is "1,5": fractions take a point, unless data\.decimal is a comma/],
  ["1.5", ",", false, /number 1 is "1\.5": fractions take a comma, as data\.decimal says/],
  ["1.234,5", ",", false, /fractions take a comma/],
  ["1,2,3", ",", false, /number 1 is "1,2,3"$/],
  ["", ".", false, /number 1 is "": data\.missing_numbers=mean fills such cells in/],
  ["NA", ".", false, /number 1 is "NA": data\.missing_numbers=mean/],
  [null, ".", false, /number 1 is null$/],
  ["", ".", true, NaN],
  [" nan ", ".", true, NaN],
  ["#N/A", ",", true, NaN],
  [null, ".", true, NaN],
  ["many", ".", true, /number 1 is "many"$/],
  ["Infinity", ".", true, /number 1 is "Infinity"$/],
  ["1e300", ".", true, /number 1 is "1e300"$/],
  [[1], ".", true, /number 1 is \[1\]$/],
  [true, ".", false, /number 1 is true$/],
];
for (const [cell, decimal, allowsMissing, found] of CELLS) {
  const how = `a ${decimal === "." ? "point" : "comma"}${allowsMissing ? ", missing ones allowed" : ""}`;
  Deno.test(`the cell ${JSON.stringify(cell)} as a number with ${how}`, () => {
    const read = () =>
      featuresOf([cell], 1, { reading: { decimal, allowsMissing, categories: new Set() } })[0];
    if (found instanceof RegExp) assert.throws(read, (error) => found.test((error as Error).message));
    else assert.ok(Object.is(read(), found));
  });
}

Deno.test("faults of such cells name file, row and cure; a stray category is refused", async () => {
  const { faults } = await read("age,colour,ph,label\n1,,7,x\n2,red,,y\n3,red,7,y\n", {
    categories: ["colour"],
  });
  assert.deepEqual(faults.map(describeFault), [
    'x.csv, row 2: number 2 is "": the category is missing',
    'x.csv, row 3: number 3 is "": data.missing_numbers=mean fills such cells in',
  ]);
  await assert.rejects(
    read(TABLE, { categories: ["color"] }),
    (error) =>
      error instanceof UserError &&
      /"data\.categories" names "color", which is no column/.test(error.message),
  );
});

Deno.test("JSON has numbers, categories and nulls as they are; a key that lacks may be a misspelt one", async () => {
  const lines = [
    { age: 1, colour: 7, ph: null, label: "x" },
    { age: 2.5, colour: "7", ph: 1, label: "y" },
    { age: 2.5, colour: "7", pH: 1, label: "y" },
  ];
  const content = lines.map((line) => JSON.stringify(line) + "\n").join("");
  const index = await read(content, { ...ODD, numbers: { decimal: ".", allowsMissing: true } }, "x.jsonl");
  assert.deepEqual(index.samples.map(({ inputs }) => inputs.lab), [[1, "7", NaN], [2.5, "7", 1]]);
  assert.deepEqual(index.faults.map(describeFault), ['x.jsonl, row 3: has no "ph"']);
  assert.deepEqual((await read(content, {}, "x.jsonl")).faults.length, 2);
});
