/** Predicts a split with a model, and measures how good that is. */
import type { Batch, Split } from "../data/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import { evaluationBatches, visitedSamples } from "../data/epoch.ts";
import { mirrorAtRandom } from "../data/images/mirror.ts";
import { UserError } from "../base/user_error.ts";
import { allFinite } from "../base/finite.ts";
import { readTensors, type Tensor } from "../tensor/tensor.ts";
import { capture } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import type { RunConfig } from "../config/run_config.ts";
import type { Arrays } from "../runs/run_checkpoints.ts";
import {
  accuracy,
  argmaxRows,
  classScores,
  macroF1,
  meanCrossEntropy,
  nameOfPair,
  pairSharesOf,
  softmaxRows,
  topAccuracy,
  weightedF1,
} from "../metrics/metrics.ts";
import { type Answers, type MetricName, METRICS } from "../metrics/chosen_metric.ts";
import { auc } from "../metrics/ranking.ts";
import { pause, throwIfInterrupted } from "../base/interrupt.ts";
import { resolveMethod } from "../config/method_config.ts";
import { visitOf } from "./gradient_step.ts";
import { answeredBy, answersByHead, type Predictions, predictionsOf } from "../runs/predictions.ts";
import type { Evaluation } from "../runs/records.ts";

/** A model that can be asked: a `Learner`, or a `Predictor`, which only answers. */
export interface AnsweringModel {
  readonly config: RunConfig;
  readonly classes: number;
  /** The encoders, then "fusion" where they are fused. */
  readonly heads: readonly string[];
  readonly pairs: readonly (readonly [string, string])[];
  /** Overwrites all weights. Throws a UserError, naming `source`, where they are not those of this model. */
  writeWeights(weights: Arrays, source: string): void;
  /** Logits of every head, [batch, classes], without dropout. */
  logits(batch: Batch): Record<string, Tensor>;
  /** Representations of every encoder, [batch, width], without dropout. */
  representations(batch: Batch): Record<string, Tensor>;
}

/** Predictions, and whether the logits they are made of were finite. */
export interface CheckedPredictions extends Predictions {
  /** By head, the samples of which some logit is NaN or infinite. */
  readonly notFinite: ReadonlyMap<string, number>;
}

/** Logits of so many batches wait on the device before they are read. */
const BATCHES_PER_READ = 16;

/** Runs the model over a split without dropout or augmentation. `signal` ends it early by an `Interrupted`. */
export async function predict(
  model: AnsweringModel,
  data: Dataset,
  split: Split,
  signal?: AbortSignal,
): Promise<CheckedPredictions> {
  const { heads, classes } = model;
  const { seed, semantics, training, data: settings } = model.config;
  const flip = "flip" in settings ? settings.flip : 0;
  const visit = visitOf(model.config);
  const samples = visitedSamples(data.count(split), training.evaluation_batch, visit);
  if (samples === 0 && data.count(split) > 0) {
    throw new UserError(
      `Nothing is left of the ${split} split: "semantics.incomplete_dropped" leaves out batches of fewer than ` +
        `"training.evaluation_batch", ${training.evaluation_batch}, and it has ${data.count(split)} samples`,
    );
  }
  const labels = new Uint32Array(samples);
  const logits = new Map(heads.map((head) => [head, new Float32Array(samples * classes)]));
  let waiting: { head: string; start: number; logits: Tensor }[] = [];
  const collect = async () => {
    const arrays = await readTensors(waiting.map((one) => one.logits));
    for (const [i, one] of waiting.entries()) {
      logits.get(one.head)!.set(arrays[i]!, one.start * classes);
      one.logits.dispose();
    }
    waiting = [];
  };
  const present = new PresentSamples(model.config, samples);
  let start = 0;
  try {
    for await (const each of evaluationBatches(data, split, training.evaluation_batch, visit)) {
      const batch = semantics.mirrored_evaluation ? mirrorAtRandom(each, flip, seed) : each;
      await pause();
      throwIfInterrupted(signal);
      const outputs = capture<Record<string, Tensor>>(() => noGrad(() => model.logits(batch)));
      for (const head of heads) waiting.push({ head, start, logits: outputs[head]! });
      labels.set(batch.labels, start);
      present.add(batch, start);
      start += batch.size;
      if (waiting.length >= BATCHES_PER_READ * heads.length) await collect();
    }
    await collect();
  } finally {
    for (const one of waiting) one.logits.dispose();
  }
  return {
    split,
    labels,
    classes,
    predicted: new Map(Array.from(logits, ([head, values]) => [head, argmaxRows(values, classes)])),
    probabilities: new Map(Array.from(logits, ([head, values]) => [head, softmaxRows(values, classes)])),
    notFinite: new Map(Array.from(logits, ([head, values]) => [head, countNotFinite(values, classes)])),
    ...present.found,
  };
}

