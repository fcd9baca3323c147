/** Scores of attention by relative positions, as DeBERTa has them. */
import { defineKernel } from "../gpu/kernel.ts";
import { sameShape, showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { floatOf, mustBe } from "./check.ts";
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import relative_ from "../../wgsl/attention/relative.wgsl" with { type: "text" };

const kernel = defineKernel("relativeScores", [relative_, grid]);

/** A step function of distances that never falls, as tables on the device: see `placeTables`. */
export interface PlaceTables {
  /** f32 [2 · furthest + 1]: the place of each distance from -furthest to furthest. */
  readonly placeOf: Tensor;
  /** f32 [places + 1]: for each place the index in `placeOf` of the first distance that has it, and of the end. */
  readonly starts: Tensor;
}

/**
 * The tables of a function of the distances from -furthest to furthest that gives one of `places` and never falls. Throws
 * RangeError for another.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { placeTables } from "unis/engine";
 *
 * const tables = placeTables(2, 3, (distance) => Math.sign(distance) + 1); // before, here, after
 * assert.deepEqual([...tables.placeOf], [0, 0, 1, 2, 2]);
 * assert.deepEqual([...tables.starts], [0, 2, 3, 5]);
 * ```
 */
export function placeTables(
  furthest: number,
  places: number,
  place: (distance: number) => number,
): Record<keyof PlaceTables, Float32Array<ArrayBuffer>> {
  const placeOf = Float32Array.from({ length: 2 * furthest + 1 }, (_, i) => place(i - furthest));
  if (placeOf.some((here, i) => !(here >= (placeOf[i - 1] ?? 0) && here < places))) {
    throw new RangeError(`Cannot tell ${places} places by distance: some is another, or they fall`);
  }
  const starts = Float32Array.from(
    { length: places + 1 },
    (_, wanted) => placeOf.reduce((count, here) => count + Number(here < wanted), 0),
  );
  return { placeOf, starts };
}

export interface RelativeScoresOptions extends PlaceTables {
  /** The place of the first column; 0 if not given. */
  readonly first?: number;
  /** A factor of the result; 1 if not given. */
  readonly scale?: number;
}

/**
 * What queries say of places relative to them, and such places of keys, as a bias of attention: y[b, h, q, k] = scale ·
 * (ofQueries[h, b, q, p] + ofKeys[h, b, k, p]), p = place(q − k) − first (He et al., 2021, equation 4). `ofQueries` is
 * [heads, batch, queries, places], `ofKeys` [heads, batch, keys, places]; where one is not given, its `number` of tokens
 * is. Both are f32 or both f16, and so is the result, [batch, heads, queries, keys]. Throws TypeError for other shapes,
 * RangeError for distances that the tables do not have.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, placeTables, relativeScores, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const { placeOf, starts } = placeTables(1, 3, (distance) => distance + 1);
 * const tables = { placeOf: Tensor.from(gpu, placeOf, [3]), starts: Tensor.from(gpu, starts, [4]) };
 * const ofQueries = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4, 5, 6), [1, 1, 2, 3]);
 * const scores = relativeScores(ofQueries, 2, tables); // one head, one sample, two tokens
 * assert.deepEqual(await scores.read(), Float32Array.of(2, 1, 6, 5));
 * gpu.destroy();
 * ```
 */
export function relativeScores(
  ofQueries: Tensor | number,
  ofKeys: Tensor | number,
  { placeOf, starts, first = 0, scale = 1 }: RelativeScoresOptions,
): Tensor {
  const given = [ofQueries, ofKeys].filter((one) => typeof one !== "number");
  const [one, other = one] = given;
  if (!one || !other) {
    throw new TypeError("Cannot score places: neither queries nor keys say anything of them");
  }
  const dtype = floatOf("score places by", one, other);
  mustBe("f32", "find places in", placeOf, starts);
  const tokensOf = (side: Tensor | number) => typeof side === "number" ? side : side.shape[2]!;
  const [heads, batch, , places] = one.shape as [number, number, number, number];
  const [queries, keys] = [tokensOf(ofQueries), tokensOf(ofKeys)];
  if (one.rank !== 4 || !sameShape(other.shape, [heads, batch, other.shape[2]!, places])) {
    throw new TypeError(
      `Cannot score places by ${showShape(one.shape)} and ${showShape(other.shape)}: ` +
        "both must be [heads, batch, tokens, places]",
    );
  }
  const furthest = (placeOf.size - 1) / 2;
  if (Math.max(queries, keys) > furthest + 1 || first + places >= starts.size) {
    throw new RangeError(
      `Cannot score ${places} places from ${first} on of ${queries} queries and ${keys} keys: the tables have ` +
        `${starts.size - 1} places and distances up to ${furthest}`,
    );
  }
  const { gpu } = one;
  const sizes = { batch, heads, queries, keys, places, first, furthest, scale };
  const y = Tensor.empty(gpu, [batch, heads, queries, keys], dtype, needsGrad(...given));
  gpu.dispatch({
    kernel,
    entry: "forward",
    buffers: { x_q: typeof ofQueries === "number" ? one : ofQueries, x_k: other, place_of: placeOf, y },
    params: { ...sizes, count: y.size },
    invocations: y.size,
    constants: {
      Elem: dtype,
      OF_QUERIES: typeof ofQueries !== "number",
      OF_KEYS: typeof ofKeys !== "number",
    },
  });
  return record(y, given, [starts], (dy, needed) =>
    given.map((x, i) => {
      if (!needed[i]) return undefined;
      const dx = Tensor.empty(gpu, x.shape, dtype);
      gpu.dispatch({
        kernel,
        entry: "backward",
        buffers: { starts, dy, dx },
        params: { ...sizes, count: dx.size },
        invocations: dx.size,
        constants: { Elem: dtype, OF_QUERIES: x === ofQueries },
      });
      return dx;
    }));
}
