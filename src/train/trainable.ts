/** Whether a configuration can be trained on its data: samples, steps, and what to be best in. */
import { UserError } from "../base/user_error.ts";
import type { SettledConfig } from "../config/run_config.ts";
import type { Dataset } from "../data/dataset.ts";
import { TARGETS } from "../data/targets.ts";
import type { MetricName } from "../metrics/chosen_metric.ts";
import { mustFitSteps } from "./make_optimizer.ts";

/**
 * Throws a UserError where there is nothing to train on, of `samples` that are visited in `steps`, the schedule does not fit
 * its length, or validation cannot tell what is best, or the noise of gradients not be measured.
 */
export function mustBeTrainable(
  { optimizer, training }: SettledConfig,
  data: Dataset,
  samples: number,
  steps: number,
): void {
  if (samples === 0) {
    throw new UserError(
      `Nothing is left to train on: "semantics.incomplete_dropped" leaves out micro-batches of fewer than ` +
        `${training.micro_batch}, and there are ${data.count("train")} training samples`,
    );
  }
  const { gradient_noise, batch, micro_batch } = training;
  if (gradient_noise > 0 && batch === micro_batch) {
    throw new UserError(
      `"training.gradient_noise" must be 0 where "training.micro_batch" is as large as "training.batch", ${batch}: noise is how ` +
        "micro-batches differ from their step",
    );
  }
  mustFitSteps(optimizer, steps);
  mustTell(training.metric, data);
}

/** Metrics that compare samples with others, which need some that differ. */
const COMPARING: readonly MetricName[] = ["auc", "average_precision", "r2", "pearson"];

/** Throws a UserError for a metric that the validation split has no value of. */
export function mustTell(
  metric: MetricName,
  data: Pick<Dataset, "name" | "task" | "classes" | "count" | "label" | "target">,
): void {
  if (!COMPARING.includes(metric)) return;
  const { task = "classification", classes } = data;
  const textOf = (row: number) =>
    TARGETS[task].text(data.target?.("validation", row) ?? { label: data.label("validation", row) }, classes);
  const first = textOf(0);
  for (let row = 1; row < data.count("validation"); row++) if (textOf(row) !== first) return;
  const [what, others] = {
    classification: [`are of the class "${first}"`, "accuracy or loss"],
    multi_label: [`have the labels "${first}"`, "accuracy or loss"],
    regression: [`have the number ${first}`, "mae or rmse"],
  }[task];
  throw new UserError(
    `"training.metric" cannot be ${metric}: it compares ${
      task === "classification" ? "classes" : "samples"
    }, and all validation samples of the data set ${data.name} ${what}; choose ${others}, or another validation split`,
  );
}
