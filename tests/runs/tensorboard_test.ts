import assert from "node:assert/strict";
import { join } from "node:path";
import { eventFile } from "../../src/io/event_file.ts";
import type { EpochRecord } from "../../src/runs/records.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { scalarsOf } from "../../src/runs/tensorboard.ts";
import { tinyConfig } from "../train/tiny.ts";

const shares = { positive: 0.5, semi_positive: 0.375, negative: 0.125 };
const record = (epoch: number, seconds = 2): EpochRecord => ({
  epoch,
  step: 3 * epoch,
  training_loss: { total: 1 / epoch, fusion: 0.5 },
  training_accuracy: { fusion: 0.5 },
  validation_loss: { fusion: 1 },
  validation_accuracy: { fusion: 0.25 },
  pairs: { "image-text": shares },
  validation_pairs: { "image-text": shares },
  learning_rates: { heads: 0.01 },
  seconds,
});

Deno.test("scalarsOf() has a tag for every value, and times that add up", () => {
  const [first, second, ...rest] = scalarsOf([record(1), record(2, 5)], 100);
  assert.deepEqual(rest, []);
  assert.deepEqual([first!.step, first!.time, second!.step, second!.time], [1, 102, 2, 107]);
  assert.deepEqual(second!.values, {
    "loss/training/total": 0.5,
    "loss/training/fusion": 0.5,
    "loss/validation/fusion": 1,
    "accuracy/training/fusion": 0.5,
    "accuracy/validation/fusion": 0.25,
    "pairs/training/image-text/positive": 0.5,
    "pairs/training/image-text/semi_positive": 0.375,
    "pairs/training/image-text/negative": 0.125,
    "pairs/validation/image-text/positive": 0.5,
    "pairs/validation/image-text/semi_positive": 0.375,
    "pairs/validation/image-text/negative": 0.125,
    "learning_rate/heads": 0.01,
    "epoch/seconds": 5,
  });
  const { validation_pairs: _, ...older } = record(1);
  assert.equal(scalarsOf([older], 0)[0]!.values["pairs/validation/image-text/positive"], undefined);
});

Deno.test("a run has one event file, which says what its metrics do, also when it goes on", () => {
  const parent = Deno.makeTempDirSync();
  try {
    const path = join(parent, "run"), folder = join(path, "tensorboard");
    const run = RunFolder.create(path, tinyConfig());
    const read = () => {
      const [entry, ...others] = [...Deno.readDirSync(folder)];
      assert.deepEqual(others, []);
      const [, begun] = /^events\.out\.tfevents\.(\d+)\..+$/.exec(entry!.name)!;
      assert.ok(Math.abs(Number(begun) - Date.now() / 1000) < 100);
      const bytes = Deno.readFileSync(join(folder, entry!.name));
      const expected = eventFile(Number(begun), scalarsOf(run.records(), Number(begun)));
      assert.ok(sameBytes(bytes, expected), "the file is not that of the records");
      return bytes;
    };
    for (const epoch of [1, 2, 3]) run.appendRecord(record(epoch));
    const three = read();
    RunFolder.open(path).keepRecords(2);
    const two = read();
    assert.ok(sameBytes(three.subarray(0, two.length), two), "what stays of the file has changed");
    assert.ok(two.length < three.length);
    RunFolder.open(path).appendRecord(record(3, 7));
    assert.equal(read().length, three.length);
  } finally {
    Deno.removeSync(parent, { recursive: true });
  }
});

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
