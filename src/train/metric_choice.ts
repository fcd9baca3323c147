/** Whether the data can tell what training shall be best in. */
import { UserError } from "../base/user_error.ts";
import type { Dataset } from "../data/dataset.ts";
import type { MetricName } from "../metrics/chosen_metric.ts";

/** Metrics of rankings, which need samples of two classes. */
const RANKINGS: readonly MetricName[] = ["auc", "average_precision"];

/** Throws a UserError for a metric that the validation split has no value of. */
export function mustTell(
  metric: MetricName,
  data: Pick<Dataset, "name" | "classes" | "count" | "label">,
): void {
  if (!RANKINGS.includes(metric)) return;
  const first = data.label("validation", 0);
  for (let row = 1; row < data.count("validation"); row++) {
    if (data.label("validation", row) !== first) return;
  }
  throw new UserError(
    `"training.metric" cannot be ${metric}: it compares classes, and all validation samples of the data set ${data.name} are ` +
      `of the class "${data.classes[first]}"; choose accuracy or loss, or another validation split`,
  );
}
