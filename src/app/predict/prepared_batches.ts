/** Turns a stream of rows into batches, ahead of whoever computes them. */
import type { Batch } from "../../data/batch.ts";
import { BadRow } from "../../data/index/index_builder.ts";
import type { StreamedRow } from "../../data/readers/table_format.ts";
import type { PreparedSample } from "./growing_batch.ts";
import type { InputReader } from "./inputs.ts";

/** Batches whose images are decoded and texts split while one is computed. */
const AHEAD = 2;
/** Rows that are prepared at once: enough that no worker waits, and few, since what a row takes meanwhile grows old. */
const AT_ONCE = 4 * navigator.hardwareConcurrency;

export interface PreparedBatch {
  /** Those that can be used. */
  readonly rows: readonly StreamedRow[];
  readonly batch: Batch;
}

export interface PreparationOptions {
  readonly batchSize: number;
  /** Told of each row that cannot be used, in their order. */
  readonly refused: (row: StreamedRow, reason: string) => void;
}

export async function* preparedBatches(
  reader: InputReader,
  rows: AsyncIterable<StreamedRow>,
  { batchSize, refused }: PreparationOptions,
): AsyncGenerator<PreparedBatch> {
  const ahead: Promise<PreparedBatch>[] = [];
  let turn = Promise.resolve();
  const start = (chunk: readonly StreamedRow[]) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const prepared = turn.then(() => prepareAll(reader, chunk, refused, resolve));
    turn = promise;
    prepared.catch(() => {}); // thrown where it is awaited, if it is
    ahead.push(prepared);
  };
  let chunk: StreamedRow[] = [];
  for await (const row of rows) {
    chunk.push(row);
    if (chunk.length < batchSize) continue;
    start(chunk);
    chunk = [];
    if (ahead.length > AHEAD) yield await ahead.shift()!;
  }
  if (chunk.length > 0) start(chunk);
  while (ahead.length > 0) yield await ahead.shift()!;
}

/** `begun` is called when there is no row left to begin with, so that those of the next batch can be. */
async function prepareAll(
  reader: InputReader,
  rows: readonly StreamedRow[],
  refused: PreparationOptions["refused"],
  begun: () => void,
): Promise<PreparedBatch> {
  const batch = reader.grow(rows.length);
  const reasons = new Map<number, string>(); // by place, of those that cannot be used
  const left = rows.entries();
  const prepareSome = async () => {
    for (const [place, row] of left) {
      const sample = await prepare(reader, row);
      if (sample instanceof BadRow) reasons.set(place, sample.message);
      else batch.put(place, sample);
    }
    begun();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, prepareSome));
  const good: number[] = [];
  for (const [place, row] of rows.entries()) {
    const reason = reasons.get(place);
    if (reason === undefined) good.push(place);
    else refused(row, reason);
  }
  return { rows: good.map((place) => rows[place]!), batch: batch.finish(good) };
}

async function prepare(reader: InputReader, row: StreamedRow): Promise<PreparedSample | BadRow> {
  if (row.fault !== undefined) return new BadRow("row", row.fault);
  try {
    return await reader.prepare(row.values);
  } catch (error) {
    if (error instanceof BadRow) return error;
    throw error;
  }
}
