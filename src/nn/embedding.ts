/** An embedding: a table of learned rows. */
import type { Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import type { Float } from "../ops/check.ts";
import { gatherRows } from "../ops/indexing.ts";
import type { Indices } from "../ops/indices.ts";
import { slice } from "../ops/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { normal } from "./initializers.ts";
import type { Parameter } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";

export interface EmbeddingOptions {
  /** Standard deviation of the initial values. */
  readonly std: number;
  /** A row that starts at zero and, where `indices` ignores it, stays there. */
  readonly padding?: number;
}

/**
 * Declares `weight` [rows, width].
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Embedding, Gpu, indices, Parameters } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const words = new Embedding(parameters.root.at("words"), 100, 8, { std: 0.02, padding: 0 });
 * parameters.allocate(gpu, 0);
 * const ids = indices(gpu, Uint32Array.of(5, 7, 0), [1, 3], { rows: 100, ignore: 0 });
 * assert.deepEqual(words.forward(ids).shape, [1, 3, 8]);
 * gpu.destroy();
 * ```
 */
export class Embedding {
  readonly weight: Parameter;

  constructor(path: ModulePath, rows: number, width: number, { std, padding }: EmbeddingOptions) {
    this.weight = path.parameter("weight", [rows, width], (values, shape, seed) => {
      normal(std)(values, shape, seed);
      if (padding !== undefined) values.fill(0, padding * width, (padding + 1) * width);
    });
  }

  /** The rows with these numbers: [...ids.shape, width]. */
  forward(ids: Indices, dtype?: Float): Tensor {
    return gatherRows(this.weight.value, ids, dtype);
  }

  /** Rows 0 to `count` - 1, f32 [count, width]: cheaper than gathering each by its number. */
  first(count: number): Tensor {
    return slice(this.weight.value, 0, 0, count);
  }

  /** The rows with these numbers in a graph of ONNX, of the type that its transformers compute in. */
  toOnnx(ids: Value): Value {
    return onnx.gather(ids.graph.weight(this.weight, ids.graph.precision), ids);
  }

  /** Rows 0 to `count` - 1 in the graph of `count`, int64 [1]. */
  firstToOnnx(count: Value): Value {
    return onnx.slice(count.graph.weight(this.weight, count.graph.precision), 0, 0, count);
  }
}
