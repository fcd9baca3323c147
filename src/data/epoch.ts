/** Batches of one pass over a split, made ahead of their use. */
import type { Batch, Split } from "./batch.ts";
import type { Dataset, EpochKey } from "./dataset.ts";
import { keyOf, Random } from "../base/random.ts";

/** The batches under way while one is used: enough for the workers that decode images to be ahead of the device. */
const AHEAD = 2;

/** How samples are visited; where nothing is given, the usual way. The first two are the published code's. */
export interface Visit {
  /** True: training samples come in the order of the data set, the same in every epoch. */
  unshuffled?: boolean;
  /** True: a last batch that is not full is left out, in training and in evaluation. */
  incompleteDropped?: boolean;
  /** Processes that each leave out their last batch, in training; 1 if not given. */
  processes?: number;
  /** The modalities that are wanted; all of them if not given. */
  only?: readonly string[];
}

/**
 * How many samples batches of a size visit: all of them, unless the incomplete batch is left out. Processes draw alike, so
 * that there are as many batches of each.
 */
export function visitedSamples(
  samples: number,
  size: number,
  { incompleteDropped = false, processes = 1 }: Visit,
): number {
  return incompleteDropped ? samples - samples % (size * processes) : samples;
}

/** The order in which an epoch visits the rows of the training split. */
export function shuffledRows(count: number, { seed, epoch }: EpochKey): Uint32Array {
  const rows = inOrder(count);
  new Random(keyOf(seed, epoch)).shuffle(rows);
  return rows;
}

/** The rows of the training split in the order in which an epoch visits them in batches of a size. */
export function trainingRows(data: Dataset, size: number, key: EpochKey, visit: Visit = {}): Uint32Array {
  const samples = data.count("train");
  const rows = visit.unshuffled ? inOrder(samples) : shuffledRows(samples, key);
  return rows.subarray(0, visitedSamples(samples, size, visit));
}

/**
 * One epoch of training: every sample once, shuffled and augmented by (seed, epoch); the last batch may be smaller. Batches
 * that are not wanted, by their number from 0, are left out, and nothing is read for them.
 */
export function trainingBatches(
  data: Dataset,
  size: number,
  key: EpochKey,
  visit: Visit = {},
  isWanted?: (number: number) => boolean,
): AsyncGenerator<Batch> {
  const rows = trainingRows(data, size, key, visit);
  return batches(data, "train", rows, size, { only: visit.only, key, isWanted });
}

/** Every sample of a split once, in order and as it is; the last batch may be smaller. Left out are batches as in training. */
export function evaluationBatches(
  data: Dataset,
  split: Split,
  size: number,
  visit: Visit = {},
  isWanted?: (number: number) => boolean,
): AsyncGenerator<Batch> {
  const rows = inOrder(visitedSamples(data.count(split), size, visit));
  return batches(data, split, rows, size, { only: visit.only, isWanted });
}

function inOrder(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => row);
}

async function* batches(
  data: Dataset,
  split: Split,
  rows: Uint32Array,
  size: number,
  { only, key, isWanted = () => true }: {
    only?: readonly string[] | undefined;
    key?: EpochKey;
    isWanted?: ((number: number) => boolean) | undefined;
  },
): AsyncGenerator<Batch> {
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`The batch size must be at least 1, got ${size}`);
  }
  const make = (start: number) => {
    const batch = data.batch(split, rows.subarray(start, start + size), key, only);
    // A consumer may leave before it awaits the batch made ahead; the error is thrown where it is awaited.
    batch.catch(() => {});
    return batch;
  };
  const ahead: Promise<Batch>[] = [];
  for (let next = 0; next < rows.length || ahead.length > 0;) {
    for (; ahead.length <= AHEAD && next < rows.length; next += size) {
      if (isWanted(next / size)) ahead.push(make(next));
    }
    if (ahead.length > 0) yield await ahead.shift()!;
  }
}
