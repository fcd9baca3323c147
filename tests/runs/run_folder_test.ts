import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type Arrays,
  RunCheckpoints,
  type Snapshot,
  type TrainingState,
} from "../../src/runs/run_checkpoints.ts";
import type { EpochRecord } from "../../src/runs/records.ts";
import { FollowedRun } from "../../src/runs/followed_run.ts";
import { RunFiles } from "../../src/runs/run_files.ts";
import { nameOfRun, RunFolder } from "../../src/runs/run_folder.ts";
import { temporaryOf } from "../../src/io/new_file.ts";
import { VERSION } from "../../src/base/version.ts";
import { tinyConfig } from "../train/tiny.ts";

function inFolder(body: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const namesIn = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

const record = (epoch: number): EpochRecord => ({
  epoch,
  step: 3 * epoch,
  training_loss: { total: 1 / epoch },
  training_accuracy: { fusion: 0.5 },
  validation_loss: { fusion: 1 },
  validation_accuracy: { fusion: 0.25 },
  pairs: {},
  learning_rates: { heads: 0.01 },
  seconds: 1,
});

Deno.test("ranks that follow write no session, and read none that the first may just be putting into its place", () =>
  inFolder((parent) => {
    const path = join(parent, "run");
    const session = { started: "a", adapter: "x", adapter_class: "software", seconds: 1 };
    RunFolder.create(path, tinyConfig()).writeSession(session);
    Deno.removeSync(join(path, "environment.json"));
    FollowedRun.of(path, tinyConfig()).writeSession(session);
    assert.ok(!namesIn(path).includes("environment.json"));
  }));

Deno.test("RunFolder keeps configuration, records and sessions", () =>
  inFolder((parent) => {
    const path = join(parent, "deep", "run");
    const config = tinyConfig("seed=9");
    const run = RunFolder.create(path, config);
    assert.deepEqual(RunFolder.open(path).config, config);
    for (const epoch of [1, 2, 3]) run.appendRecord(record(epoch));
    assert.deepEqual(run.records(), [record(1), record(2), record(3)]);
    assert.deepEqual(RunFolder.open(path).records(), [record(1), record(2), record(3)]);

    const session = { started: "a", adapter: "x", adapter_class: "software", seconds: 1 };
    run.writeSession(session);
    run.writeSession({ ...session, seconds: 2 });
    run.writeSession({ ...session, started: "b" });
    const { sessions, unis, deno } = JSON.parse(Deno.readTextFileSync(join(path, "environment.json")));
    assert.deepEqual(sessions, [{ ...session, seconds: 2 }, { ...session, started: "b" }]);
    assert.deepEqual([unis, deno], [VERSION, Deno.version.deno]);

    const longer = run.withConfig(tinyConfig("seed=9", "training.epochs=50"));
    assert.equal(RunFolder.open(path).config.training.epochs, run.config.training.epochs);
    longer.writeConfig();
    assert.equal(RunFolder.open(path).config.training.epochs, 50);
  }));

Deno.test("RunFolder reads back what is no finite number, and goes on", () =>
  inFolder((parent) => {
    const run = RunFolder.create(join(parent, "run"), tinyConfig());
    const diverged = { ...record(1), training_loss: { total: NaN }, validation_loss: { fusion: NaN } };
    run.appendRecord(diverged);
    run.appendRecord(record(2));
    assert.deepEqual(run.records(), [diverged, record(2)]);
    const loss = { fusion: NaN }, share = { fusion: 0.5 };
    const evaluation = {
      split: "test",
      samples: 2,
      epoch: 2,
      accuracy: share,
      macro_f1: share,
      loss,
      pairs: {},
    };
    run.writeResults(evaluation, "");
    assert.deepEqual(run.evaluation(), evaluation);
  }));

Deno.test("RunFolder never takes a place that is taken", () =>
  inFolder((parent) => {
    const config = tinyConfig();
    RunFolder.create(join(parent, "run"), config);
    assert.throws(() => RunFolder.create(join(parent, "run"), config), /UserError.*holds a run.*--resume/);
    Deno.writeTextFileSync(join(parent, "note"), "x");
    assert.throws(() => RunFolder.create(parent, config), /UserError.*not empty/);
    assert.throws(() => RunFolder.create(join(parent, "note"), config), /UserError.*note/);
    assert.throws(() => RunFolder.create(join(parent, "note", "inner"), config), /UserError.*note/);
    Deno.mkdirSync(join(parent, "empty"));
    assert.deepEqual(RunFolder.create(join(parent, "empty"), config).config, config);
  }));

Deno.test("a run that counts and was killed before its files took their places is a run to go on with", () =>
  inFolder((parent) => {
    const path = join(parent, "run");
    RunFolder.create(path, tinyConfig());
    Deno.renameSync(join(path, "config.json"), temporaryOf(join(path, "config.json")));
    assert.throws(() => RunFolder.mustBeFree(path), /it holds a run\. Go on with it by --resume/);
    assert.deepEqual(RunFolder.open(path).config, tinyConfig());
  }));

Deno.test("RunFolder says what is wrong with the folder of a run", () =>
  inFolder((path) => {
    assert.throws(() => RunFolder.open(path), /UserError.*no folder of a run: it has no config\.json/);
    Deno.writeTextFileSync(join(path, "config.json"), "{");
    assert.throws(
      () => RunFolder.open(path),
      /UserError.*has no SHA256SUMS: .*Restore it .* or train again; with an empty/,
    );
    Deno.writeTextFileSync(join(path, "SHA256SUMS"), "");
    assert.throws(() => RunFolder.open(path), /UserError.*config\.json: it is not valid JSON/);
    Deno.writeTextFileSync(join(path, "config.json"), `{"sede": 1}`);
    assert.throws(() => RunFolder.open(path), /UserError.*config\.json: /);
    for (const name of ["config.json", "SHA256SUMS"]) Deno.removeSync(join(path, name));
    const run = RunFolder.create(path, tinyConfig());
    assert.throws(() => run.checkpoints.loadBest(), /UserError.*not finished an epoch yet/);
    run.files.writeText("metrics.jsonl", "{}\nno\n");
    assert.throws(() => run.records(), /UserError.*line 2 of/);
    run.files.writeText("metrics.jsonl", "{}\n");
    assert.throws(
      () => run.mustHaveRecords(2),
      /UserError.*is of 2 records, but metrics\.jsonl has 1: restore/,
    );
    Deno.removeSync(join(path, "metrics.jsonl"));
    assert.throws(
      () => run.mustHaveRecords(1),
      /UserError.*is gone, .*restore it from a copy or train again$/,
    );
  }));

Deno.test("RunFolder reads results, other evaluations and profiles where they were written", () =>
  inFolder((parent) => {
    const run = RunFolder.create(join(parent, "run"), tinyConfig());
    assert.equal(run.predictions(), undefined);
    assert.equal(run.evaluation(), undefined);
    assert.equal(run.environment(), undefined);
    const evaluation = {
      split: "test",
      samples: 1,
      epoch: 2,
      accuracy: { fusion: 0.5 },
      macro_f1: { fusion: 0.5 },
      loss: { fusion: 1 },
      pairs: {},
    };
    run.writeResults(evaluation, "id,path,label,fusion_class,fusion_p(a),fusion_p(b)\n1,,a,b,.25,.75\n");
    assert.deepEqual(run.evaluation(), evaluation);
    assert.deepEqual(run.predictions()!.probabilities.get("fusion"), Float64Array.of(0.25, 0.75));
    const path = run.writeOtherEvaluation("others", { ...evaluation, samples: 3 } as never);
    assert.equal(path, join(run.path, "evaluations", "others.json"));
    assert.equal(JSON.parse(Deno.readTextFileSync(path)).samples, 3);
    run.writeProfile({ steps: 1 } as never);
    assert.deepEqual(JSON.parse(Deno.readTextFileSync(join(run.path, "profile.json"))), { steps: 1 });
  }));

Deno.test("a run that is held is held once, and a place for one must be free", () =>
  inFolder((parent) => {
    const path = join(parent, "run");
    {
      using _ = RunFolder.hold(path);
      assert.deepEqual(namesIn(path), ["lock"]);
      assert.throws(
        () => RunFolder.hold(path),
        /UserError: Another process works on .*, or name another folder by --out/,
      );
    }
    const run = RunFolder.create(path, tinyConfig());
    assert.throws(
      () => RunFolder.hold(path),
      /it holds a run\. Go on with it by --resume .*run, or name another folder$/,
    );
    using _ = run.hold();
    assert.throws(() => run.hold(), /Another process works on .*run: wait for it to end$/);
    assert.throws(
      () => RunFolder.open(join(parent, "rum")),
      /rum is no folder of a run: it is missing; did you mean .*run\?$/,
    );
    Deno.mkdirSync(join(parent, "other", "inner"), { recursive: true });
    RunFolder.mustBeFree(join(parent, "other"));
    Deno.writeTextFileSync(join(parent, "other", "inner", "note"), "");
    assert.throws(
      () => RunFolder.mustBeFree(join(parent, "other")),
      /it is not empty\. Name another folder$/,
    );
  }));

Deno.test("nameOfRun() tells preset, method, seed and time", () => {
  const name = nameOfRun("emoji", tinyConfig("seed=3", "method=agg-mm"), new Date(2031, 0, 2, 3, 4, 5));
  assert.equal(name, join("runs", "emoji-agg-mm-3-20310102-030405"));
});

Deno.test("VERSION is that of deno.json", () => {
  const { version } = JSON.parse(Deno.readTextFileSync(new URL("../../deno.json", import.meta.url)));
  assert.equal(VERSION, version);
});

const state = (step: number): TrainingState => ({
  version: 1,
  epoch: 1,
  batch: 2,
  step,
  plateau: { best: 0.5, bad: 1, cooldown: 0 },
  learning_rates: { heads: 0.1 },
  best: { epoch: 1, validation: 1, score: 0.5 },
  validations: 1,
  records: 1,
  recorded_step: 0,
  ended: null,
  seconds: 1.5,
  epoch_seconds: 0.5,
  epoch_input_wait: 0.25,
});
const arrays = (value: number): Arrays =>
  new Map([["a.b", { shape: [2, 1], data: Float32Array.of(value, -value) }]]);
const snapshot = (step: number): Snapshot => ({
  weights: arrays(step),
  optimizer: arrays(step / 3),
  state: state(step),
});

Deno.test("RunCheckpoints give back what they were given", () =>
  inFolder((folder) => {
    const checkpoints = new RunCheckpoints(new RunFiles(folder));
    assert.equal(checkpoints.loadLast(), undefined);
    for (const step of [1, 2]) {
      checkpoints.saveLast(snapshot(step));
      assert.deepEqual(new RunCheckpoints(new RunFiles(folder)).loadLast(), snapshot(step));
      assert.deepEqual(checkpoints.lastState(), state(step));
    }
    checkpoints.saveBest(arrays(5), 7, 0.75);
    assert.deepEqual(checkpoints.loadBest(), { weights: arrays(5), epoch: 7, temperatures: {} });
    checkpoints.saveBest(arrays(5), 7, 0.75, "accuracy", { fusion: 1.25 });
    assert.deepEqual(checkpoints.loadBest().temperatures, { fusion: 1.25 });
    assert.deepEqual(namesIn(folder), ["SHA256SUMS", "checkpoints"]);
    assert.deepEqual(namesIn(join(folder, "checkpoints")), [
      "best.safetensors",
      "last.json",
      "last.optimizer.safetensors",
      "last.safetensors",
    ]);
  }));

Deno.test("RunCheckpoints refuse files that do not belong together or are no state", () =>
  inFolder((folder) => {
    const checkpoints = new RunCheckpoints(new RunFiles(folder));
    const weights = "checkpoints/last.safetensors";
    checkpoints.saveLast(snapshot(1));
    const first = Deno.readFileSync(join(folder, weights));
    checkpoints.saveLast(snapshot(2));
    new RunFiles(folder).write(weights, [first]);
    assert.throws(() => checkpoints.loadLast(), /UserError.*of step 1, but last\.json of 2/);
    checkpoints.saveLast({ ...snapshot(1), state: { ...state(1), batch: -2 } });
    assert.throws(() => checkpoints.loadLast(), /UserError.*last\.json is not a state of training: batch/);
    checkpoints.saveLast(snapshot(1));
    Deno.truncateSync(join(folder, weights), 20);
    assert.throws(() => checkpoints.loadLast(), /UserError.*last\.safetensors/);
  }));
