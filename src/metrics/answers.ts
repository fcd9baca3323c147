/** What heads answer to samples, and the contract of the tasks that make answers of logits and measure them. */
import type { Scale, TaskName } from "../data/targets.ts";

/** Of samples: numbers of classes, u32 [samples]; 1 or 0 for labels, u32 [samples, labels]; numbers, f64 [samples]. */
export type Values = Uint32Array | Float64Array;

/** What a head says of samples. */
export interface Answers {
  readonly labels: Values;
  /** Of classes or of labels; 1 in regression. */
  readonly classes: number;
  readonly predicted: Values;
  readonly probabilities: Float64Array; // [samples, classes]; in regression the numbers
  /** 1 where an answer is right; that of the label if not given. */
  readonly right?: Uint8Array | undefined; // [samples]
  /** In regression. */
  readonly scale?: Scale | undefined;
}

/** What answers, and which of them are right, hang on; see `training` in configurations. */
export interface AnswerSettings {
  /** The probability from which on a label is given. */
  readonly threshold: number;
  /** The overlap of sets of labels that is right. */
  readonly overlap: number;
  /** The distance of numbers that is right, in their units. */
  readonly tolerance: number;
  readonly scale: Scale;
}

/** The measures that there are, by their names in records; see `MEASURES`. */
export type Measured = Readonly<Record<string, number | undefined>>;

/** Answers of one of several classes, of which it can be asked how far their probabilities can be believed. */
export type ClassAnswers = Pick<Answers, "labels" | "classes" | "probabilities">;

/** How the probabilities of a task are calibrated by a temperature. */
export interface TaskCalibration {
  /** What the probabilities are of: as they are, or each label as an answer whether it is there. */
  classAnswers(answers: Answers): ClassAnswers;
  /** Probabilities [samples, classes] as they are with logits divided by a temperature. */
  withTemperature(probabilities: Float64Array, classes: number, temperature: number): Float64Array;
}

/** What a task is on the host. */
export interface TaskMeasures {
  readonly name: TaskName;
  /** The answers of a head, by its logits [samples, classes]. */
  answer(
    logits: Float32Array,
    classes: number,
    settings: AnswerSettings,
  ): Pick<Answers, "predicted" | "probabilities">;
  /** 1 where answers are right: [samples]. */
  right(labels: Values, predicted: Values, classes: number, settings: AnswerSettings): Uint8Array;
  /** Not given where answers are no probabilities. */
  readonly calibration?: TaskCalibration;
  /** What `training.metric` may name. Undefined where samples do not tell. */
  readonly metrics: Readonly<Record<string, (answers: Answers) => number | undefined>>;
  /** The measures of every evaluation, in the order in which they are shown; the loss comes last. */
  measure(answers: Answers): Measured;
}

/** 1 where the answer is the label, in tasks of one value a sample. */
export function equals(labels: Values, predicted: Values): Uint8Array {
  return Uint8Array.from(labels, (label, row) => Number(predicted[row] === label));
}

/** The share of samples whose answers are right; 0 for no samples. */
export function shareRight({ labels, predicted, right = equals(labels, predicted) }: Answers): number {
  return right.reduce((sum, one) => sum + one, 0) / Math.max(1, right.length);
}
