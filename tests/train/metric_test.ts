/** `training.metric`: what is best in validation, for the epoch that is kept, early stopping and plateau. */
import assert from "node:assert/strict";
import { isBetter, METRIC_NAMES, type MetricName, metricsOf } from "../../src/metrics/chosen_metric.ts";
import { mustTell } from "../../src/train/trainable.ts";
import { tinyConfig, tinyData } from "./tiny.ts";
import { trained } from "./trained.ts";

const data = tinyData({ train: 24, validation: 9, test: 6 });

for (const metric of metricsOf("classification") as MetricName[]) {
  Deno.test(`training keeps the epoch that is best by ${metric}, and records it`, async () => {
    const config = tinyConfig(`training.metric=${metric}`, "training.epochs=4");
    const { state, records, test } = await trained(config, data);
    const scores = records.map((record) => {
      if (metric === "accuracy") return record.validation_accuracy!.fusion!;
      assert.equal(record.metric, metric);
      assert.deepEqual(Object.keys(record.validation_metric!), ["image", "text", "fusion"]);
      return record.validation_metric!.fusion!;
    });
    if (metric === "loss") assert.deepEqual(scores, records.map((record) => record.validation_loss!.fusion));
    const wanted = metric === "loss" ? Math.min(...scores) : Math.max(...scores);
    assert.deepEqual(state.best, {
      epoch: scores.indexOf(wanted) + 1,
      validation: scores.indexOf(wanted) + 1,
      score: wanted,
    });
    assert.equal(test.evaluation.epoch, state.best!.epoch);
    assert.equal(typeof test.evaluation[metric]!.fusion, "number", "the test is measured so, too");
  });
}

Deno.test("a loss that falls is progress: training goes on and rates stay", async () => {
  const config = tinyConfig(
    "method=image",
    "optimizer.encoder_learning_rate=3e-3",
    "optimizer.head_learning_rate=3e-3",
    "training.metric=loss",
    "training.early_stopping=1",
    "plateau.patience=0",
    "training.epochs=4",
    "optimizer.warmup_steps=0",
  );
  const { state, records } = await trained(config, tinyData({ train: 48, validation: 24, test: 3 }));
  const losses = records.map((record) => record.validation_loss!.image!);
  assert.ok(losses.every((loss, i) => i === 0 || loss < losses[i - 1]!), `losses ${losses}`);
  assert.deepEqual([state.ended, state.best!.epoch, state.plateau.best], ["all epochs", 4, losses[3]]);
  assert.equal(records[3]!.learning_rates.heads, 3e-3);
});

Deno.test("less loss and less of errors is better, more of all else is", () => {
  for (const metric of METRIC_NAMES) {
    const isLess = ["loss", "mae", "rmse"].includes(metric);
    assert.deepEqual([isBetter(metric, 0.2, 0.5), isBetter(metric, 0.5, 0.2)], [isLess, !isLess]);
    assert.ok(isBetter(metric, 0.2, undefined) && !isBetter(metric, 0.2, 0.2));
  }
});

Deno.test("a metric that compares classes needs two of them in validation", () => {
  const labelled = (...labels: number[]) => ({
    name: "few",
    classes: ["a", "b"],
    count: () => labels.length,
    label: (_: string, row: number) => labels[row]!,
  });
  for (const metric of ["auc", "average_precision"] as const) {
    mustTell(metric, labelled(1, 1, 0));
    assert.throws(
      () => mustTell(metric, labelled(1, 1)),
      new RegExp(
        `UserError: "training\\.metric" cannot be ${metric}: .* the data set few are of the class "b"; choose`,
      ),
    );
  }
  mustTell("macro_f1", labelled(1, 1));
});

Deno.test("the published plateau watches accuracy, and goes with no other metric", () => {
  assert.throws(
    () => tinyConfig("semantics.plateau_on_training=true", "training.metric=macro_f1"),
    /"training\.metric" must be accuracy where "semantics\.plateau_on_training" is true, got macro_f1/,
  );
});
