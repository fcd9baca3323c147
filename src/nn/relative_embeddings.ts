/** Embeddings of relative places, which the layers of a DeBERTa share. */
import type { Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { cast } from "../ops/cast.ts";
import { type PlaceTables, placeTables } from "../ops/relative.ts";
import { slice } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Context } from "./context.ts";
import { Embedding } from "./embedding.ts";
import { LayerNorm } from "./layer_norm.ts";
import type { Constant } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";

export interface RelativeEmbeddingsConfig {
  readonly hidden_size: number;
  readonly initializer_range: number;
  readonly layer_norm_eps: number;
  /** The most tokens there are. */
  readonly max_position_embeddings: number;
  /** Distances from this on are one; below 1, `max_position_embeddings`. */
  readonly max_relative_positions: number;
  /** The number of places on either side, those further away standing for more distances each; below 1, one for each distance. */
  readonly position_buckets: number;
  /** "layer_norm": embeddings are normalised before use. */
  readonly norm_rel_ebd: "none" | "layer_norm";
}

/**
 * The bucket of a signed distance: itself up to half of the `buckets`, then by logarithm, the last being that of `furthest` - 1.
 * Rounded as f32 does, as the reference computes it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { logBucket } from "./relative_embeddings.ts";
 *
 * assert.deepEqual([0, 3, -4, 5, -9, 15].map((distance) => logBucket(distance, 8, 16)), [0, 3, -4, 5, -6, 7]);
 * ```
 */
export function logBucket(distance: number, buckets: number, furthest: number): number {
  const middle = Math.floor(buckets / 2);
  const size = Math.abs(distance);
  if (size <= middle) return distance;
  const round = Math.fround;
  const share = round(
    round(Math.log(round(size / middle))) / round(Math.log(round((furthest - 1) / middle))),
  );
  return Math.sign(distance) * (Math.ceil(round(share * (middle - 1))) + middle);
}

/** Declares `rel_embeddings.weight` [places, width] and, where the configuration says so, `LayerNorm`. */
export class RelativeEmbeddings {
  readonly #table: Embedding;
  readonly #norm: LayerNorm | undefined;
  readonly #tables: Readonly<Record<keyof PlaceTables, Constant>>;
  readonly #placeOf: Float32Array;
  readonly #furthest: number;
  readonly #places: number;

  constructor(path: ModulePath, config: RelativeEmbeddingsConfig) {
    const { hidden_size: width, max_position_embeddings: tokens, position_buckets: buckets } = config;
    const furthest = config.max_relative_positions < 1 ? tokens : config.max_relative_positions;
    const side = buckets < 1 ? furthest : buckets;
    const bucketOf = (distance: number) => buckets < 1 ? distance : logBucket(distance, buckets, furthest);
    const places = 2 * side;
    const { placeOf, starts } = placeTables(
      tokens - 1,
      places,
      (distance) => Math.max(0, Math.min(bucketOf(distance) + side, places - 1)),
    );
    this.#table = new Embedding(path.at("rel_embeddings"), places, width, { std: config.initializer_range });
    this.#norm = config.norm_rel_ebd === "layer_norm"
      ? new LayerNorm(path.at("LayerNorm"), width, config.layer_norm_eps)
      : undefined;
    this.#tables = {
      placeOf: path.constant("place_of", [placeOf.length], placeOf),
      starts: path.constant("starts", [starts.length], starts),
    };
    this.#placeOf = placeOf;
    this.#furthest = tokens - 1;
    this.#places = places;
  }

  /** Which place a distance has, for `relativeScores`. */
  get tables(): PlaceTables {
    return { placeOf: this.#tables.placeOf.value, starts: this.#tables.starts.value };
  }

  /** The places of the distances from `least` to `most`, and some more: kernels of products like multiples of four. */
  between(least: number, most: number): { readonly first: number; readonly end: number } {
    const place = (distance: number) => this.#placeOf[distance + this.#furthest]!;
    const first = place(least) - place(least) % 4;
    return { first, end: Math.min(this.#places, first + 4 * Math.ceil((place(most) + 1 - first) / 4)) };
  }

  /** The embeddings of places from `first` up to `end`, [end - first, width]. */
  forward(first: number, end: number, { precision = "f32" }: Context): Tensor {
    return scope(() => {
      const rows = slice(this.#table.weight.value, 0, first, end);
      return cast(this.#norm ? this.#norm.forward(rows) : rows, precision);
    });
  }

  /** The embeddings of all places in the graph of `like`, of its type: [places, width]. */
  toOnnx({ graph, type }: Value): Value {
    const rows = graph.weight(this.#table.weight, type as "float32" | "float16");
    return this.#norm ? this.#norm.toOnnx(rows) : rows;
  }

  /** The places of keys (columns) for queries (rows) in a graph, int64 [tokens, tokens]. */
  placesInOnnx(tokens: Value): Value {
    const { graph } = tokens;
    const table = graph.constant([...this.#placeOf], "int64");
    const index = onnx.range(tokens);
    const distance = onnx.subtract(onnx.reshape(index, [-1, 1]), index);
    return onnx.gather(table, onnx.add(distance, onnx.scalar(this.#furthest, distance)));
  }
}
