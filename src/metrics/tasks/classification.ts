/** Measures of one of several classes. */
import { withTemperature } from "../calibration.ts";
import { equals, shareRight, type TaskMeasures } from "../answers.ts";
import {
  argmaxRows,
  balancedAccuracy,
  classScores,
  macroF1,
  meanCrossEntropy,
  softmaxRows,
  topAccuracy,
  weightedF1,
} from "../metrics.ts";
import { auc, averagePrecision } from "../ranking.ts";

export const classification: TaskMeasures = {
  name: "classification",
  answer: (logits, classes) => ({
    predicted: argmaxRows(logits, classes),
    probabilities: softmaxRows(logits, classes),
  }),
  right: equals,
  calibration: { classAnswers: (answers) => answers, withTemperature },
  metrics: {
    accuracy: shareRight,
    balanced_accuracy: ({ labels, predicted, classes }) =>
      balancedAccuracy(classScores(labels, predicted, classes)),
    macro_f1: ({ labels, predicted, classes }) => macroF1(classScores(labels, predicted, classes)),
    loss: ({ labels, probabilities, classes }) => meanCrossEntropy(labels, probabilities, classes),
    auc: ({ labels, probabilities, classes }) => auc(labels, probabilities, classes),
    average_precision: ({ labels, probabilities, classes }) =>
      averagePrecision(labels, probabilities, classes),
  },
  measure(answers) {
    const { labels, predicted, probabilities, classes } = answers;
    const scores = classScores(labels, predicted, classes);
    return {
      accuracy: shareRight(answers),
      top_2: classes > 2 ? topAccuracy(labels, probabilities, classes, 2) : undefined,
      top_5: classes > 5 ? topAccuracy(labels, probabilities, classes, 5) : undefined,
      macro_f1: macroF1(scores),
      weighted_f1: weightedF1(scores),
      auc: classes === 2 ? auc(labels, probabilities, classes) : undefined,
      loss: meanCrossEntropy(labels, probabilities, classes),
    };
  },
};
