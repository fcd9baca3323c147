/** The tasks on the host, one line each. */
import type { TaskName } from "../../data/targets.ts";
import type { TaskMeasures } from "../answers.ts";
import { classification } from "./classification.ts";
import { multiLabel } from "./multi_label.ts";
import { regression } from "./regression.ts";

export const TASK_MEASURES: Readonly<Record<TaskName, TaskMeasures>> = {
  classification,
  multi_label: multiLabel,
  regression,
};
