/** Measures of any number of labels, as scikit-learn defines them of indicator matrices, but where it would divide by 0. */
import { overlapBound } from "../../ops/right.ts";
import { type Answers, shareRight, type TaskMeasures, type Values } from "../answers.ts";
import { besideAbsence, labelsWithTemperature } from "../calibration.ts";
import { areaUnderRoc, precisionOf } from "../ranking.ts";

/** The scores of one label. */
export interface LabelScores {
  /** Samples that have it, and that are given it. */
  readonly support: number;
  readonly predicted: number;
  readonly precision: number;
  readonly recall: number;
  /** 2 tp / (2 tp + fp + fn), 0 where that would divide by 0, as the others are. */
  readonly f1: number;
  /** Undefined where no sample has it. */
  readonly averagePrecision: number | undefined;
}

/** The scores of every label: labels, predicted 1 or 0 and probabilities, [samples, classes] each. */
export function labelScores({ labels, predicted, probabilities, classes }: Answers): LabelScores[] {
  const rows = labels.length / classes;
  return Array.from({ length: classes }, (_, c) => {
    let support = 0, given = 0, right = 0;
    for (let i = c; i < labels.length; i += classes) {
      support += labels[i]!;
      given += predicted[i]!;
      right += labels[i]! * predicted[i]!;
    }
    const share = (part: number, whole: number) => whole === 0 ? 0 : part / whole;
    return {
      support,
      predicted: given,
      precision: share(right, given),
      recall: share(right, support),
      f1: share(2 * right, support + given),
      averagePrecision: support === 0 ? undefined : precisionOf(
        rows,
        (row) => probabilities[row * classes + c]!,
        (row) => labels[row * classes + c] === 1,
      ),
    };
  });
}

/** F1 over all labels of all samples at once: 2 TP / (2 TP + FP + FN); 0 without any. */
function microF1({ labels, predicted }: Answers): number {
  return f1Within(labels, predicted, 0, labels.length) ?? 0;
}

/** The mean of F1 over the labels. */
function macroF1(answers: Answers): number {
  return mean(labelScores(answers).map(({ f1 }) => f1));
}

/** The mean over samples of the F1 of their labels, 1 of two empty sets. */
function samplesF1({ labels, predicted, classes }: Answers): number {
  const starts = Array.from({ length: labels.length / classes }, (_, row) => row * classes);
  return mean(starts.map((start) => f1Within(labels, predicted, start, start + classes) ?? 1));
}

/** Undefined where neither has any label. */
function f1Within(labels: Values, predicted: Values, start: number, end: number): number | undefined {
  let right = 0, all = 0;
  for (let i = start; i < end; i++) {
    right += labels[i]! * predicted[i]!;
    all += labels[i]! + predicted[i]!;
  }
  return all === 0 ? undefined : 2 * right / all;
}

/** mAP: the mean of the average precision over the labels that some sample has. */
function meanAveragePrecision(answers: Answers): number | undefined {
  const own = labelScores(answers).flatMap(({ averagePrecision }) => averagePrecision ?? []);
  return own.length === 0 ? undefined : mean(own);
}

/** The mean over the labels that some samples have and others have not. */
function meanAuc({ labels, probabilities, classes }: Answers): number | undefined {
  const rows = labels.length / classes;
  const own = Array.from({ length: classes }, (_, c) => c).flatMap((c) => {
    const isPositive = (row: number) => labels[row * classes + c] === 1;
    const positives = Array.from({ length: rows }, (_, row) => row).filter(isPositive).length;
    if (positives === 0 || positives === rows) return [];
    return [areaUnderRoc(rows, (row) => probabilities[row * classes + c]!, isPositive)];
  });
  return own.length === 0 ? undefined : mean(own);
}

/** The least that 1 - p can be of a probability p in float64, but 0. */
const LEAST = Number.EPSILON / 2;

/** The mean binary cross entropy. */
function binaryCrossEntropy({ labels, probabilities }: Answers): number {
  return mean(Array.from(labels, (label, i) => {
    const p = probabilities[i]!;
    return -Math.log(Math.max(label === 1 ? p : 1 - p, LEAST));
  }));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

const METRICS = {
  accuracy: shareRight,
  label_accuracy: ({ labels, predicted }: Answers) =>
    mean(Array.from(labels, (label, i) => Number(predicted[i] === label))),
  micro_f1: microF1,
  macro_f1: macroF1,
  samples_f1: samplesF1,
  average_precision: meanAveragePrecision,
  auc: meanAuc,
  loss: binaryCrossEntropy,
};

export const multiLabel: TaskMeasures = {
  name: "multi_label",
  answer(logits, _, { threshold }) {
    // An infinite logit is no answer, as it is none in classification.
    const probabilities = Float64Array.from(logits, (x) => Number.isFinite(x) ? 1 / (1 + Math.exp(-x)) : NaN);
    return { predicted: Uint32Array.from(probabilities, (p) => Number(p >= threshold)), probabilities };
  },
  right(labels, predicted, classes, { overlap }) {
    return Uint8Array.from({ length: labels.length / classes }, (_, row) => {
      let both = 0, either = 0;
      for (let i = row * classes; i < (row + 1) * classes; i++) {
        both += labels[i]! & predicted[i]!;
        either += labels[i]! | predicted[i]!;
      }
      return Number(both >= overlapBound(overlap) * either);
    });
  },
  calibration: {
    classAnswers: ({ labels, probabilities }) => ({
      labels,
      classes: 2,
      probabilities: besideAbsence(probabilities),
    }),
    withTemperature: labelsWithTemperature,
  },
  metrics: METRICS,
  measure: (answers) => Object.fromEntries(Object.entries(METRICS).map(([name, of]) => [name, of(answers)])),
};
