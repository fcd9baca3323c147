/** The classifier on top of a representation, the same for every modality and for all of them fused. */
import { type Context, drop } from "../nn/context.ts";
import { xavierNormal } from "../nn/initializers.ts";
import { Linear } from "../nn/linear.ts";
import type { Value } from "../onnx/graph.ts";
import type { ModulePath } from "../nn/parameters.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

export type ClassifierConfig = {
  readonly classes: number;
  /** The width of the two hidden layers; 256 if not given. */
  readonly hidden_size?: number;
  /** The probability of dropout after the first layer; 0 if not given. */
  readonly dropout?: number;
};

/**
 * Three fully connected layers, ReLU after the first two, dropout after the first; Xavier-normal weights, zero bias.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EVALUATION, Gpu, Parameters, Tensor } from "unis/engine";
 * import { Classifier } from "unis/models";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const head = new Classifier(parameters.root, 8, { classes: 3, hidden_size: 16 });
 * parameters.allocate(gpu, 0);
 * const logits = head.forward(Tensor.from(gpu, new Float32Array(2 * 8), [2, 8]), EVALUATION);
 * assert.deepEqual(logits.shape, [2, 3]);
 * gpu.destroy();
 * ```
 */
export class Classifier {
  readonly #layers: readonly [Linear, Linear, Linear];
  readonly #dropout: number;

  constructor(
    path: ModulePath,
    inputs: number,
    { classes, hidden_size: width = 256, dropout = 0 }: ClassifierConfig,
  ) {
    const options = { initializer: xavierNormal };
    this.#layers = [
      new Linear(path.at("0"), inputs, width, options),
      new Linear(path.at("1"), width, width, options),
      new Linear(path.at("2"), width, classes, options),
    ];
    this.#dropout = dropout;
  }

  /** Takes representations [batch, inputs] to logits [batch, classes]. */
  forward(x: Tensor, context: Context): Tensor {
    const [first, second, third] = this.#layers;
    return scope(() => {
      const hidden = drop(first.forward(x, "relu"), this.#dropout, context);
      return third.forward(second.forward(hidden, "relu"));
    });
  }

  /** The same in a graph of ONNX, where nothing is dropped. */
  toOnnx(x: Value): Value {
    const [first, second, third] = this.#layers;
    return third.toOnnx(second.toOnnx(first.toOnnx(x, "relu"), "relu"));
  }
}
