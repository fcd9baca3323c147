/** A bias of scores by how far a key stands from its query, in buckets that widen with distance (Raffel et al., 2020). */
import type { Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { indices } from "../ops/indices.ts";
import { permute } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Embedding } from "./embedding.ts";
import type { ModulePath } from "./parameters.ts";
import type { ScoreBias } from "./self_attention.ts";

/** Further away, all is one bucket. */
const FURTHEST = 128;

/**
 * The bucket of a key that stands so many places after its query, or before it where that is negative: half of the buckets
 * are for either side; half of these for one distance each, the others for distances by their logarithm. Rounded as f32
 * does, as the reference computes them.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { bucketOf } from "./relative_positions.ts";
 *
 * assert.deepEqual([0, -1, -7, -8, -12, -1000].map((place) => bucketOf(place, 32)), [0, 1, 7, 8, 9, 15]);
 * assert.deepEqual([1, 7, 11, 12].map((place) => bucketOf(place, 32)), [17, 23, 24, 25]);
 * ```
 */
export function bucketOf(place: number, buckets: number): number {
  const side = buckets / 2;
  const exact = side / 2;
  const distance = Math.abs(place);
  const first = place > 0 ? side : 0;
  if (distance < exact) return first + distance;
  const round = Math.fround;
  const share = round(round(Math.log(round(distance / exact))) / round(Math.log(FURTHEST / exact)));
  return first + Math.min(exact + Math.trunc(round(share * (side - exact))), side - 1);
}

export interface RelativePositionOptions {
  /** A multiple of four. */
  readonly buckets: number;
  readonly heads: number;
  /** Standard deviation of the initial values. */
  readonly std: number;
}

/** Declares `weight` [buckets, heads]; all layers share it. */
export class RelativePositions implements ScoreBias {
  readonly #table: Embedding;
  readonly #buckets: number;

  constructor(path: ModulePath, { buckets, heads, std }: RelativePositionOptions) {
    this.#table = new Embedding(path, buckets, heads, { std });
    this.#buckets = buckets;
  }

  forward(tokens: number): Tensor {
    const { gpu } = this.#table.weight.value;
    const places = Uint32Array.from(
      { length: tokens * tokens },
      (_, i) => bucketOf(i % tokens - Math.floor(i / tokens), this.#buckets),
    );
    return scope(() => {
      const rows = indices(gpu, places, [tokens, tokens], { rows: this.#buckets });
      return permute(this.#table.forward(rows), [2, 0, 1]);
    });
  }

  /** Asks for each bucket where it begins, by comparison: the number of tokens is known only when the graph runs. */
  toOnnx(tokens: Value): Value {
    const places = onnx.range(tokens);
    const after = onnx.subtract(places, onnx.reshape(places, [-1, 1])); // of the key, from the query
    const at = (bucket: number) => onnx.scalar(bucket, after);
    let bucket = at(bucketOf(-FURTHEST, this.#buckets));
    for (let place = 1 - FURTHEST; place <= FURTHEST; place++) {
      const own = bucketOf(place, this.#buckets);
      if (own === bucketOf(place - 1, this.#buckets)) continue;
      bucket = onnx.where(onnx.atLeast(after, onnx.scalar(place, after)), at(own), bucket);
    }
    return onnx.transpose(this.#table.toOnnx(bucket), [2, 0, 1]);
  }
}
