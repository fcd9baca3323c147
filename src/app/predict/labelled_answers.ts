/** How good answers are, of rows that say what they should be. */
import { BadRow } from "../../data/index/index_builder.ts";
import { cleanName } from "../../data/index/names.ts";
import { type TargetReader, targetReader } from "../../data/readers/table_targets.ts";
import { type Target, valuesOf, widthOf } from "../../data/targets.ts";
import { answerSettings, taskOf } from "../../config/task_config.ts";
import { TASK_MEASURES } from "../../metrics/tasks/registry.ts";
import { formatCount } from "../../report/units.ts";
import type { Predictions } from "../../runs/predictions.ts";
import type { Evaluation } from "../../runs/records.ts";
import { patternsOf } from "../../train/evaluate_patterns.ts";
import { calibrationOf, evaluate } from "../../train/evaluation.ts";
import type { Answer } from "./answers.ts";
import type { PredictSession } from "./session.ts";

export interface MeasuredAnswers {
  /** The measures over the rows with a label that the run knows; undefined where there is none. */
  readonly evaluation: Evaluation | undefined;
  readonly predictions: Predictions | undefined;
  /** Rows without a label, or whose label is of a class that the run does not know or no number. */
  readonly unknownLabels: number;
}

/** Says how many rows measures leave out, if any, by `MeasuredAnswers.unknownLabels`. */
export function uncounted(rows: number): string[] {
  return rows === 0
    ? []
    : [`Rows without a label that the run knows, which are not counted: ${formatCount(rows)}`];
}

/** Gathers what the measures of predictions need. */
export class LabelledAnswers {
  readonly #session: PredictSession;
  readonly #columns: readonly string[];
  readonly #reader: TargetReader | undefined;
  readonly #targets: Target[] = [];
  readonly #answers = new Map<string, { probabilities: number[]; predicted: number[]; present: number[] }>();
  #unknown = 0;

  constructor(session: PredictSession, column: string | readonly string[] | undefined) {
    this.#session = session;
    this.#columns = [column ?? []].flat();
    const { data } = session.model.config;
    const task = taskOf(data);
    this.#reader = column === undefined ? undefined : targetReader([], () => false, {
      task,
      label: column,
      classes: task === "regression" ? null : session.classes.map(cleanName),
      ...(data.name === "table" && { labelsSeparator: data.labels_separator, decimal: data.decimal }),
    });
  }

  /** Rows without the columns count for nothing. */
  add({ row, probabilities, predicted }: Answer): void {
    if (this.#reader === undefined) return;
    if (!this.#columns.every((column) => Object.hasOwn(row.values, column))) return;
    try {
      this.#targets.push(this.#reader.read(row));
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      this.#unknown++;
      return;
    }
    for (const [head, own] of probabilities) {
      const all = this.#answers.get(head) ?? { probabilities: [], predicted: [], present: [] };
      this.#answers.set(head, all);
      const { length: classes } = this.#session.classes;
      const answers = predicted.get(head)!;
      all.present.push(Number(own.length > 0));
      for (let k = 0; k < classes; k++) all.probabilities.push(own[k] ?? 0);
      for (let k = 0; k < widthOf(this.#session.task, classes); k++) all.predicted.push(answers[k] ?? 0);
    }
  }

  result(): MeasuredAnswers {
    const unknownLabels = this.#unknown;
    if (this.#targets.length === 0) return { evaluation: undefined, predictions: undefined, unknownLabels };
    const { model, epoch, temperatures } = this.#session;
    const predictions = this.#predictions();
    const patterns = patternsOf(predictions);
    return {
      evaluation: {
        ...evaluate(predictions, epoch, model.pairs, model.config.training.metric),
        ...calibrationOf(predictions, temperatures),
        ...(patterns && { patterns }),
      },
      predictions,
      unknownLabels,
    };
  }

  #predictions(): Predictions {
    const { classes: { length: classes }, model: { config, scale } } = this.#session;
    const { name: task, right } = TASK_MEASURES[taskOf(config.data)];
    const settings = answerSettings(config.training, scale);
    const labels = task === "classification"
      ? Uint32Array.from(this.#targets, ({ label }) => label)
      : valuesOf(task, this.#targets, classes);
    const isWhole = [...this.#answers.values()].every(({ present }) => present.every((one) => one === 1));
    const all = Array.from(this.#answers, ([head, { probabilities, predicted, present }]) => ({
      head,
      present: Uint8Array.from(present),
      probabilities: Float64Array.from(probabilities),
      predicted: task === "regression" ? Float64Array.from(predicted) : Uint32Array.from(predicted),
    }));
    return {
      split: "test",
      task,
      labels,
      classes,
      scale,
      predicted: new Map(all.map(({ head, predicted }) => [head, predicted])),
      probabilities: new Map(all.map(({ head, probabilities }) => [head, probabilities])),
      right: new Map(all.map(({ head, predicted }) => [head, right(labels, predicted, classes, settings)])),
      ...(isWhole ? {} : { present: new Map(all.map(({ head, present }) => [head, present])) }),
    };
  }
}
