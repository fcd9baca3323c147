/** The classifier on a representation. */
import { type Context, drop } from "../nn/context.ts";
import { xavierNormal } from "../nn/initializers.ts";
import { Linear } from "../nn/linear.ts";
import type { ModulePath } from "../nn/parameters.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

export type ClassifierConfig = {
  readonly classes: number;
  /** Width of the two hidden layers; 256 if not given. */
  readonly hidden_size?: number;
  /** After the first layer; 0 if not given. */
  readonly dropout?: number;
};

/** Three fully connected layers, ReLU after the first two, dropout after the first; Xavier-normal weights, zero bias. */
export class Classifier {
  readonly #layers: readonly [Linear, Linear, Linear];
  readonly #dropout: number;

  constructor(
    at: ModulePath,
    inputs: number,
    { classes, hidden_size: width = 256, dropout = 0 }: ClassifierConfig,
  ) {
    const options = { initializer: xavierNormal };
    this.#layers = [
      new Linear(at.at("0"), inputs, width, options),
      new Linear(at.at("1"), width, width, options),
      new Linear(at.at("2"), width, classes, options),
    ];
    this.#dropout = dropout;
  }

  /** [batch, inputs] to logits [batch, classes]. */
  forward(x: Tensor, context: Context): Tensor {
    const [first, second, third] = this.#layers;
    return scope(() => {
      const hidden = drop(first.forward(x, "relu"), this.#dropout, context);
      return third.forward(second.forward(hidden, "relu"));
    });
  }
}
