/** The inner layers of a transformer's layer, which each token passes for itself. */
import type { Value } from "../onnx/graph.ts";
import type { Activation } from "../ops/matmul.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Linear, type LinearOptions } from "./linear.ts";
import type { ModulePath } from "./parameters.ts";

/** Takes [.., width] to the same shape. */
export interface InnerLayers {
  forward(x: Tensor): Tensor;
  /** The same in a graph of ONNX. */
  toOnnx(x: Value): Value;
}

export interface InnerSizes {
  readonly width: number;
  readonly inner: number;
  readonly activation: Activation;
}

/** W₂ act(W₁ x + b₁) + b₂; declares `intermediate.dense` and `output.dense`. */
export class DenseLayers implements InnerLayers {
  readonly #intermediate: Linear;
  readonly #output: Linear;
  readonly #activation: Activation;

  constructor(path: ModulePath, { width, inner, activation }: InnerSizes, options: LinearOptions) {
    this.#intermediate = new Linear(path.at("intermediate.dense"), width, inner, options);
    this.#output = new Linear(path.at("output.dense"), inner, width, options);
    this.#activation = activation;
  }

  forward(x: Tensor): Tensor {
    return scope(() => this.#output.forward(this.#intermediate.forward(x, this.#activation)));
  }

  toOnnx(x: Value): Value {
    return this.#output.toOnnx(this.#intermediate.toOnnx(x, this.#activation));
  }
}
