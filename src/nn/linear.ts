/** A fully connected layer. */
import { type Activation, linear } from "../ops/matmul.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Initializer, zeros } from "./initializers.ts";
import type { Operand } from "./joined_parameters.ts";
import type { Parameter } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";

export interface LinearOptions {
  readonly initializer: Initializer;
  /** True: inputs may be f16, and then so are the weight that is read and the result. False if not given. */
  readonly takesHalves?: boolean;
  /** True if not given; a bias starts at zero. */
  readonly bias?: boolean;
}

/** x W^T + b, W being [outputs, inputs]; declares `weight` and `bias`. */
export class Linear {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(at: ModulePath, inputs: number, outputs: number, options: LinearOptions) {
    const { initializer, takesHalves: isOperand = false, bias = true } = options;
    this.weight = at.parameter("weight", [outputs, inputs], initializer, { isOperand });
    this.bias = bias ? at.parameter("bias", [outputs], zeros) : undefined;
  }

  /** [.., inputs] to [.., outputs]; the activation runs in the same kernel. */
  forward(x: Tensor, activation: Activation = "none"): Tensor {
    return apply(x, this.weight, this.bias, activation);
  }
}

function apply(x: Tensor, weight: Operand, bias: Operand | undefined, activation?: Activation): Tensor {
  return linear(x, x.dtype === "f16" ? weight.half : weight.value, bias?.value, activation);
}

/**
 * Layers of one size that read the same input; declares `weight` and `bias` of each below its name. All weights stand
 * side by side, then all biases, so that layers that follow each other are computed as one product.
 */
export class JoinedLinear {
  readonly #at: ModulePath;
  readonly #weights: readonly Parameter[];
  readonly #biases: readonly Parameter[];

  constructor(
    at: ModulePath,
    names: readonly string[],
    inputs: number,
    outputs: number,
    options: LinearOptions,
  ) {
    const { initializer, takesHalves: isOperand = false, bias = true } = options;
    this.#at = at;
    this.#weights = names.map((name) =>
      at.at(name).parameter("weight", [outputs, inputs], initializer, { isOperand })
    );
    this.#biases = bias ? names.map((name) => at.at(name).parameter("bias", [outputs], zeros)) : [];
  }

  /**
   * The layers from index `first` up to `end`: [.., inputs] to [.., (end - first) · outputs], results of the first layer
   * first. To be asked for while the model is built.
   */
  layers(first: number, end: number): (x: Tensor) => Tensor {
    const weight = this.#at.joined(this.#weights.slice(first, end));
    const biases = this.#biases.slice(first, end);
    const bias = biases.length > 0 ? this.#at.joined(biases) : undefined;
    return (x) => apply(x, weight, bias);
  }
}
