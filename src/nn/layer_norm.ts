/** Layer normalisation with a learned gain and shift. */
import type { FloatType, Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { layerNorm } from "../ops/layer_norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ones, zeros } from "./initializers.ts";
import type { Constant, Parameter } from "./parameter.ts";
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
  readonly bias: Parameter | Constant;
  readonly #epsilon: number;
  readonly #hasShift: boolean;

  /** Without `hasShift` nothing is added to the normalised values. */
  constructor(path: ModulePath, width: number, epsilon: number, hasShift = true) {
    this.weight = path.parameter("weight", [width], ones);
    this.bias = hasShift
      ? path.parameter("bias", [width], zeros)
      : path.constant("bias", [width], new Float32Array(width));
    this.#epsilon = epsilon;
    this.#hasShift = hasShift;
  }

  /** Normalises the last axis of [.., width]. */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight.value, this.bias.value, this.#epsilon);
  }

  /** The same in a graph of ONNX. */
  toOnnx(x: Value): Value {
    const gain = x.graph.weight(this.weight, x.type as FloatType);
    // A constant is in no file of weights that a graph could be filled from.
    const shift = this.#hasShift ? x.graph.weight(this.bias, x.type as FloatType) : undefined;
    return onnx.layerNorm(x, gain, shift, this.#epsilon);
  }
}
