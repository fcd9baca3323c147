// Sweeps: what is drawn, which trials go on, and the command on a data set of few numbers.
import assert from "node:assert/strict";
import { join } from "node:path";
import { ranking, type Rung, rungsOf, rungsSoFar, type Standing } from "../../src/experiments/halving.ts";
import { importances } from "../../src/experiments/importance.ts";
import { parseSweep } from "../../src/experiments/sweep_file.ts";
import { type KnownRun, progressOf, scoreAt } from "../../src/experiments/sweep_results.ts";
import { drawTrials } from "../../src/experiments/trials.ts";
import { readRuns } from "../../src/report/html/experiment_report.ts";
import { exists } from "../../src/io/files.ts";
import type { EpochRecord } from "../../src/runs/records.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { unis } from "../cli/unis.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { featuresExperiment, writeFeatures } from "./features.ts";

const parse = (value: object) => parseSweep({ name: "S", seeds: [1], ...value }, "s.yaml");

Deno.test("a trial is drawn alike however many there are, and a key whatever the others are", () => {
  const { space } = parse({
    space: {
      rate: { min: 1e-4, max: 1e-1, scale: "log" },
      dropout: { min: -0.5, max: 0.5 },
      layers: { min: 1, max: 3, integer: true },
      width: { min: 1, max: 64, scale: "log", integer: true },
      method: ["agg-mm", "unis-mmc"],
    },
  });
  const draw = (some: Partial<typeof space>, count: number, seed = 1) =>
    drawTrials({ space: some as typeof space, draw_seed: seed }, count).map(({ parameters }) => parameters);
  const many = draw(space, 2000);
  assert.deepEqual(draw(space, 7), many.slice(0, 7));
  assert.deepEqual(draw({ rate: space.rate! }, 50), many.slice(0, 50).map(({ rate }) => ({ rate })));
  assert.notDeepEqual(draw(space, 7, 2), many.slice(0, 7));
  const of = (key: string) => many.map((one) => one[key] as number).toSorted((a, b) => a - b);
  const share = (key: string, isIn: (value: number) => boolean) => of(key).filter(isIn).length / many.length;
  const near = (actual: number, expected: number) =>
    assert.ok(Math.abs(actual - expected) < 0.04, `${actual}`);
  assert.ok(of("rate")[0]! >= 1e-4 && of("rate").at(-1)! <= 1e-1);
  near(share("rate", (value) => value < 1e-3), 1 / 3); // each power of ten alike
  near(share("dropout", (value) => value < 0), 1 / 2);
  assert.deepEqual([...new Set(of("layers"))], [1, 2, 3]);
  for (const layers of [1, 2, 3]) near(share("layers", (value) => value === layers), 1 / 3);
  assert.deepEqual([of("width")[0], of("width").at(-1)], [1, 64]);
  near(share("width", (value) => value === 1), Math.log(2) / Math.log(65));
  // What two keys draw of one trial has nothing to do with each other.
  near(
    many.filter(({ rate, dropout }) => (rate as number < 10 ** -2.5) === (dropout as number < 0)).length /
      2000,
    0.5,
  );
});

Deno.test("a space of few values is drawn whole, each once", () => {
  const { space } = parse({ space: { a: [1, 2, 3], b: { min: 1, max: 2, integer: true } } });
  const trials = drawTrials({ space, draw_seed: 1 }, 50);
  assert.deepEqual(trials.map(({ number }) => number), [1, 2, 3, 4, 5, 6]);
  assert.equal(new Set(trials.map(({ parameters }) => JSON.stringify(parameters))).size, 6);
});

Deno.test("halving: one in eta of those that did not fail goes on from each rung", () => {
  assert.deepEqual(rungsOf({ strategy: "random", halving: { eta: 3, min_epochs: 1 } }, 20), [20]);
  assert.deepEqual(rungsOf({ strategy: "halving", halving: { eta: 3, min_epochs: 1 } }, 20), [1, 3, 9, 20]);
  assert.deepEqual(rungsOf({ strategy: "halving", halving: { eta: 2, min_epochs: 4 } }, 4), [4]);
  const numbers = [1, 2, 3, 4, 5, 6, 7];
  /** The score after one epoch; after more, it is the higher the lower the number. */
  const first: Standing[] = [0.5, 0.9, "failed", 0.7, 0.9, 0.1, 0.2];
  const standing = (trial: number, epochs: number) => epochs === 1 ? first[trial - 1] : 10 - trial;
  const of = (rungs: readonly Rung[]) => rungs.map(({ standings }) => [...standings.keys()]);
  const soFar = (metric: "accuracy" | "loss", standingOf = standing) =>
    rungsSoFar(numbers, [1, 2, 4], 2, metric, standingOf);
  assert.deepEqual(of(soFar("accuracy")), [numbers, [2, 5, 4], [2]]);
  assert.deepEqual(ranking(soFar("accuracy"), "accuracy"), [2, 4, 5, 1, 7, 6]);
  assert.deepEqual(of(soFar("loss")), [numbers, [6, 7, 1], [7]]);
  // A rung is decided once all that are in it stand somewhere, and not before.
  assert.deepEqual(
    of(soFar("accuracy", (trial, epochs) => trial === 7 ? undefined : standing(trial, epochs))),
    [numbers],
  );
  // Where one fails later on, the next best takes its place; where all have failed, none is left.
  const failing = (trial: number, epochs: number) =>
    trial === 2 && epochs > 1 ? "failed" : standing(trial, epochs);
  assert.deepEqual(of(soFar("accuracy", failing)), [numbers, [2, 5, 4], [4]]);
  assert.deepEqual(ranking(soFar("accuracy", () => "failed"), "accuracy"), []);
});

