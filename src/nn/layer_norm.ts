/** Layer normalisation with a learned gain and shift. */
import type { FloatType, Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { layerNorm } from "../ops/layer_norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ones, zeros } from "./initializers.ts";
import type { Parameter } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";

/**
 * Declares `weight`, the gain, and `bias`, the shift.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { full, Gpu, LayerNorm, Parameters } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const norm = new LayerNorm(parameters.root.at("norm"), 8, 1e-6);
 * parameters.allocate(gpu, 0);
 * assert.deepEqual(await norm.forward(full(gpu, [1, 8], 3)).read(), new Float32Array(8));
 * gpu.destroy();
 * ```
 */
export class LayerNorm {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly #epsilon: number;

  constructor(path: ModulePath, width: number, epsilon: number) {
    this.weight = path.parameter("weight", [width], ones);
    this.bias = path.parameter("bias", [width], zeros);
    this.#epsilon = epsilon;
  }

  /** Normalises the last axis of [.., width]. */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight.value, this.bias.value, this.#epsilon);
  }

  /** The same in a graph of ONNX. */
  toOnnx(x: Value): Value {
    const [gain, shift] = [this.weight, this.bias].map((one) => x.graph.weight(one, x.type as FloatType));
    return onnx.layerNorm(x, gain!, shift!, this.#epsilon);
  }
}
