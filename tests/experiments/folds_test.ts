// Cross-validation: an experiment that makes a run of each fold.
import assert from "node:assert/strict";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { run } from "../../src/cli/program.ts";
import { joinFolds } from "../../src/experiments/comparison.ts";
import { parseExperiment } from "../../src/experiments/experiment_file.ts";
import { planRuns } from "../../src/experiments/plan_runs.ts";
import { readCsv } from "../../src/io/csv.ts";
import { temporaryFolder } from "../io/crafted.ts";

const VARIANTS = [{ name: "A", method: "features" }, {
  name: "B",
  method: "features",
  set: { "data.flip": 0 },
}];

Deno.test("planRuns() makes each run once a fold, unless a fold is named", () => {
  const file = parseExperiment(
    { name: "x", seeds: [1, 2], set: { "data.folds": 3 }, variants: VARIANTS },
    "f",
  );
  const planned = planRuns(file, "f", { encoders: {}, settings: [] });
  assert.deepEqual(planned.slice(0, 4).map(({ name, fold }) => [name, fold]), [
    ["a-seed1-fold1", 1],
    ["a-seed1-fold2", 2],
    ["a-seed1-fold3", 3],
    ["b-seed1-fold1", 1],
  ]);
  assert.equal(planned.length, 12);
  assert.equal(planned[1]!.settings.at(-1), "data.fold=2");
  const names = (settings: string[]) =>
    planRuns(file, "f", { encoders: {}, settings }).map(({ name }) => name);
  assert.equal(names(["data.folds=2"]).length, 8);
  assert.deepEqual(names(["data.fold=2"]), ["a-seed1", "b-seed1", "a-seed2", "b-seed2"]);
});

Deno.test("joinFolds() takes the samples of all folds for one test, once all are there", () => {
  const of = (fold: number, id: string) => ({
    variant: "A",
    levels: {},
    seed: 1,
    fold,
    predictions: { ids: [id], correct: Uint8Array.of(fold % 2) },
  });
  const [joined, ...more] = joinFolds([of(1, "x"), of(2, "y"), of(3, "z")]);
  assert.deepEqual(joined!.predictions, { ids: ["x", "y", "z"], correct: Uint8Array.of(1, 0, 1) });
  assert.deepEqual(more, []);
  assert.equal(joinFolds([of(1, "x"), { ...of(2, "y"), predictions: undefined }])[0]!.predictions, undefined);
});

Deno.test("unis experiment cross-validates: every sample is tested once, by runs that did not see its group", async () => {
  using folder = temporaryFolder();
  const random = new Random(4);
  const rows = Array.from({ length: 90 }, (_, i) => {
    const label = Math.floor(i / 3) % 2;
    return `${label + random.between(-0.3, 0.3)},${label},p${Math.floor(i / 3)}\n`;
  });
  Deno.writeTextFileSync(join(folder.path, "items.csv"), "x,label,patient\n" + rows.join(""));
  const small = {
    "model.head.hidden_size": 4,
    "model.encoders.features.hidden_size": 4,
    "training.epochs": 1,
  };
  const file = join(folder.path, "folds.json");
  Deno.writeTextFileSync(
    file,
    JSON.stringify({
      name: "Folds",
      data: `table:${folder.path}/items.csv`,
      seeds: [1],
      set: { "data.features": ["x"], "data.group": "patient", "data.folds": 3, ...small },
      variants: [{ name: "A", method: "features" }],
    }),
  );
  const out = join(folder.path, "out");
  const { log, error } = console;
  const lines: string[] = [];
  console.log = console.error = (...parts: unknown[]) => lines.push(parts.join(" "));
  try {
    assert.equal(await run(["experiment", file, "--out", out]), 0, lines.join("\n"));
  } finally {
    Object.assign(console, { log, error });
  }
  const tested = [1, 2, 3].map((fold) => {
    const [, ...cells] = readCsv(join(out, `a-seed1-fold${fold}`, "predictions.csv")).map((row) => row.cells);
    return cells.map(([id]) => Number(id));
  });
  assert.deepEqual(tested.flat().toSorted((a, b) => a - b), Array.from({ length: 90 }, (_, i) => i + 2));
  for (const ids of tested) {
    assert.ok(
      ids.every((id) => ids.filter((other) => (other - 2) / 3 >> 0 === (id - 2) / 3 >> 0).length === 3),
    );
  }
  const markdown = Deno.readTextFileSync(join(out, "results.md"));
  assert.match(markdown, /mean ± standard deviation \(n − 1\) of 3 runs: the 3 folds of a cross-validation/);
  assert.match(markdown, /^\| A +\| +[\d.]+ ± [\d.]+ \|$/m);
  const { runs } = JSON.parse(Deno.readTextFileSync(join(out, "results.json")));
  assert.deepEqual(runs.map((one: { fold: number }) => one.fold), [1, 2, 3]);
});
