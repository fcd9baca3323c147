/** Validation by steps: when it comes, what is recorded of it, what counts it, and how it is shown. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { RunConfig } from "../../src/config/run_config.ts";
import { epochLine } from "../../src/report/console.ts";
import { curveFigures } from "../../src/report/html/curves.ts";
import { RunCheckpoints } from "../../src/runs/run_checkpoints.ts";
import { RunFiles } from "../../src/runs/run_files.ts";
import type { EpochRecord } from "../../src/runs/records.ts";
import { scalarsOf } from "../../src/runs/tensorboard.ts";
import { isValidatedAtEnd, isValidatedWithin } from "../../src/train/validation_schedule.ts";
import { tinyConfig, tinyData, watched } from "./tiny.ts";
import { largestDifference, trained } from "./trained.ts";

const data = tinyData({ train: 32, validation: 10, test: 7 }); // 2 steps an epoch

/** The validations of a run that goes through all its steps, `perEpoch` an epoch: "step" within one, "step|" at its end. */
function validations(config: RunConfig, perEpoch: number): string[] {
  const found: string[] = [];
  for (let epoch = 0, step = 0; epoch < config.training.epochs; epoch++) {
    for (let i = 1; i <= perEpoch; i++) {
      step++;
      const reached = { epoch, step, recorded_step: step - 1 };
      if (i < perEpoch && isValidatedWithin(config, reached)) found.push(`${step}`);
      if (i === perEpoch && isValidatedAtEnd(config, reached)) found.push(`${step}|`);
    }
  }
  return found;
}

Deno.test("validations come at the ends of epochs, or every so many steps, from an epoch on, and at the very end", () => {
  const found = (...settings: string[]) =>
    validations(tinyConfig("training.epochs=4", ...settings), 3).join(" ");
  assert.equal(found(), "3| 6| 9| 12|");
  assert.equal(found("training.validation_after=2"), "9| 12|");
  assert.equal(found("training.validation_after=3"), "12|");
  assert.equal(found("training.validation_every=2"), "2 4 6| 8 10 12|");
  assert.equal(found("training.validation_every=3"), "3| 6| 9| 12|");
  assert.equal(found("training.validation_every=5", "training.validation_after=1"), "5 10 12|");
  assert.equal(found("training.validation_every=100"), "12|");
  assert.equal(
    isValidatedWithin(tinyConfig("training.validation_every=2"), { epoch: 0, step: 2, recorded_step: 2 }),
    false,
    "what was validated is not validated again",
  );
  assert.throws(
    () => tinyConfig("training.epochs=2", "training.validation_after=2"),
    /UserError.*"training.validation_after" must be below "training.epochs", got 2 and 2/,
  );
});

const withoutTimes = (records: readonly EpochRecord[]) =>
  records.map(({ seconds: _, input_wait_seconds: __, ...record }) => record);

Deno.test("a run that is validated by steps trains as one that is not, and records both", async () => {
  const settings = ["training.epochs=3", "optimizer.schedule=constant"];
  const plain = await trained(tinyConfig(...settings), data);
  const bySteps = await trained(tinyConfig(...settings, "training.validation_every=1"), data);
  assert.equal(largestDifference(plain.weights, bySteps.weights), 0);
  assert.deepEqual(bySteps.records.map(({ epoch, step }) => [epoch, step]), [
    [0.5, 1],
    [1, 2],
    [1.5, 3],
    [2, 4],
    [2.5, 5],
    [3, 6],
  ]);
  assert.deepEqual(withoutTimes(bySteps.records.filter((_, i) => i % 2 === 1)), withoutTimes(plain.records));
  assert.deepEqual([bySteps.state.validations, bySteps.state.records], [6, 6]);
  // The best is that of all validations.
  const scores = bySteps.records.map((record) => record.validation_accuracy!.fusion!);
  const at = scores.indexOf(Math.max(...scores));
  const { epoch } = bySteps.records[at]!;
  assert.deepEqual(bySteps.state.best, { epoch, validation: at + 1, score: scores[at] });
  assert.equal(bySteps.test.evaluation.epoch, epoch);
});

Deno.test("epochs without a validation are recorded by their training, shown so, and stop nothing", async () => {
  const settings = [
    "training.epochs=4",
    "training.early_stopping=1",
    "optimizer.encoder_learning_rate=1e-12",
  ];
  // With rates of nothing no validation is better than the first: it takes a second one to see that.
  const still = ["optimizer.head_learning_rate=1e-12", "training.validation_after=2", "data.flip=0"];
  const { records, state } = await trained(tinyConfig(...settings, ...still), data);
  assert.deepEqual(records.map(({ validation_accuracy: found }) => found !== undefined), [
    false,
    false,
    true,
    true,
  ]);
  assert.equal(state.ended, "all epochs");
  assert.deepEqual([state.validations, state.best!.epoch], [2, 3]);
  assert.match(epochLine(records[0]!, false), /^epoch 1 \| .*fusion \.\d+\/-/);
  assert.match(epochLine(records[2]!, true), /^epoch 3\* \| .*fusion \.\d+\/\.\d+/);
  const { training, validation } = scalarsOf({ records }, 0);
  assert.deepEqual(validation.map(({ step }) => step), [3, 4]);
  assert.equal(training.filter(({ values }) => "loss/total" in values).length, 4);
  const [accuracy] = curveFigures(records, "");
  const splits = accuracy!.rows.map((row) => `${row.epoch} ${row.split}`);
  assert.deepEqual(
    new Set(splits.filter((row) => row.endsWith("validation"))),
    new Set(["3 validation", "4 validation"]),
  );
});

