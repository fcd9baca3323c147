/** The task of a run, what heads answer in it, and the settings that some tasks alone heed. */
import type { Scale, TaskName } from "../data/targets.ts";
import type { AnswerSettings } from "../metrics/answers.ts";
import { metricsOf } from "../metrics/chosen_metric.ts";
import { type DataConfig, LABELS_SEPARATOR } from "./data_config.ts";
import { rate, share } from "./values.ts";

/** Keys of `training`. */
export const taskFields = {
  /** The probability from which on a sample is given a label. */
  threshold: share.gt(0).lt(1).default(0.5),
  /** The overlap, Jaccard's index, from which on a set of labels is right; 1 takes the same set alone. */
  right_overlap: share.gt(0).default(1),
  /** The distance, in the units of the data, within which a number is right; null for half a standard deviation. */
  tolerance: rate.nullable().default(null),
};

/** The part of `training` in a configuration that tasks have a say in. */
export interface TaskSettings {
  readonly threshold: number;
  readonly right_overlap: number;
  readonly tolerance: number | null;
  readonly class_weights: unknown;
  readonly label_smoothing: number;
  readonly focal_gamma: number;
  readonly metric: string;
}

/** The values of keys that change nothing, and the tasks that heed others. */
const IDLE = [
  ["threshold", 0.5, ["multi_label"]],
  ["right_overlap", 1, ["multi_label"]],
  ["tolerance", null, ["regression"]],
  ["class_weights", "none", ["classification", "multi_label"]],
  ["label_smoothing", 0, ["classification", "multi_label"]],
  ["focal_gamma", 0, ["classification", "multi_label"]],
] as const;

/** The task of a data set. */
export function taskOf(data: DataConfig): TaskName {
  return data.name === "table" ? data.task : "classification";
}

/** Says which setting does not go with the task, if one does not. */
export function wrongInTask(
  { data, training }: { readonly data: DataConfig; readonly training: TaskSettings },
): string | undefined {
  const task = taskOf(data);
  for (const [key, idle, tasks] of IDLE) {
    const heeded: readonly TaskName[] = tasks;
    if (heeded.includes(task) || training[key] === idle) continue;
    return `"training.${key}" must be ${idle} where "data.task" is ${task}: it is for ${
      heeded.join(" and ")
    }`;
  }
  const metrics = metricsOf(task);
  if (!metrics.includes(training.metric)) {
    return `"training.metric" cannot be ${training.metric} where "data.task" is ${task}, which has ${
      metrics.join(", ")
    }`;
  }
  if (data.name !== "table") return undefined;
  if (typeof data.label !== "string" && task !== "multi_label") {
    return `"data.label" must be one column where "data.task" is ${task}, got ${data.label.join(", ")}`;
  }
  if (data.labels_separator !== LABELS_SEPARATOR && task !== "multi_label") {
    return `"data.labels_separator" must be "${LABELS_SEPARATOR}" where "data.task" is ${task}: it is for multi_label`;
  }
  return task === "regression" && data.classes !== null
    ? '"data.classes" must be null where "data.task" is regression, which has none'
    : undefined;
}

/** The share of a standard deviation within which a number is right where nothing is said. */
const TOLERANCE = 0.5;

/** What answers of a run hang on; `scale` is that of its numbers. */
export function answerSettings(
  { threshold, right_overlap: overlap, tolerance }: TaskSettings,
  scale: Scale = { mean: 0, std: 1 },
): AnswerSettings {
  return { threshold, overlap, tolerance: tolerance ?? TOLERANCE * scale.std, scale };
}
