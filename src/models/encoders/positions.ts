/** Position embeddings of a vision transformer for images of another size than it was trained on. */
import { sameShape } from "../../tensor/shape.ts";
import type { CheckpointFormat } from "./encoder.ts";

/** Evaluates Keys' bicubic kernel (1981) with a = -0.75, as torch has it, at distances 1 + t, t, 1 - t and 2 - t. */
function weights(t: number): readonly [number, number, number, number] {
  const a = -0.75;
  const near = (x: number) => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

/** How points between those of a table are made: as torch does, the last one with align_corners=True. */
export type Interpolation = "bicubic" | "bilinear" | "bilinear_corners";

/** The points that each new point is made of, and their weights. */
type Taps = readonly (readonly { readonly weight: number; readonly point: number }[])[];

/**
 * Finds for each of `to` points those of `from` that make it and their weights: four for "bicubic", else two. Beyond an edge
 * stands the edge; with "bilinear_corners" first and last points stay as they are.
 */
function taps(from: number, to: number, how: Interpolation): Taps {
  return Array.from({ length: to }, (_, i) => {
    const isSpread = how === "bilinear_corners";
    const place = isSpread ? i * (from - 1) / Math.max(to - 1, 1) : (i + 0.5) * from / to - 0.5;
    const first = Math.floor(place), t = place - first;
    const near = how === "bicubic" ? [-1, 0, 1, 2] : [0, 1];
    const points = near.map((k) => Math.min(Math.max(first + k, 0), from - 1));
    return (how === "bicubic" ? weights(t) : [1 - t, t]).map((weight, k) => ({ weight, point: points[k]! }));
  });
}

/**
 * Resizes a table [tokens + from², width], learned tokens and then a square of patches row by row, for `to`² patches: the
 * tokens stay as they are, the square is resized as by torch's `interpolate`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { resizePositions } from "./positions.ts";
 *
 * const table = Float32Array.of(7, 1, 1, 1, 1); // a class token and 2 x 2 patches of width 1
 * const resized = resizePositions(table, { tokens: 1, from: 2, to: 3, width: 1 });
 * assert.deepEqual(resized, Float32Array.of(7, 1, 1, 1, 1, 1, 1, 1, 1, 1));
 * ```
 */
export function resizePositions(
  table: Float32Array,
  { tokens, from, to, width }: {
    readonly tokens: number;
    readonly from: number;
    readonly to: number;
    readonly width: number;
  },
  how: Interpolation = "bicubic",
): Float32Array<ArrayBuffer> {
  if (table.length !== (tokens + from ** 2) * width) {
    throw new TypeError(`Cannot take ${table.length} values for [${tokens + from ** 2}, ${width}]`);
  }
  const along = taps(from, to, how);
  const resized = new Float32Array((tokens + to ** 2) * width);
  resized.set(table.subarray(0, tokens * width));
  const sums = new Float64Array(width);
  for (const [row, vertical] of along.entries()) {
    for (const [column, horizontal] of along.entries()) {
      sums.fill(0);
      for (const y of vertical) {
        for (const x of horizontal) {
          const start = (tokens + y.point * from + x.point) * width;
          const weight = y.weight * x.weight;
          for (let i = 0; i < width; i++) sums[i]! += weight * table[start + i]!;
        }
      }
      resized.set(sums, (tokens + row * to + column) * width);
    }
  }
  return resized;
}

/** Fits `embeddings.position_embeddings` [.., tokens + side², width] to another side. */
export function fitPositions(
  tokens: number,
  how: Interpolation = "bicubic",
): NonNullable<CheckpointFormat["fit"]> {
  const sideOf = (shape: readonly number[]) => Math.sqrt((shape.at(-2) ?? 0) - tokens);
  return (name, stored, wanted) => {
    if (name !== "embeddings.position_embeddings") return undefined;
    const [from, to, width] = [sideOf(stored), sideOf(wanted), wanted.at(-1)!];
    const isTable = stored.length > 1 && sameShape(stored.with(-2, 1), wanted.with(-2, 1));
    if (!isTable || !(from >= 1) || !Number.isInteger(from)) return undefined;
    return {
      note: `Position embeddings of ${from} x ${from} patches were interpolated to ${to} x ${to}`,
      values: (table) => resizePositions(table, { tokens, from, to, width }, how),
    };
  };
}

/** The rows of a table of biases by distance that are for the first token, at its end. */
const FIRST_TOKEN_ROWS = 3;

/**
 * Resizes a table of BEiT's [(2 · from - 1)² + 3, heads], of distances between patches and of the first token, for `to`²
 * patches: the square of distances is resized as by torch's `interpolate(mode="bilinear")`.
 */
export function resizeDistances(
  table: Float32Array,
  { from, to, heads }: { readonly from: number; readonly to: number; readonly heads: number },
): Float32Array<ArrayBuffer> {
  const rest = FIRST_TOKEN_ROWS * heads;
  const sizes = { tokens: FIRST_TOKEN_ROWS, from: 2 * from - 1, to: 2 * to - 1, width: heads };
  const resized = resizePositions(turned(table, table.length - rest), sizes, "bilinear");
  return turned(resized, rest);
}

/** The same numbers, of which those from `start` on stand first. */
function turned(values: Float32Array, start: number): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values.length);
  result.set(values.subarray(start));
  result.set(values.subarray(0, start), values.length - start);
  return result;
}

/** Fits `relative_position_bias_table` [(2 · side - 1)² + 3, heads] to another side. */
export const fitDistances: NonNullable<CheckpointFormat["fit"]> = (name, stored, wanted) => {
  if (!name.endsWith(".relative_position_bias_table")) return undefined;
  const sideOf = (shape: readonly number[]) => (Math.sqrt((shape[0] ?? 0) - FIRST_TOKEN_ROWS) + 1) / 2;
  const [from, to, heads] = [sideOf(stored), sideOf(wanted), wanted[1]!];
  if (stored.length !== 2 || stored[1] !== heads || !(from >= 1) || !Number.isInteger(from)) return undefined;
  return {
    note: `Biases by distance of ${from} x ${from} patches were interpolated to ${to} x ${to}`,
    values: (table) => resizeDistances(table, { from, to, heads }),
  };
};