Deno.test("the score at a rung is that of the weights that are kept, whatever was trained since", () => {
  const records = [0.3, undefined, 0.6, 0.5, 0.4, 0.9].map((fusion, i) => ({
    epoch: i + 1,
    ...(fusion !== undefined && { validation_accuracy: { image: 0.99, fusion } }),
  })) as unknown as EpochRecord[];
  const training = { metric: "accuracy", keep: "best", early_stopping: 9, epochs: 6 } as const;
  const cases: [epochs: number, change: object, expected: number | undefined][] = [
    [1, {}, 0.3],
    [2, {}, 0.3],
    [5, {}, 0.6],
    [6, {}, 0.9],
    [5, { keep: "last" }, 0.4],
    [5, { metric: "loss" }, 0.3],
    [9, {}, 0.9], // all epochs there are
    [9, { epochs: 9 }, undefined], // on its way
  ];
  for (const [epochs, change, expected] of cases) {
    const config = { training: { ...training, ...change } } as Parameters<typeof scoreAt>[2];
    assert.equal(scoreAt(records, epochs, config), expected, `${epochs} ${JSON.stringify(change)}`);
  }
  const overflows = [{ ...records[0]!, validation_not_finite: { fusion: 1 } }, records[4]!] as EpochRecord[];
  assert.equal(
    scoreAt(overflows, 5, { training: { ...training, metric: "loss" } } as never),
    0.4,
    "not kept",
  );
  const stopped = { training: { ...training, early_stopping: 2, epochs: 9 } } as Parameters<
    typeof scoreAt
  >[2];
  assert.equal(scoreAt(records.slice(0, 5), 9, stopped), 0.6);
});

Deno.test("a trial that fails keeps the scores it had, and of several runs the mean counts once all are there", () => {
  const trials = [1, 2, 3].map((number) => ({ number, title: `Trial ${number}`, parameters: {} }));
  const config = { training: { metric: "accuracy", keep: "best", early_stopping: 9, epochs: 4 } };
  const runs = trials.flatMap(({ title, number }) =>
    [1, 2].map((seed) => ({ name: `${number}-${seed}`, variant: title, seed, config }))
  );
  const sweep = {
    ...{ trials, runs, rungs: [1, 2, 4] },
    file: { halving: { eta: 2 } },
  } as unknown as Parameters<typeof progressOf>[0];
  const known = (scores: readonly number[], failure?: string): KnownRun => ({
    records: scores.map((x, i) => ({ epoch: i + 1, validation_accuracy: { x } })) as unknown as EpochRecord[],
    failure,
  });
  const all = new Map(
    ["1-1", "1-2", "2-1", "2-2", "3-1", "3-2"].map((name) => [name, known([Number(name[0]) / 4])]),
  );
  const standings = () => progressOf(sweep, all).map(({ standings }) => [...standings]);
  const first = [[1, 0.25], [2, 0.5], [3, 0.75]];
  assert.deepEqual(standings(), [first, [[3, undefined]]]);
  all.set("3-1", known([0.75, 0.5]));
  assert.deepEqual(standings(), [first, [[3, undefined]]]);
  all.set("3-2", known([0.75, 0.875, 0.5]));
  assert.deepEqual(standings(), [first, [[3, 0.8125]], [[3, undefined]]]);
  all.set("3-2", known([0.75], "it diverged"));
  assert.deepEqual(standings(), [first, [[3, "failed"]], []]);
  all.set("1-2", known([], "it diverged"));
  assert.deepEqual(standings()[0], [[1, "failed"], [2, 0.5], [3, 0.75]]);
});

