import type { Batch, Split } from "./batch.ts";
import type { DataSet, EpochKey } from "./data_set.ts";
import { keyOf, Random } from "./random.ts";

/** So many batches are under way while one is used: enough for the workers that decode images to be ahead of the device. */
const AHEAD = 2;

/** The order in which an epoch visits the rows of the training split. */
export function shuffledRows(count: number, { seed, epoch }: EpochKey): Uint32Array {
  const rows = Uint32Array.from({ length: count }, (_, row) => row);
  new Random(keyOf(seed, epoch)).shuffle(rows);
  return rows;
}

/** One epoch of training: every sample once, shuffled and augmented by (seed, epoch); the last batch may be smaller. */
export function trainingBatches(data: DataSet, size: number, key: EpochKey): AsyncGenerator<Batch> {
  return batches(data, "train", shuffledRows(data.count("train"), key), size, key);
}

/** Every sample of a split once, in order and as it is; the last batch may be smaller. */
export function evaluationBatches(data: DataSet, split: Split, size: number): AsyncGenerator<Batch> {
  return batches(data, split, Uint32Array.from({ length: data.count(split) }, (_, row) => row), size);
}

async function* batches(
  data: DataSet,
  split: Split,
  rows: Uint32Array,
  size: number,
  key?: EpochKey,
): AsyncGenerator<Batch> {
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`The batch size must be at least 1, got ${size}`);
  }
  const make = (start: number) => {
    const batch = data.batch(split, rows.subarray(start, start + size), key);
    // A consumer may leave before it awaits the batch made ahead; the error is thrown where it is awaited.
    batch.catch(() => {});
    return batch;
  };
  const ahead: Promise<Batch>[] = [];
  for (let next = 0; next < rows.length || ahead.length > 0;) {
    for (; ahead.length <= AHEAD && next < rows.length; next += size) ahead.push(make(next));
    yield await ahead.shift()!;
  }
}
