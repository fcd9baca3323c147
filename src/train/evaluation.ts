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
import { answerSettings, taskOf } from "../config/task_config.ts";
import { type Scale, valuesOf } from "../data/targets.ts";
import type { ClassAnswers, Values } from "../metrics/answers.ts";
import {
  calibrationByHead,
  fitTemperatures,
  LEAST_SAMPLES,
  type Temperatures,
} from "../metrics/calibration.ts";
import type { MetricName } from "../metrics/chosen_metric.ts";
import { nameOfPair, pairSharesOf } from "../metrics/metrics.ts";
import { TASK_MEASURES } from "../metrics/tasks/registry.ts";
import { Interrupted, pause } from "../base/interrupt.ts";
import { resolveMethod } from "../config/method_config.ts";
import { ALONE, any, type Collective } from "../distributed/collective.ts";
import { visitOf } from "./gradient_step.ts";
import {
  answeredBy,
  answersByHead,
  type Predictions,
  predictionsOf,
  rightOf,
  samplesIn,
} from "../runs/predictions.ts";
import type { Evaluation } from "../runs/records.ts";

/** A model that can be asked: a `Learner`, or a `Predictor`, which only answers. */
export interface AnsweringModel {
  readonly config: RunConfig;
  readonly classes: number;
  /** Of the numbers that were learned, in regression. */
  readonly scale?: Scale | undefined;
  /** The encoders, then "fusion" where they are fused. */
  readonly heads: readonly string[];
  readonly pairs: readonly (readonly [string, string])[];
  /** Where several ranks ask, each answers its share of the batches. */
  readonly collective?: Collective;
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
  const { heads, classes, collective = ALONE } = model;
  const { rank, size: ranks } = collective;
  const { seed, semantics, training, data: settings } = model.config;
  const flip = "flip" in settings ? settings.flip : 0;
  const visit = visitOf(model.config);
  const { evaluation_batch: size } = training;
  const samples = visitedSamples(data.count(split), size, visit);
  if (samples === 0 && data.count(split) > 0) {
    throw new UserError(
      `Nothing is left of the ${split} split: "semantics.incomplete_dropped" leaves out batches of fewer than ` +
        `"training.evaluation_batch", ${size}, and it has ${data.count(split)} samples`,
    );
  }
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
  const batches = evaluationBatches(data, split, size, visit, (number) => number % ranks === rank);
  try {
    // Of so many batches as there are ranks, each has one, but for the last of them.
    for (let first = 0; first < samples; first += ranks * size) {
      const start = first + rank * size;
      const read: Batch | undefined = start < samples ? (await batches.next()).value : undefined;
      await pause();
      if (await any(collective, signal?.aborted === true, `answering the ${split} split`)) {
        throw new Interrupted("Interrupted");
      }
      if (read === undefined) continue;
      const batch = semantics.mirrored_evaluation ? mirrorAtRandom(read, flip, seed) : read;
      const outputs = capture<Record<string, Tensor>>(() => noGrad(() => model.logits(batch)));
      for (const head of heads) waiting.push({ head, start, logits: outputs[head]! });
      if (waiting.length >= BATCHES_PER_READ * heads.length) await collect();
    }
    await collect();
    // What other ranks answer is zero here.
    for (const values of logits.values()) await collective.sum(values, `the answers of the ${split} split`);
  } finally {
    for (const one of waiting) one.logits.dispose();
    await batches.return(undefined);
  }
  return {
    split,
    ...answered(model, labelsOf(data, split, samples), logits),
    notFinite: new Map(Array.from(logits, ([head, values]) => [head, countNotFinite(values, classes)])),
    ...presentOf(data, split, samples, model.config),
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

/** Which of the first samples of a split have the modality of each head, by the heads whose modality some lack. */
function presentOf(
  data: Dataset,
  split: Split,
  samples: number,
  config: RunConfig,
): Pick<Predictions, "present"> {
  const all = resolveMethod(config).encoders.map(({ name, reads }) => {
    const modality = Object.values(reads)[0]!;
    const own = Uint8Array.from(
      { length: samples },
      (_, row) => Number(data.has?.(split, row, modality) ?? true),
    );
    return [name, own] as const;
  });
  const lacking = all.filter(([, own]) => own.includes(0));
  return lacking.length > 0 ? { present: new Map(lacking) } : {};
}

/** What the first samples of a split are to be told, as measures compare it. */
function labelsOf(data: Dataset, split: Split, samples: number): Values {
  const rows = Array.from({ length: samples }, (_, row) => row);
  const { task = "classification", classes } = data;
  if (task === "classification") return Uint32Array.from(rows, (row) => data.label(split, row));
  return valuesOf(task, rows.map((row) => data.target!(split, row)), classes.length);
}

/** The answers of a model by its logits [samples, classes] of every head, and which of them are right. */
function answered(
  { config: { data, training }, classes, scale }: Pick<AnsweringModel, "config" | "classes" | "scale">,
  labels: Values,
  logits: ReadonlyMap<string, Float32Array>,
): Omit<Predictions, "split"> {
  const { name: task, answer, right } = TASK_MEASURES[taskOf(data)];
  const settings = answerSettings(training, scale);
  const answers = Array.from(logits, ([head, own]) => [head, answer(own, classes, settings)] as const);
  return {
    task,
    labels,
    classes,
    predicted: new Map(answers.map(([head, { predicted }]) => [head, predicted])),
    probabilities: new Map(answers.map(([head, { probabilities }]) => [head, probabilities])),
    right: new Map(
      answers.map(([head, { predicted }]) => [head, right(labels, predicted, classes, settings)]),
    ),
    scale,
  };
}

/** What heads say by probabilities, as answers of classes; undefined in a task that has none. */
function classAnswersOf(predictions: Predictions): ReadonlyMap<string, ClassAnswers> | undefined {
  const { calibration } = TASK_MEASURES[predictions.task ?? "classification"];
  return calibration &&
    new Map(Array.from(answersByHead(predictions), ([head, own]) => [head, calibration.classAnswers(own)]));
}

/** The temperatures of the heads by their answers in validation. */
export function temperaturesOf(predictions: Predictions): Temperatures {
  const answers = classAnswersOf(predictions);
  // A sample has many labels, which do not tell as much as so many samples.
  return answers && samplesIn(predictions) >= LEAST_SAMPLES ? fitTemperatures(answers) : {};
}

/** How far probabilities can be believed, as a part of an evaluation. */
export function calibrationOf(
  predictions: Predictions,
  temperatures: Temperatures | undefined,
): Pick<Evaluation, "calibration"> {
  const answers = classAnswersOf(predictions);
  return answers ? { calibration: calibrationByHead(answers, temperatures) } : {};
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
  const { task = "classification", notFinite } = predictions;
  const { measure, metrics } = TASK_MEASURES[task];
  const measures: Record<string, Record<string, number>> = { accuracy: {}, loss: {} };
  for (const [head, answers] of answersByHead(predictions)) {
    const { loss, ...others } = measure(answers);
    const all = { ...others, [metric]: metrics[metric]!(answers), loss };
    for (const [key, value] of Object.entries(all)) {
      if (value !== undefined) (measures[key] ??= {})[head] = value;
    }
  }
  const { accuracy, loss, ...others } = measures;
  return {
    ...(task !== "classification" && { task }),
    split: predictions.split,
    samples: samplesIn(predictions),
    epoch,
    accuracy: accuracy!,
    ...others,
    loss: loss!,
    ...(notFinite && [...notFinite.values()].some((count) => count > 0) &&
      { not_finite: Object.fromEntries(notFinite) }),
    pairs: Object.fromEntries(
      pairs.map(([a, b]) => {
        const both = predictionsOf(predictions, answeredBy(predictions, a, b));
        return [nameOfPair([a, b]), pairSharesOf(rightOf(both, a), rightOf(both, b))];
      }),
    ),
  };
}
