import assert from "node:assert/strict";
import { join } from "node:path";
import { eventFile, hyperparametersFile } from "../../src/io/event_file.ts";
import type { EpochRecord, Evaluation } from "../../src/runs/records.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { EventFiles, hyperparametersOf, scalarsOf } from "../../src/runs/tensorboard.ts";
import { tinyConfig } from "../train/tiny.ts";

const shares = { positive: 0.5, semi_positive: 0.375, negative: 0.125 };
const record = (epoch: number, seconds = 2): EpochRecord => ({
  epoch,
  step: 3 * epoch,
  training_loss: { total: 1 / epoch, fusion: 0.5 },
  training_loss_within_epoch: [2, 1],
  training_accuracy: { fusion: 0.5 },
  validation_loss: { fusion: 1 },
  validation_accuracy: { fusion: 0.25 },
  pairs: { "image-text": shares },
  validation_pairs: { "image-text": shares },
  learning_rates: { heads: 0.01 },
  seconds,
});

const evaluation: Evaluation = {
  split: "test",
  samples: 8,
  epoch: 2,
  accuracy: { fusion: 0.75 },
  macro_f1: { fusion: 0.5 },
  weighted_f1: { fusion: 0.625 },
  loss: { fusion: 0.25 },
  pairs: { "image-text": shares },
};

Deno.test("scalarsOf() has a tag for every value, and times that add up", () => {
  const records = [record(1), record(2, 5)];
  const { training, validation, test } = scalarsOf({ records, test: evaluation }, 100);
  const epochs = training.filter((_, i) => i % 3 === 2);
  for (const scalars of [epochs, validation]) {
    assert.deepEqual(scalars.map(({ step, time }) => [step, time]), [[1, 102], [2, 107]]);
  }
  assert.deepEqual(
    training.filter((_, i) => i % 3 < 2),
    [[2, 101, 2], [3, 102, 1], [5, 104.5, 2], [6, 107, 1]]
      .map(([step, time, loss]) => ({ step, time, values: { "loss_by_step/total": loss } })),
  );
  const pairs = {
    "pairs/image-text/positive": 0.5,
    "pairs/image-text/semi_positive": 0.375,
    "pairs/image-text/negative": 0.125,
  };
  assert.deepEqual(epochs[1]!.values, {
    "loss/total": 0.5,
    "loss/fusion": 0.5,
    "accuracy/fusion": 0.5,
    ...pairs,
    "learning_rate/heads": 0.01,
    "epoch/seconds": 5,
  });
  assert.deepEqual(validation[1]!.values, { "loss/fusion": 1, "accuracy/fusion": 0.25, ...pairs });
  assert.deepEqual(test, [{
    step: 2,
    time: 107,
    values: {
      "loss/fusion": 0.25,
      "accuracy/fusion": 0.75,
      "macro_f1/fusion": 0.5,
      "weighted_f1/fusion": 0.625,
      ...pairs,
    },
  }]);
  const { validation_pairs: _, ...older } = record(1);
  const [first] = scalarsOf({ records: [older] }, 0).validation;
  assert.equal(first!.values["pairs/image-text/positive"], undefined);
});

