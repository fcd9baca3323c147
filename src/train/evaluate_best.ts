/** Evaluates what training has kept. */
import type { Split } from "../data/batch.ts";
import type { Predictions } from "../runs/predictions.ts";
import type { Evaluation } from "../runs/records.ts";
import { evaluateWithheld, patternsOf } from "./evaluate_patterns.ts";
import { type AnsweringModel, calibrationOf, evaluate, predict } from "./evaluation.ts";
import type { TrainOptions } from "./trainer.ts";

export interface EvaluateOptions extends Pick<TrainOptions, "data" | "run" | "signal"> {
  readonly model: AnsweringModel;
}

/** Evaluates the weights of the best epoch on a split, and how far their probabilities can be believed. */
export async function evaluateBest(
  { model, data, run, signal }: EvaluateOptions,
  split: Split,
): Promise<{ evaluation: Evaluation; predictions: Predictions }> {
  const { weights, epoch, temperatures } = run.checkpoints.loadBest();
  model.writeWeights(weights, run.checkpoints.best);
  const predictions = await predict(model, data, split, signal);
  const patterns = patternsOf(predictions);
  const withheld = await evaluateWithheld(model, data, split, signal);
  const evaluation = {
    ...evaluate(predictions, epoch, model.pairs, model.config.training.metric),
    ...calibrationOf(predictions, temperatures),
    ...(patterns && { patterns }),
    ...(withheld && { withheld }),
  };
  return { evaluation, predictions };
}
