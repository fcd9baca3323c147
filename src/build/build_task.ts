/** The task that the heads of a model learn. */
import { answerSettings, taskOf } from "../config/task_config.ts";
import type { RunConfig } from "../config/run_config.ts";
import type { Scale, TaskName } from "../data/targets.ts";
import type { AnswerSettings } from "../metrics/answers.ts";
import { classification } from "../models/tasks/classification.ts";
import { multiLabel } from "../models/tasks/multi_label.ts";
import { regression } from "../models/tasks/regression.ts";
import type { Task } from "../models/tasks/task.ts";

const TASKS: Readonly<Record<TaskName, (settings: AnswerSettings) => Task>> = {
  classification: () => classification,
  multi_label: multiLabel,
  // Models learn numbers in standard deviations.
  regression: ({ tolerance, scale }) => regression({ tolerance: tolerance / scale.std }),
};

/** The task of a configuration; `scale` is that of the numbers of the data. */
export function buildTask({ data, training }: RunConfig, scale?: Scale): Task {
  return TASKS[taskOf(data)](answerSettings(training, scale));
}
