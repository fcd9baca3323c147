/** The micro-batches of an epoch, and how they make steps. */
import type { Batch } from "../data/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import { mixImages, type Mixing } from "../data/images/mix.ts";
import { trainingBatches, trainingRows, visitedSamples } from "../data/epoch.ts";
import { keyOf, Random } from "../base/random.ts";
import type { Collective } from "../distributed/collective.ts";
import { hasInputs } from "../config/data_config.ts";
import type { RunConfig, SettledConfig } from "../config/run_config.ts";
import { STRETCHES } from "./training_metrics.ts";
import { microBatchWeight, trainingVisitOf } from "./gradient_step.ts";
import { rowWeightsOf } from "./sample_weights.ts";

/** Which of how many ranks a process is. */
type Place = Pick<Collective, "rank" | "size">;

export interface MicroBatch {
  /** Undefined where it is another rank's. */
  readonly batch: Batch | undefined;
  /** Its samples. */
  readonly size: number;
  /** The weight of its gradient in that of its step. */
  readonly weight: number;
  /** Counts all micro-batches of the run; it picks the random numbers of dropout. */
  readonly number: number;
  /** Micro-batches of the epoch up to this one. */
  readonly done: number;
  /** In which of the stretches of the epoch it lies. */
  readonly stretch: number;
  readonly endsStep: boolean;
  /** True where no other of its step is this rank's, and the step ends within the epoch. */
  readonly endsShare: boolean;
  readonly endsEpoch: boolean;
  /** Seconds for which it was waited for. */
  readonly waited: number;
}

/** The samples that an epoch visits. */
export function trainingSamplesOf(config: SettledConfig, data: Dataset): number {
  return visitedSamples(data.count("train"), config.training.micro_batch, trainingVisitOf(config));
}

/** The optimizer steps of so many epochs of `samples` samples each. As published, what is left at their end makes no step. */
export function stepsIn(epochs: number, samples: number, { semantics, training }: SettledConfig): number {
  const { batch, micro_batch } = training;
  return semantics.steps_across_epochs
    ? Math.floor(epochs * Math.ceil(samples / micro_batch) * micro_batch / batch)
    : epochs * Math.ceil(samples / batch);
}

/** One process is as one rank of one. */
const ONE: Place = { rank: 0, size: 1 };

/**
 * The micro-batches of an epoch of `samples` samples, after the first `skipped` of them. Its last one ends a step; as
 * published, a step goes on into the next epoch until it has all its micro-batches. Ranks all see each of them, but have the
 * batches of their own share alone: of those of a step, each has a run, as long as the others' where they can be equal.
 */
export async function* microBatches(
  data: Dataset,
  config: SettledConfig,
  samples: number,
  epoch: number,
  skipped = 0,
  { rank, size: ranks }: Place = ONE,
): AsyncGenerator<MicroBatch> {
  const {
    seed,
    semantics: { steps_across_epochs: goesOn },
    training: { micro_batch: size, batch: stepSize },
  } = config;
  const total = Math.ceil(samples / size);
  const perStep = stepSize / size;
  /** The place of a micro-batch in its step, and how many there are in that. */
  const inStep = (at: number) => {
    const index = (goesOn ? epoch * total + at : at) % perStep;
    return { index, count: goesOn ? perStep : Math.min(perStep, total - at + index) };
  };
  const isOwn = (at: number) => {
    const { index, count } = inStep(at);
    return Math.floor(index * ranks / count) === rank;
  };
  /** The last micro-batch of the step of another, which may be of the next epoch. */
  const lastOf = (at: number) => {
    const { index, count } = inStep(at);
    return at + count - 1 - index;
  };
  const visit = trainingVisitOf(config);
  const batches = trainingBatches(data, size, { seed, epoch }, visit, (at) => at >= skipped && isOwn(at));
  const weigh = rowWeightsOf(config, data);
  const mixing = mixingOf(config);
  const stepOf = stepsOf(data, config, total);
  try {
    for (let done = skipped + 1; done <= total; done++) {
      const asked = performance.now();
      const at = done - 1;
      const own = Math.min(size, samples - at * size);
      const batch = isOwn(at) ? (await batches.next()).value as Batch : undefined;
      const stepStart = Math.floor(at / perStep) * stepSize;
      const stepSamples = goesOn ? stepSize : Math.min(stepSize, samples - stepStart);
      yield {
        size: own,
        batch: batch && {
          ...mixing ? mixImages(batch, mixing, new Random(keyOf(config.seed, epoch, at))) : batch,
          ...weigh && { weights: weigh(batch.rows, stepOf(epoch, at)) },
        },
        weight: microBatchWeight(own, stepSamples, config),
        number: epoch * total + at,
        done,
        stretch: Math.floor(STRETCHES * at / total),
        endsStep: at === lastOf(at),
        endsShare: isOwn(at) && lastOf(at) < total && (at === lastOf(at) || !isOwn(at + 1)),
        endsEpoch: done === total,
        waited: (performance.now() - asked) / 1000,
      };
    }
  } finally {
    await batches.return(undefined);
  }
}

/** How training mixes images; undefined where it does not. */
export function mixingOf({ data }: Pick<RunConfig, "data">): Mixing | undefined {
  if (!hasInputs(data) || data.mixup === 0 && data.cutmix === 0) return undefined;
  return { mixup: data.mixup, cutmix: data.cutmix };
}

/**
 * Gives the rows of the step that a micro-batch belongs to, the `index`-th of `total` of an epoch; as published, some are of
 * the epochs before or after it.
 */
function stepsOf(data: Dataset, config: SettledConfig, total: number) {
  const { seed, semantics, training: { micro_batch: size, batch } } = config;
  const orders = new Map<number, Uint32Array>();
  const rowsOf = (epoch: number, index: number) => {
    const order = orders.get(epoch) ?? trainingRows(data, size, { seed, epoch }, trainingVisitOf(config));
    orders.set(epoch, order);
    return order.subarray(index * size, (index + 1) * size);
  };
  return (epoch: number, index: number): Uint32Array => {
    const goesOn = semantics.steps_across_epochs;
    const place = goesOn ? epoch * total + index : index;
    const first = place - place % (batch / size);
    const rows = Array.from({ length: batch / size }, (_, i) => {
      const at = first + i;
      return [...goesOn ? rowsOf(Math.floor(at / total), at % total) : rowsOf(epoch, at)];
    });
    return Uint32Array.from(rows.flat());
  };
}
