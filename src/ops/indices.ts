/** Row numbers known on the host, sorted so that a gradient gathers what it sums instead of scattering it. */
import type { Gpu } from "../gpu/gpu.ts";
import { BINDING_ALIGNMENT } from "../gpu/pool.ts";
import { type Shape, showShape, sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Numbers of rows on the device, made by `indices`. Its one tensor is `packed`: scopes own it, or whoever made the
 * indices outside of one disposes it. It holds the positions in order of their rows, cut into chunks; every row's chunks
 * follow one another, so that summing a row is summing its chunks.
 */
export type Indices = {
  readonly shape: Shape;
  /** Rows of the matrix they point into. */
  readonly rows: number;
  /** Positions that get a gradient: all but those of the ignored row. */
  readonly positions: number;
  readonly chunks: number;
  /** Different rows among the positions. */
  readonly rowsTaken: number;
  readonly packed: Tensor;
  /** The word of `packed` that each part begins at. */
  readonly starts: {
    /** The row numbers themselves. */
    readonly ids: number; // [...shape]
    readonly order: number; // [positions]
    /** The places in `order` where chunks begin, and where the last one ends. */
    readonly chunkStarts: number; // [chunks + 1]
    /** The rows taken, in order. */
    readonly taken: number; // [rowsTaken]
    /** The places in `chunkStarts` where the chunks of each row taken begin, and where those of the last row end. */
    readonly rowStarts: number; // [rowsTaken + 1]
  };
};

export interface IndicesOptions {
  /** Rows of the matrix they point into. */
  readonly rows: number;
  /** A row that is read but gets no gradient, such as that of padding. */
  readonly ignore?: number;
}

/** Shorter chunks are not worth an invocation of their own. */
const SHORTEST_CHUNK = 32;

/** Words: each part is bound by itself. */
const ALIGNMENT = BINDING_ALIGNMENT / 4;

/**
 * Uploads row numbers, sorted, in one write.
 * @throws RangeError naming the position of a number that is not a row
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, indices } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const ids = indices(gpu, Uint32Array.of(4, 1, 4), [3], { rows: 5 });
 * assert.deepEqual([ids.rows, ids.positions, ids.rowsTaken], [5, 3, 2]);
 * assert.throws(() => indices(gpu, Uint32Array.of(5), [1], { rows: 5 }), /row 5 of 5, at position 0/);
 * gpu.destroy();
 * ```
 */
export function indices(gpu: Gpu, ids: Uint32Array, shape: Shape, { rows, ignore }: IndicesOptions): Indices {
  if (ids.length !== sizeOf(shape)) {
    throw new TypeError(`Cannot make indices of ${showShape(shape)} from ${ids.length} values`);
  }
  if (!Number.isInteger(rows) || rows < 1) throw new RangeError(`Cannot index ${rows} rows: at least 1`);
  const wrong = ids.findIndex((row) => row >= rows);
  if (wrong >= 0) {
    throw new RangeError(
      `Cannot index row ${ids[wrong]} of ${rows}, at position ${wrong} of ${showShape(shape)}`,
    );
  }
  const sorted = sortByRow(ids, rows, ignore);
  const parts = [ids, sorted.order, sorted.chunkStarts, sorted.taken, sorted.rowStarts];
  const starts: number[] = [];
  let length = 0;
  for (const part of parts) {
    starts.push(length);
    length += Math.ceil(part.length / ALIGNMENT) * ALIGNMENT;
  }
  const words = new Uint32Array(length);
  for (const [i, part] of parts.entries()) words.set(part, starts[i]!);
  return {
    shape: [...shape],
    rows,
    positions: sorted.order.length,
    chunks: sorted.chunkStarts.length - 1,
    rowsTaken: sorted.taken.length,
    packed: Tensor.from(gpu, words, [length]),
    starts: {
      ids: starts[0]!,
      order: starts[1]!,
      chunkStarts: starts[2]!,
      taken: starts[3]!,
      rowStarts: starts[4]!,
    },
  };
}

/** See `Indices.starts`. */
interface SortedPositions {
  readonly order: Uint32Array;
  readonly chunkStarts: Uint32Array;
  readonly taken: Uint32Array;
  readonly rowStarts: Uint32Array;
}

/** A stable counting sort of the positions by row. */
function sortByRow(ids: Uint32Array, rows: number, ignore: number | undefined): SortedPositions {
  const counts = new Uint32Array(rows);
  for (const row of ids) counts[row]!++;
  if (ignore !== undefined && ignore < rows) counts[ignore] = 0;
  let longest = 0;
  for (const count of counts) longest = Math.max(longest, count);
  // Neither a chunk nor a row's list of chunks is then longer than the root of the longest run.
  const chunk = Math.max(SHORTEST_CHUNK, Math.ceil(Math.sqrt(longest)));

  const next = new Uint32Array(rows); // where each row's next position goes
  const taken: number[] = [], rowStarts: number[] = [], chunkStarts: number[] = [];
  let positions = 0;
  for (let row = 0; row < rows; row++) {
    if (counts[row] === 0) continue;
    next[row] = positions;
    taken.push(row);
    rowStarts.push(chunkStarts.length);
    const end = positions + counts[row]!;
    for (let start = positions; start < end; start += chunk) chunkStarts.push(start);
    positions = end;
  }
  rowStarts.push(chunkStarts.length);
  chunkStarts.push(positions);
  const order = new Uint32Array(positions);
  for (const [position, row] of ids.entries()) {
    if (row !== ignore) order[next[row]!++] = position;
  }
  return {
    order,
    chunkStarts: Uint32Array.from(chunkStarts),
    taken: Uint32Array.from(taken),
    rowStarts: Uint32Array.from(rowStarts),
  };
}