Deno.test("hyperparametersOf() has every value of a configuration once, under its key", () => {
  const config = tinyConfig();
  const values = hyperparametersOf(config);
  assert.equal(values.method, config.method);
  assert.equal(values["training.batch"], config.training.batch);
  assert.equal(values["optimizer.max_gradient_norm"], config.optimizer.max_gradient_norm);
  const leaves = JSON.stringify(config, (_, value) => Array.isArray(value) ? "list" : value)
    .match(/:(?!\{)/g)!.length;
  assert.equal(Object.keys(values).length, leaves);
  assert.ok(Object.values(values).every((value) => typeof value !== "object" || value === null));
});

Deno.test("event files say what the run does, also when it goes on and when it is tested", () => {
  const parent = Deno.makeTempDirSync();
  try {
    const path = join(parent, "run"), folder = join(path, "tensorboard");
    const run = RunFolder.create(path, tinyConfig());
    const read = () => {
      const [name, ...others] = Array.from(Deno.readDirSync(folder)).filter(({ isFile }) => isFile);
      assert.deepEqual(others, []);
      const [, begun] = /^events\.out\.tfevents\.(\d+)\..+$/.exec(name!.name)!;
      assert.ok(Math.abs(Number(begun) - Date.now() / 1000) < 100);
      const bytesOf = (part: string) => Deno.readFileSync(join(folder, part, name!.name));
      const expected = hyperparametersFile(Number(begun), hyperparametersOf(run.config));
      assert.ok(sameBytes(bytesOf(""), expected), "the hyperparameters are not those of the configuration");
      const told = { records: run.records(), test: run.evaluation() };
      const parts = Object.entries(scalarsOf(told, Number(begun))).filter(([part]) =>
        part !== "test" || told.test !== undefined
      );
      assert.deepEqual(
        Array.from(Deno.readDirSync(folder)).filter(({ isDirectory }) => isDirectory).map(({ name }) => name)
          .toSorted(),
        parts.map(([part]) => part).toSorted(),
      );
      for (const [part, scalars] of parts) {
        assert.ok(
          sameBytes(bytesOf(part), eventFile(Number(begun), scalars)),
          `${part} is not that of the run`,
        );
      }
      return bytesOf("training");
    };
    for (const epoch of [1, 2, 3]) append(run, record(epoch));
    const three = read();
    keepRecords(RunFolder.open(path), 2);
    const two = read();
    assert.ok(sameBytes(three.subarray(0, two.length), two), "what stays of the file has changed");
    assert.ok(two.length < three.length);
    append(RunFolder.open(path), record(3, 7));
    assert.equal(read().length, three.length);
    keepRecords(RunFolder.open(path), 0);
    assert.ok(read().length < two.length);
    RunFolder.open(path).writeResults(evaluation, "");
    assert.ok(run.evaluation());
    read();
  } finally {
    Deno.removeSync(parent, { recursive: true });
  }
});

Deno.test("after many epochs event files take no more than after the first, and are whole again where they were lost", () => {
  const folder = Deno.makeTempDirSync();
  const { writeSync } = Deno.FsFile.prototype;
  let written = 0;
  Deno.FsFile.prototype.writeSync = function (bytes) {
    written += bytes.length;
    return writeSync.call(this, bytes);
  };
  try {
    const files = new EventFiles(folder);
    const config = tinyConfig();
    const { validation_loss: _, validation_accuracy: __, validation_pairs: ___, ...unvalidated } = record(1);
    const records = [unvalidated, ...Array.from({ length: 99 }, (_, i) => record(i + 2))];
    const add = (number: number) => {
      written = 0;
      assert.ok(files.add(config, records[number - 1]!, number), `record ${number} was not added`);
      return written;
    };
    const bytes = () => {
      const [name] = Array.from(Deno.readDirSync(folder)).filter(({ isFile }) => isFile);
      const begun = Number(name!.name.split(".")[3]);
      const whole = scalarsOf({ records }, begun);
      for (const part of ["training", "validation"] as const) {
        const found = Deno.readFileSync(join(folder, part, name!.name));
        assert.ok(sameBytes(found, eventFile(begun, whole[part])), part);
      }
    };
    assert.ok(!files.add(config, records[0]!, 1), "nothing was told yet");
    files.tell({ config, records: [] });
    add(1);
    assert.ok(
      ![...Deno.readDirSync(folder)].some(({ name }) => name === "validation"),
      "nothing was validated",
    );
    const [, third] = [add(2), add(3)];
    for (let number = 4; number < 100; number++) add(number);
    assert.ok(add(100) < 1.01 * third!, `${written} bytes after 100 epochs, ${third} after three`);
    bytes();
    assert.ok(!files.add(config, record(102), 102), "there is no record 101");
    Deno.removeSync(join(folder, "validation"), { recursive: true });
    assert.ok(!files.add(config, record(101), 101), "a file is gone");
    files.tell({ config, records });
    bytes();
  } finally {
    Deno.FsFile.prototype.writeSync = writeSync;
    Deno.removeSync(folder, { recursive: true });
  }
});

function append(run: RunFolder, record: EpochRecord): void {
  run.appendRecord(record);
  run.writeTensorBoard({ record, number: run.records().length });
}

/** As where somebody has a run begin again from a copy of an earlier checkpoint. */
function keepRecords(run: RunFolder, count: number): void {
  const lines = run.records().slice(0, count).map((record) => JSON.stringify(record) + "\n");
  run.files.writeText("metrics.jsonl", lines.join(""));
  run.writeTensorBoard();
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
