// The command, on a data set of few numbers.
import assert from "node:assert/strict";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { readRuns } from "../../src/report/html/experiment_report.ts";
import { ExperimentFolder } from "../../src/experiments/experiment_folder.ts";
import { unis } from "../cli/unis.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { featuresExperiment, writeFeatures } from "./features.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const RESULTS = ["results.json", "results.csv", "results.md", "comparison.csv"];

interface Tried {
  readonly status: number;
  readonly output: string;
  readonly errors: string[];
}

/** Runs a command line; gives its errors line by line. */
async function tried(args: readonly string[]): Promise<Tried> {
  const { errors, ...others } = await unis(...args);
  return { ...others, errors: errors === "" ? [] : errors.split("\n") };
}

/** A folder with data and the file of an experiment, changed by `change`. */
function setting(change: (file: ReturnType<typeof featuresExperiment>) => void = () => {}) {
  const folder = temporaryFolder();
  const data = join(folder.path, "data");
  writeFeatures(data);
  const value = featuresExperiment(data);
  change(value);
  const file = join(folder.path, "features.json");
  const write = (value: object) => Deno.writeTextFileSync(file, JSON.stringify(value));
  write(value);
  return {
    file,
    value,
    write,
    out: join(folder.path, "out"),
    contents: (out: string) => RESULTS.map((name) => Deno.readTextFileSync(join(out, name))),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** Epochs that the runs below a folder have finished. */
function epochsIn(folder: string): number {
  let epochs = 0;
  try {
    for (const { name } of Deno.readDirSync(folder)) {
      try {
        epochs += Deno.readTextFileSync(join(folder, name, "metrics.jsonl")).split("\n").length - 1;
      } catch {
        // No run, or one that has not finished an epoch.
      }
    }
  } catch {
    // The folder is yet to be made.
  }
  return epochs;
}

const spawned = (args: readonly string[]) =>
  new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "main.ts", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();

/** How many runs are made at once, and what ends them. */
const ENDS = [["1", "SIGKILL"], ["2", "SIGINT"], ["3", "SIGKILL"], ["1", "SIGINT"]] as const;

Deno.test("slow: an experiment killed or stopped at four random points, whatever its --jobs, ends in the same files", async () => {
  using at = setting((file) => file.set["training.epochs"] = 3);
  const whole = join(at.out, "whole"), cut = join(at.out, "cut");
  const reference = await tried(["experiment", at.file, "--out", whole]);
  assert.equal(reference.status, 0, reference.errors.join());
  const epochs = epochsIn(whole);
  assert.equal(epochs, 18);

  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = new Random(seed);
  const points = ENDS.map(() => Math.floor(random.uniform() * 0.6 * epochs)).sort((a, b) => a - b);
  const told = `seed ${seed}, after ${points} epochs`;
  for (const [i, [jobs, signal]] of ENDS.entries()) {
    const point = points[i]!;
    const process = spawned(["experiment", at.file, "--out", cut, "--jobs", jobs]);
    const errors = new Response(process.stderr).text();
    let isOver = false;
    process.status.then(() => isOver = true);
    while (!isOver && epochsIn(cut) < point) await new Promise((resume) => setTimeout(resume, 50));
    await new Promise((resume) => setTimeout(resume, 50 * random.uniform()));
    assert.ok(!isOver, `over before ${signal} ${i + 1}: ${told}: ${await Promise.race([errors, ""])}`);
    process.kill(signal);
    const { code } = await process.status;
    // One that comes before it is listened for ends the process by itself.
    assert.ok(code === 130 || code === 137, `${code}: ${told}: ${await errors}`);
  }
  const { status, errors, output } = await tried(["experiment", at.file, "--out", cut]);
  assert.equal(status, 0, errors.join());
  assert.match(output, /^Run \d of 6: [^\n]*$/m);
  assert.equal(epochsIn(cut), epochs);
  for (const [i, content] of at.contents(cut).entries()) {
    assert.ok(content === at.contents(whole)[i], `${RESULTS[i]} differs: ${told}`);
  }
});

Deno.test("an experiment makes each run once, tells how far it is, and lists the runs for a report", async () => {
  using at = setting((file) => {
    file.set["training.epochs"] = 1;
    file.seeds = [1];
  });
  const first = await tried(["experiment", at.file, "--out", at.out]);
  assert.equal(first.status, 0, first.errors.join());
  assert.match(first.output, /^Run 1 of 3: AggMM, seed 1$/m);
  assert.match(first.output, /^Run 2 of 3: UniS-MMC, seed 1; \d+ s left$/m);
  assert.match(first.output, /^\| UniS-MMC +\| +[*\d.]+ \|/m);
  const before = at.contents(at.out);
  const again = await tried(["experiment", at.file, "--out", at.out]);
  assert.equal(again.status, 0);
  assert.ok(!again.output.includes("Run 1"), again.output);
  assert.deepEqual(at.contents(at.out), before);
  const runs = readRuns(at.out);
  assert.deepEqual(runs.map(({ group, method, seed }) => `${group}: ${method} ${seed}`), [
    "AggMM: agg-mm 1",
    "UniS-MMC: unis-mmc 1",
    "View 1: view1 1",
  ]);
  for (const { path } of runs) assert.ok(Deno.statSync(join(path, "predictions.csv")).isFile);

  // More seeds and variants are made beside what is there; other settings are refused by name.
  at.write({ ...at.value, seeds: [1, 2] });
  const more = await tried(["experiment", at.file, "--out", at.out]);
  assert.equal(more.status, 0);
  assert.match(more.output, /^\| UniS-MMC +\| +[*\d.]+ ± [*\d.]+ \|/m);
  assert.deepEqual(more.output.match(/^Run \d of 6/gm), ["Run 4 of 6", "Run 5 of 6", "Run 6 of 6"]);
  const { status, errors } = await tried([
    "experiment",
    at.file,
    "--out",
    at.out,
    "--set",
    "training.epochs=2",
  ]);
  assert.equal(status, 2);
  assert.match(
    errors[0]!,
    /features\.json: the run .*aggmm-seed1 was begun with other settings \(training\.epochs was 1, is 2\)/,
  );
});

Deno.test("a run that fails is recorded and tried again, and the others are made", async () => {
  using at = setting((file) => {
    file.set["training.epochs"] = 1;
    file.seeds = [1];
    // The contrast compares representations of one width.
    file.set["model.encoders.view1.hidden_size"] = 12;
  });
  for (const _ of [1, 2]) {
    const { status, errors, output } = await tried(["experiment", at.file, "--out", at.out]);
    assert.equal(status, 1);
    assert.match(errors[0]!, /^unis: 1 of 3 runs failed: unis-mmc-seed1; the same command tries them again$/);
    assert.match(output, /^Run 2 of 3.*\nFailed +Cannot train unis-mmc: view1 has hidden_size 12/m);
    const { runs } = JSON.parse(Deno.readTextFileSync(join(at.out, "results.json")));
    assert.deepEqual(runs.map(({ status }: { status: string }) => status), [
      "finished",
      "failed",
      "finished",
    ]);
    assert.match(runs[1].message, /hidden_size 12/);
    assert.match(Deno.readTextFileSync(join(at.out, "results.md")), /^- unis-mmc-seed1: Cannot train/m);
  }
});

Deno.test("a dry run tries everything and leaves nothing", async () => {
  using at = setting();
  const before = Array.from(Deno.readDirSync(join(at.file, "..")), ({ name }) => name);
  const { status, errors, output } = await tried(["experiment", at.file, "--dry-run"]);
  assert.equal(status, 0, errors.join());
  assert.match(output, /^Dry run +all 6 runs trained, were tested and reported$/m);
  const folder = /^Run +(\S+)-seed1$/m.exec(output)![1]!;
  assert.throws(() => Deno.statSync(join(folder, "..")), Deno.errors.NotFound);
  assert.deepEqual(Array.from(Deno.readDirSync(join(at.file, "..")), ({ name }) => name), before);
});

Deno.test("one process at a time works on an experiment, and a lock does not outlive it", () => {
  using at = setting();
  {
    using _ = ExperimentFolder.open(at.out, [], "f");
    assert.throws(() => ExperimentFolder.open(at.out, [], "f"), /UserError: Another process works on .*out/);
  }
  using _ = ExperimentFolder.open(at.out, [], "f");
});

Deno.test("what is wrong with an experiment is told in one line before anything is made", async () => {
  using at = setting();
  const cases: [change: object, args: string[], expected: RegExp][] = [
    [{ seed: [1] }, [], /features\.json: unknown key "seed": did you mean "seeds"/],
    [
      { set: { "training.epoch": 1 } },
      [],
      /features\.json, variant AggMM: unknown key "training\.epoch": did you mean/,
    ],
    [{ variants: [{ name: "X", method: "unis" }] }, [], /features\.json, variant X: "method" must be one of/],
    [{ data: "feature:x" }, [], /did you mean "features:x"/],
    [{}, ["--dry-run", "--out", at.out], /--out cannot be used with --dry-run/],
    [{}, ["--set", "training.epochs=0"], /"training\.epochs" must be at least 1/],
    [{}, ["--out", join(at.file, "..")], /--out .* is not empty and holds no experiment/],
  ];
  for (const [change, args, expected] of cases) {
    at.write({ ...at.value, ...change });
    const { status, errors } = await tried([
      "experiment",
      at.file,
      ...args,
      ...(args.includes("--out") ? [] : ["--out", at.out]),
    ]);
    assert.equal(status, 2, errors.join());
    assert.equal(errors.length, 1);
    assert.match(errors[0]!, expected);
    assert.throws(() => Deno.statSync(at.out), Deno.errors.NotFound);
  }
  const missing = await tried(["experiment", join(at.out, "none.yaml")]);
  assert.equal(missing.status, 2);
  assert.match(missing.errors[0]!, /Cannot read .*none\.yaml/);
});
