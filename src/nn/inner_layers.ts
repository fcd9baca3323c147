/** The inner layers of a transformer's layer, which each token passes for itself. */
import type { Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { type ActivationName, ACTIVATIONS } from "../ops/activations.ts";
import { mul } from "../ops/arithmetic.ts";
import { feedForward } from "../ops/feed_forward.ts";
import { slice } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { activateInOnnx, Linear, type LinearOptions } from "./linear.ts";
import type { ModulePath } from "./parameters.ts";

/** Takes [.., width] to the same shape. */
export interface InnerLayers {
  /** A `residual` of the shape of x is added to the result. */
  forward(x: Tensor, residual?: Tensor): Tensor;
  /** The same in a graph of ONNX. */
  toOnnx(x: Value): Value;
}

export interface InnerSizes {
  readonly width: number;
  readonly inner: number;
  readonly activation: ActivationName;
}

/** W₂ act(W₁ x + b₁) + b₂; declares `intermediate.dense` and `output.dense`. */
export class DenseLayers implements InnerLayers {
  readonly #intermediate: Linear;
  readonly #output: Linear;
  readonly #activation: ActivationName;

  constructor(path: ModulePath, { width, inner, activation }: InnerSizes, options: LinearOptions) {
    this.#intermediate = new Linear(path.at("intermediate.dense"), width, inner, options);
    this.#output = new Linear(path.at("output.dense"), inner, width, options);
    this.#activation = activation;
  }

  forward(x: Tensor, residual?: Tensor): Tensor {
    if (this.#activation === "gelu" && !this.#intermediate.isAdapted && !this.#output.isAdapted) {
      return scope(() => feedForward(x, this.#intermediate.operands(x), this.#output.operands(x), residual));
    }
    return scope(() =>
      this.#output.forward(this.#intermediate.forward(x, this.#activation), "none", residual)
    );
  }

  toOnnx(x: Value): Value {
    return this.#output.toOnnx(this.#intermediate.toOnnx(x, this.#activation));
  }
}

/**
 * W₂ (act(a) ⊙ b) + b₂, where a and b are the halves of W₁ x + b₁: gated linear units (Shazeer, 2020). Declares its two
 * layers below the names given, the first of which is [2 · inner, width].
 */
export class GatedLayers implements InnerLayers {
  readonly #first: Linear;
  readonly #second: Linear;
  readonly #inner: number;
  readonly #activation: ActivationName;

  constructor(
    path: ModulePath,
    [first, second]: readonly [first: string, second: string],
    { width, inner, activation }: InnerSizes,
    options: LinearOptions,
  ) {
    this.#first = new Linear(path.at(first), width, 2 * inner, options);
    this.#second = new Linear(path.at(second), inner, width, options);
    this.#inner = inner;
    this.#activation = activation;
  }

  forward(x: Tensor, residual?: Tensor): Tensor {
    return scope(() => {
      const both = this.#first.forward(x);
      const [a, b] = [slice(both, -1, 0, this.#inner), slice(both, -1, this.#inner)];
      return this.#second.forward(mul(ACTIVATIONS[this.#activation](a), b), "none", residual);
    });
  }

  toOnnx(x: Value): Value {
    const both = this.#first.toOnnx(x);
    const half = (begin: number) => onnx.slice(both, -1, begin, begin + this.#inner);
    return this.#second.toOnnx(onnx.multiply(activateInOnnx(half(0), this.#activation), half(this.#inner)));
  }
}