Deno.test("patience counts validations, of early stopping and of the plateau", async () => {
  const still = ["encoder", "head"].map((part) => `optimizer.${part}_learning_rate=1e-7`);
  const settings = [...still, "training.epochs=9", "training.validation_every=1", "plateau.factor=0.1"];
  const config = tinyConfig(
    ...settings,
    "training.early_stopping=4",
    "optimizer.warmup_steps=0",
    "plateau.patience=1",
    "plateau.minimum_learning_rate=0",
    "optimizer.epsilon=10", // nothing moves
  );
  const { records, state } = await trained(config, data);
  assert.equal(state.ended, "early stopping");
  assert.deepEqual(records.map(({ epoch }) => epoch), [0.5, 1, 1.5, 2, 2.5]);
  assert.deepEqual([state.epoch, state.batch, state.best!.epoch], [2, 2, 0.5]);
  // Of a record: the rate in its last step. Better, bad, bad: lower from the fourth on.
  assert.deepEqual(records.map(({ learning_rates: { heads } }) => heads! < 5e-8), [
    false,
    false,
    false,
    true,
    true,
  ]);
});

Deno.test("a plateau beside a schedule lowers what the schedule gives", async () => {
  const settings = [
    "training.epochs=4",
    "optimizer.epsilon=10",
    "optimizer.warmup_steps=0",
    "plateau.patience=0",
  ];
  const rates = ["encoder", "head"].map((part) => `optimizer.${part}_learning_rate=1e-6`);
  const linear = [...settings, ...rates, "optimizer.schedule=linear", "plateau.minimum_learning_rate=0"];
  const of = async (...more: string[]) =>
    (await trained(tinyConfig(...linear, ...more), data)).records.map(({ learning_rates: { heads } }) =>
      Number((heads! / 1e-6).toFixed(6))
    );
  // The factor of steps 2, 4, 6 and 8 of 8, whose first is 1.
  assert.deepEqual(await of(), [0.875, 0.625, 0.375, 0.125]);
  assert.deepEqual(await of("plateau.with_schedule=true"), [0.875, 0.625, 0.1875, 0.03125]);
});

Deno.test("dropout ends with the first validation, wherever that is", async () => {
  const quirk = ["training.epochs=3", "semantics.dropout_until_validation=true"];
  const weights = async (...settings: string[]) =>
    (await trained(tinyConfig(...quirk, ...settings), data)).weights;
  const dropsOnce = await weights(); // in epoch 1 of 3
  assert.equal(largestDifference(dropsOnce, await weights("training.validation_every=2")), 0);
  assert.ok(largestDifference(dropsOnce, await weights("training.validation_every=1")) > 0);
  const dropsTwice = await weights("training.validation_after=1");
  assert.ok(largestDifference(dropsOnce, dropsTwice) > 0);
  assert.ok(
    largestDifference(
      dropsTwice,
      await weights("training.validation_every=1", "training.validation_after=2"),
    ) > 0,
  );
});

Deno.test("progress goes on over validations within an epoch", async () => {
  const done: number[] = [];
  const observer = {
    ...{ planned() {}, measured() {}, note() {}, epochEnded() {} },
    progressed: (progress: { done: number; total: number; samplesPerSecond: number }) => {
      assert.ok(progress.samplesPerSecond > 0 && progress.total === 32);
      done.push(progress.done);
    },
  };
  await trained(
    tinyConfig("training.epochs=1", "training.validation_every=1"),
    watched(data, () => {}),
    observer,
  );
  assert.equal(done[0], 16);
});

Deno.test("in TensorBoard the steps of a run that is validated by steps are those of the optimizer", async () => {
  const { records, test } = await trained(
    tinyConfig("training.epochs=2", "training.validation_every=1"),
    data,
  );
  const { training, validation, test: tested } = scalarsOf({ records, test: test.evaluation }, 0, true);
  assert.deepEqual(validation.map(({ step }) => step), [1, 2, 3, 4]);
  assert.deepEqual(training.filter(({ values }) => "loss/total" in values).map(({ step }) => step), [
    1,
    2,
    3,
    4,
  ]);
  assert.equal(tested[0]!.step, records.find(({ epoch }) => epoch === test.evaluation.epoch)!.step);
  const [accuracy] = curveFigures(records, "", test.evaluation.epoch);
  assert.ok(accuracy!.rows.some(({ epoch }) => epoch === 0.5));
});

Deno.test("a checkpoint written before validations were counted has one for every epoch", () => {
  const folder = Deno.makeTempDirSync();
  const checkpoints = new RunCheckpoints(new RunFiles(folder));
  const array = new Map([["w", { shape: [1], data: Float32Array.of(1) }]]);
  const older = {
    version: 1,
    ...{ epoch: 3, batch: 2, step: 9 },
    plateau: { best: null, bad: 0, cooldown: 0 },
    learning_rates: {},
    best: { epoch: 2, accuracy: 0.5 },
    ended: null,
    ...{ seconds: 1, epoch_seconds: 0, epoch_input_wait: 0 },
  };
  // deno-lint-ignore no-explicit-any
  checkpoints.saveLast({ weights: array, optimizer: array, state: older as any });
  const state = checkpoints.lastState()!;
  assert.deepEqual([state.validations, state.records, state.recorded_step], [3, 3, 0]);
  assert.deepEqual(state.best, { epoch: 2, validation: 2, score: 0.5 });
  assert.ok(Deno.statSync(join(folder, "checkpoints", "last.json")).isFile);
  Deno.removeSync(folder, { recursive: true });
});
