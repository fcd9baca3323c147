/** Linear layers one after the other, with ReLU between them: heads, towers and encoders of numbers are of this kind. */
import type { Value } from "../onnx/graph.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Context, drop } from "./context.ts";
import { xavierNormal } from "./initializers.ts";
import { Linear } from "./linear.ts";
import type { ModulePath } from "./parameters.ts";

/**
 * Declares the layers `0`, `1`, … with Xavier-normal weights and zero bias.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EVALUATION, full, Gpu, Parameters } from "unis/engine";
 * import { Perceptron } from "./perceptron.ts";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const perceptron = new Perceptron(parameters.root, [3, 8, 2], (layer) => layer > 0 ? 0.1 : 0);
 * parameters.allocate(gpu, 0);
 * assert.deepEqual(perceptron.forward(full(gpu, [4, 3], 1), EVALUATION).shape, [4, 2]);
 * gpu.destroy();
 * ```
 */
export class Perceptron {
  readonly #layers: readonly Linear[];
  readonly #dropoutBefore: (layer: number) => number;

  /** `widths` are those of the input and of each layer; `dropoutBefore` gives the dropout of what a layer reads. */
  constructor(path: ModulePath, widths: readonly number[], dropoutBefore: (layer: number) => number) {
    this.#layers = widths.slice(1).map((width, i) =>
      new Linear(path.at(`${i}`), widths[i]!, width, { initializer: xavierNormal })
    );
    this.#dropoutBefore = dropoutBefore;
  }

  /** [batch, inputs] to [batch, outputs], without activation after the last layer. */
  forward(x: Tensor, context: Context): Tensor {
    return scope(() =>
      this.#layers.reduce(
        (y, layer, i) => layer.forward(drop(y, this.#dropoutBefore(i), context), this.#activation(i)),
        x,
      )
    );
  }

  /** The same in a graph of ONNX, where nothing is dropped. */
  toOnnx(x: Value): Value {
    return this.#layers.reduce((y, layer, i) => layer.toOnnx(y, this.#activation(i)), x);
  }

  #activation(layer: number): "relu" | "none" {
    return layer < this.#layers.length - 1 ? "relu" : "none";
  }
}