Deno.test("importances: rank correlation of a range, correlation ratio of a list", () => {
  const { space } = parse({
    space: { x: { min: 0, max: 9 }, same: { min: 0, max: 9 }, kind: ["a", "b", "c"] },
  });
  const rows: [x: number, kind: string, score: number][] = [[1, "a", 1], [2, "b", 3], [3, "a", 2], [
    9,
    "b",
    4,
  ]];
  const trials = rows.map(([x, kind, score]) => ({ parameters: { x, same: 5, kind }, score }));
  const found = importances(space, trials, "accuracy");
  assert.deepEqual(found.map(({ parameter }) => parameter), ["kind", "x", "same"]);
  const [kind, x, same] = found;
  assert.ok(Math.abs(x!.rho! - 0.8) < 1e-12); // 1 - 6 · 2 / (4 · 15)
  assert.ok(Math.abs(kind!.importance! - Math.sqrt(4 / 5)) < 1e-12); // 4 of the 5 that ranks have in all
  assert.deepEqual(kind!.means, [{ value: "a", mean: 1.5, trials: 2 }, { value: "b", mean: 3.5, trials: 2 }]);
  assert.equal(same!.importance, null);
  const byLoss = importances(space, trials, "loss").find(({ parameter }) => parameter === "x");
  assert.ok(Math.abs(byLoss!.rho! + 0.8) < 1e-12);
});

Deno.test("what is wrong with the file of a sweep is told by its key", () => {
  const range = (value: object) => ({ space: { "optimizer.epsilon": { min: 1, max: 2, ...value } } });
  const cases: [value: object, expected: RegExp][] = [
    [{ space: { method: ["image"] }, trial: 3 }, /^s\.yaml: unknown key "trial": did you mean "trials"/],
    [{}, /"space" is missing/],
    [{ space: {} }, /"space" must hold at least one key/],
    [{ space: { method: [] } }, /"space\.method" must be a list of at least 1, got \[\]$/],
    [
      { space: { method: "image" } },
      /"space\.method" must be a list of values, or \{min, max\}.*got "image"$/,
    ],
    [range({ max: "x" }), /"space\.optimizer\.epsilon" must be a list of values, or \{min, max\}/],
    [range({ min: 2 }), /must have "min" below "max", got 2 and 2$/],
    [range({ min: 0, scale: "log" }), /must have "min" above 0 for scale log, got 0$/],
    [range({ min: 0.5, integer: true }), /must have whole ends where "integer" is true, got 0\.5 and 2$/],
    [{ space: { seed: [1, 2] } }, /"space\.seed" cannot be drawn: .*"seeds"$/],
    [{ space: { "data.split_seed": [1, 2] } }, /"space\.data\.split_seed" cannot be drawn/],
    [{ space: { method: ["image", "image"] } }, /"space\.method" has "image" twice/],
    [{ space: { method: ["image"] }, method: "text" }, /"space\.method" and "method" are both given/],
    [{ space: { "training.epochs": [1, 2] }, strategy: "halving" }, /cannot be drawn with halving/],
    [{ space: { method: ["image"] }, strategy: "grid" }, /"strategy" must be one of random, halving/],
    [{ space: { method: ["image"] }, preset: "emoji", config: "x" }, /give "preset" or "config"/],
  ];
  for (const [value, expected] of cases) {
    assert.throws(() => parse(value), (error: Error) => {
      assert.equal(error.name, "UserError");
      assert.match(error.message, expected);
      return true;
    });
  }
});

/** Runs a command line; gives its status and all that it printed, on whichever stream. */
async function tried(...args: string[]): Promise<{ status: number; output: string }> {
  const { status, output, errors } = await unis(...args);
  return { status, output: [output, errors].filter((text) => text !== "").join("\n") };
}

/** The results of a sweep, without times. */
function resultsAt(folder: string) {
  const results = JSON.parse(Deno.readTextFileSync(join(folder, "results.json")));
  for (const trial of results.trials) trial.seconds = 0;
  return results;
}

function epochsIn(folder: string): number {
  let epochs = 0;
  try {
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      if (isDirectory) epochs += RunFolder.open(join(folder, name)).records().length;
    }
  } catch {
    // A folder, or a file in it, is yet to be made.
  }
  return epochs;
}

