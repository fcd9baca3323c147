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

/** How points between those of a table are made, by torch's names. */
export type Interpolation = "bicubic" | "bilinear";

/** The points that each new point is made of, and their weights. */
type Taps = readonly (readonly { readonly weight: number; readonly point: number }[])[];

/**
 * Finds for each of `to` points those of `from` that make it and their weights: four for "bicubic", as torch with
 * align_corners=False, beyond an edge stands the edge; two for "bilinear", as torch with align_corners=True, where first and
 * last points stay as they are.
 */
function taps(from: number, to: number, how: Interpolation): Taps {
  return Array.from({ length: to }, (_, i) => {
    const place = how === "bicubic" ? (i + 0.5) * from / to - 0.5 : to > 1 ? i * (from - 1) / (to - 1) : 0;
    const first = Math.floor(place), t = place - first;
    const near = how === "bicubic" ? [-1, 0, 1, 2] : [0, 1];
    const points = near.map((k) => Math.min(Math.max(first + k, 0), from - 1));
    return (how === "bicubic" ? weights(t) : [1 - t, t]).map((weight, k) => ({ weight, point: points[k]! }));
  });
}

/**
 * Resizes a table [tokens + from², width], learned tokens and then a square of patches row by row, for `to`² patches: the
 * tokens stay as they are, the square is resized as by torch's `interpolate(mode="bicubic", align_corners=False)`, or with
 * "bilinear" as by `interpolate(mode="bilinear", align_corners=True)`.
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