/** 1 for each sample of a batch that has the modality of a head, else 0, by the heads whose modality some lack. */
export function presentIn({ modalities }: Batch, config: RunConfig): ReadonlyMap<string, Uint32Array> {
  if (Object.values(modalities).every(({ present }) => present === undefined)) return new Map();
  const { encoders } = resolveMethod(config);
  return new Map(encoders.flatMap(({ name, reads }) => {
    const present = modalities[Object.values(reads)[0]!]?.present;
    return present === undefined ? [] : [[name, present]];
  }));
}

/** Gathers which samples have the modality of each head. */
class PresentSamples {
  readonly #config: RunConfig;
  readonly #samples: number;
  readonly #present = new Map<string, Uint8Array>();

  constructor(config: RunConfig, samples: number) {
    this.#samples = samples;
    this.#config = config;
  }

  /** Adds those of a batch, which begins at a sample. */
  add(batch: Batch, start: number): void {
    for (const [head, own] of presentIn(batch, this.#config)) {
      const all = this.#present.get(head) ?? new Uint8Array(this.#samples).fill(1);
      this.#present.set(head, all);
      all.set(own, start);
    }
  }

  get found(): Pick<Predictions, "present"> {
    return this.#present.size > 0 ? { present: this.#present } : {};
  }
}

/** Rows that hold NaN or infinity: [rows, classes] gives a count. */
function countNotFinite(logits: Float32Array, classes: number): number {
  let count = 0;
  for (let start = 0; start < logits.length; start += classes) {
    if (!allFinite(logits.subarray(start, start + classes))) count++;
  }
  return count;
}

/**
 * The measures of predictions, among them the metric of their run where the samples tell it; `epoch` is that of the weights,
 * `pairs` names pairs of heads as "image-text". Those of a head are of the samples that have its modality; it has none where no
 * sample has.
 */
export function evaluate(
  predictions: Predictions & Partial<CheckedPredictions>,
  epoch: number,
  pairs: readonly (readonly [string, string])[],
  metric: MetricName = "accuracy",
): Evaluation {
  const { split, labels, classes, notFinite } = predictions;
  const answers = [...answersByHead(predictions)];
  const byMetric = answers.map(([head, own]) => [head, METRICS[metric].of(own)] as const)
    .filter((one): one is readonly [string, number] => one[1] !== undefined);
  const byHead = (measure: (answers: Answers) => number) =>
    Object.fromEntries(answers.map(([head, own]) => [head, measure(own)]));
  const top = (k: number) =>
    byHead(({ labels, probabilities }) => topAccuracy(labels, probabilities, classes, k));
  const scores = ({ labels, predicted }: Answers) => classScores(labels, predicted, classes);
  const hasAuc = classes === 2 && labels.includes(0) && labels.includes(1);
  return {
    split,
    samples: labels.length,
    epoch,
    accuracy: byHead(({ labels, predicted }) => accuracy(labels, predicted)),
    ...(classes > 2 && { top_2: top(2) }),
    ...(classes > 5 && { top_5: top(5) }),
    macro_f1: byHead((own) => macroF1(scores(own))),
    weighted_f1: byHead((own) => weightedF1(scores(own))),
    ...(hasAuc && { auc: byHead(({ labels, probabilities }) => auc(labels, probabilities, classes)!) }),
    ...(byMetric.length > 0 && { [metric]: Object.fromEntries(byMetric) }),
    loss: byHead(({ labels, probabilities }) => meanCrossEntropy(labels, probabilities, classes)),
    ...(notFinite && [...notFinite.values()].some((count) => count > 0) &&
      { not_finite: Object.fromEntries(notFinite) }),
    pairs: Object.fromEntries(
      pairs.map(([a, b]) => {
        const both = predictionsOf(predictions, answeredBy(predictions, a, b));
        return [
          nameOfPair([a, b]),
          pairSharesOf(both.labels, both.predicted.get(a)!, both.predicted.get(b)!),
        ];
      }),
    ),
  };
}