Deno.test("slow: a sweep that is killed goes on to the same results, and what goes on equals what is trained in one go, to the bit", async () => {
  using folder = temporaryFolder();
  const [data, file, whole, cut, again] = ["data", "sweep.json", "whole", "cut", "again"].map((name) =>
    join(folder.path, name)
  ) as [string, string, string, string, string];
  writeFeatures(data);
  const { set } = featuresExperiment(data);
  const value = {
    name: "Features",
    data: `features:${data}`,
    seeds: [1],
    method: "agg-mm",
    // The rate falls on a line to 0 at the last of all epochs.
    set: {
      ...set,
      ...{ "training.epochs": 4, "training.keep": "best", "data.validation_share": 0.3 },
      "optimizer.schedule": "linear",
    },
    metric: "loss",
    strategy: "halving",
    halving: { eta: 2, min_epochs: 1 },
    // One of them diverges at once.
    space: { "optimizer.head_learning_rate": [1e-3, 1e-2, 3e-2, 1e-1, 1e36] },
  };
  const write = (change: object = {}) =>
    Deno.writeTextFileSync(file, JSON.stringify({ ...value, ...change }));
  write();
  const reference = await tried("sweep", file, "--out", whole);
  assert.equal(reference.status, 0, reference.output);
  const results = resultsAt(whole);
  const { trials, best } = results;
  const diverged = trials.findIndex(({ parameters }: { parameters: object }) =>
    Object.values(parameters)[0] === 1e36
  );
  assert.match(trials[diverged].failure, /diverged/);
  assert.deepEqual([trials[diverged].rank, trials[diverged].scores], [null, []]);
  assert.deepEqual(trials.map(({ scores }: { scores: number[] }) => scores.length).toSorted(), [
    0,
    1,
    1,
    2,
    3,
  ]);
  assert.equal(trials[best.trial - 1].scores.length, 3);
  assert.deepEqual(trials[best.trial - 1].rank, 1);
  assert.match(reference.output, /^\| Trial \d +\| +[\d.]+ \|/m);
  // Nothing but the best was tested.
  const runs = readRuns(whole);
  assert.equal(runs.length, 5);
  const tested = runs.filter(({ path }) => exists(join(path, "test.json")));
  assert.deepEqual(tested.map(({ group }) => group), [`Trial ${best.trial}`]);

  // The best, by the file that was written of it, without a stop.
  const alone = await tried("train", "--config", join(whole, "best.json"), "--out", again);
  assert.equal(alone.status, 0, alone.output);
  const inSweep = tested[0]!.path;
  for (const name of ["best", "last", "last.optimizer"]) {
    const [one, other] = [again, inSweep].map((path) =>
      Deno.readFileSync(join(path, "checkpoints", `${name}.safetensors`))
    );
    assert.deepEqual(one, other, name);
  }
  assert.equal(
    Deno.readTextFileSync(join(again, "predictions.csv")),
    Deno.readTextFileSync(join(inSweep, "predictions.csv")),
  );

  // Killed anywhere.
  const point = Math.floor(Math.random() * 8);
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "main.ts", "sweep", file, "--out", cut],
    cwd: new URL("../..", import.meta.url).pathname,
    ...{ stdin: "null", stdout: "null", stderr: "null" },
  }).spawn();
  while (epochsIn(cut) < point) await new Promise((resume) => setTimeout(resume, 20));
  process.kill("SIGKILL");
  await process.status;
  const before = epochsIn(cut);
  const resumed = await tried("sweep", file, "--out", cut);
  assert.equal(resumed.status, 0, resumed.output);
  assert.deepEqual(resultsAt(cut), results, `killed after ${before} epochs`);

  // Another sweep begins with what this one has found.
  const based = join(folder.path, "based.json");
  const space = { "model.head.dropout": [0.1] };
  Deno.writeTextFileSync(
    based,
    JSON.stringify({ name: "Based", config: "whole/best.json", seeds: [1], space }),
  );
  const tuned = await tried("sweep", based, "--dry-run");
  assert.match(tuned.output, /^Epoch 1, trial 1 \(1 of 1\): model\.head\.dropout=0\.1$/m);
  assert.match(tuned.output, /^Dry run +1 of 1 trials trained, and the best was tested$/m);
  const dry = await tried("sweep", file, "--dry-run", "--trials", "2", "--strategy", "random");
  assert.match(dry.output, /^Dry run +[12] of 2 trials trained, and the best was tested$/m);

  // Once more, nothing is left to do, not even to fail.
  const done = await tried("sweep", file, "--out", cut);
  assert.ok(!/^(Epochs?|Run|Testing|Failed) /m.test(done.output), done.output);
  assert.deepEqual(resultsAt(cut), results);
  // Another space is another sweep.
  write({ space: { "optimizer.head_learning_rate": [1e-3, 1e-2, 3e-2, 1e-1] } });
  const changed = await tried("sweep", file, "--out", cut);
  assert.equal(changed.status, 2);
  assert.match(
    changed.output,
    /drawn from another space \(space\.optimizer\.head_learning_rate was \[0\.001,.*1e\+36\], is \[.*0\.1\]\): name another folder by --out$/,
  );
  write({ space: { "training.early_stopping": [1e36, 1e37] } });
  const drawn = await tried("sweep", file, "--set", "training.early_stopping=3");
  assert.match(
    drawn.output,
    /^unis: --set training\.early_stopping cannot be used with .*sweep\.json, which draws it$/,
  );
});
