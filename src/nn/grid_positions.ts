/** A bias of scores by how far apart two patches of an image lie, as BEiT has it (Bao et al., 2022). */
import type { Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { add } from "../ops/arithmetic.ts";
import { gatherRows } from "../ops/indexing.ts";
import { indices } from "../ops/indices.ts";
import { permute } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { zeros } from "./initializers.ts";
import type { Parameter } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";
import type { ScoreBias } from "./self_attention.ts";

/**
 * The row of a table for each pair of tokens, [tokens²], query by query: a first token and then side² patches, row by row.
 * The table has a row for each distance of patches, from (1 - side) to (side - 1) down and then across, and three more: for
 * the first token as query, as key, and as both.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { gridPlaces } from "./grid_positions.ts";
 *
 * assert.deepEqual(gridPlaces(1), Uint32Array.of(3, 1, 2, 0)); // one patch: first to first, first to it, it to first
 * ```
 */
export function gridPlaces(side: number): Uint32Array {
  const reach = 2 * side - 1;
  const tokens = side ** 2 + 1;
  return Uint32Array.from({ length: tokens ** 2 }, (_, i) => {
    const [query, key] = [Math.floor(i / tokens), i % tokens];
    if (query === 0 || key === 0) return reach ** 2 + (query > 0 ? 1 : key > 0 ? 0 : 2);
    const [from, to] = [query, key].map((token) => [Math.floor((token - 1) / side), (token - 1) % side]);
    const down = from![0]! - to![0]! + side - 1;
    const across = from![1]! - to![1]! + side - 1;
    return down * reach + across;
  });
}

/** Declares `relative_position_bias_table` [(2 · side - 1)² + 3, heads], which begins at zero. */
export class GridPositions implements ScoreBias {
  readonly #table: Parameter;
  readonly #places: Uint32Array;
  readonly #tokens: number;

  constructor(path: ModulePath, side: number, heads: number) {
    const rows = (2 * side - 1) ** 2 + 3;
    this.#table = path.parameter("relative_position_bias_table", [rows, heads], zeros);
    this.#places = gridPlaces(side);
    this.#tokens = side ** 2 + 1;
  }

  forward(): Tensor {
    const { value } = this.#table;
    const shape = [this.#tokens, this.#tokens];
    return scope(() => {
      const rows = indices(value.gpu, this.#places, shape, { rows: value.shape[0]! });
      return permute(gatherRows(value, rows), [2, 0, 1]);
    });
  }

  toOnnx({ graph }: Value): Value {
    const rows = graph.constant([...this.#places], "int64", [this.#tokens, this.#tokens]);
    return onnx.transpose(onnx.gather(graph.weight(this.#table, graph.precision), rows), [2, 0, 1]);
  }
}

/** The sum of two biases of scores. */
export function bothBiases(a: ScoreBias, b: ScoreBias): ScoreBias {
  return {
    forward: (tokens) => scope(() => add(a.forward(tokens), b.forward(tokens))),
    toOnnx: (tokens) => onnx.add(a.toOnnx(tokens), b.toOnnx(tokens)),
  };
}
