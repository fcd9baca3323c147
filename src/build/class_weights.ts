/** What a sample of each class counts in the losses of heads. */
import { listed } from "../base/listing.ts";
import { nearest } from "../base/nearest.ts";
import { UserError } from "../base/user_error.ts";
import type { RunConfig } from "../config/run_config.ts";
import type { Dataset } from "../data/dataset.ts";
import { TARGETS } from "../data/targets.ts";

/** The part of a data set that the weights of its classes hang on. */
type Labelled = Pick<Dataset, "name" | "task" | "classes" | "count" | "label" | "target" | "weight">;

/**
 * The weights of the classes, in the order of labels; undefined where `training.class_weights` is "none". "balanced" is
 * scikit-learn's: n / (classes · n_c), n_c of the n training samples being of class c, which is 1 on average over the
 * training samples; classes without any are not counted, and weigh 1. Where samples have weights s of their own, n and n_c are
 * sums of these, as with scikit-learn's `sample_weight`: what all samples of a class count together, Σ s w, is then the same
 * for all classes. Of labels it is (n − n_c) / n_c, which is what the samples count that have one. Throws a UserError for a
 * class that is none of the data's, and for one that has no weight.
 */
export function classWeightsOf(
  { training }: Pick<RunConfig, "training">,
  data: Labelled,
): number[] | undefined {
  const { class_weights: asked } = training;
  const { task = "classification", classes } = data;
  const labelsOf = (row: number) =>
    TARGETS[task].classesOf(data.target?.("train", row) ?? { label: data.label("train", row) });
  if (asked === "none") return undefined;
  if (asked === "balanced") {
    const counts = Array<number>(classes.length).fill(0);
    let all = 0;
    for (let row = 0; row < data.count("train"); row++) {
      const own = data.weight?.(row) ?? 1;
      all += own;
      for (const label of labelsOf(row)) counts[label]! += own;
    }
    // As torch has it for binary cross entropy: so many times as often as a label is there, it is not. One that all have counts
    // a little all the same.
    if (task === "multi_label") {
      return counts.map((count) =>
        count === 0 ? 1 : Math.max(all - count, all / data.count("train")) / count
      );
    }
    const present = counts.filter((count) => count > 0).length;
    return counts.map((count) => count === 0 ? 1 : all / (present * count));
  }
  const key = "training.class_weights";
  for (const name of Object.keys(asked)) {
    if (classes.includes(name)) continue;
    const meant = nearest(name, classes);
    throw new UserError(
      `"${key}" has a weight for "${name}", which is no class of the data set ${data.name}: ` +
        (meant === undefined ? `it has ${quoted(classes)}` : `did you mean "${meant}"?`),
    );
  }
  const missing = classes.filter((name) => !Object.hasOwn(asked, name));
  if (missing.length > 0) {
    throw new UserError(
      `"${key}" has no weight for ${quoted(missing)}: give one for each class of the data set ${data.name}`,
    );
  }
  return classes.map((name) => asked[name]!);
}

/** Names that are listed. */
const MOST_NAMED = 10;

function quoted(names: readonly string[]): string {
  return listed(names.map((name) => `"${name}"`), MOST_NAMED);
}
