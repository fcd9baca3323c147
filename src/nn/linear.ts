/** A fully connected layer. */
import { type Activation, linear } from "../ops/matmul.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Initializer, zeros } from "./initializers.ts";
import type { Parameter, Scope } from "./parameters.ts";

export interface LinearOptions {
  readonly initializer: Initializer;
  /** True if not given; a bias starts at zero. */
  readonly bias?: boolean;
}

/** x W^T + b, W being [outputs, inputs]; declares `weight` and `bias`. */
export class Linear {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(at: Scope, inputs: number, outputs: number, { initializer, bias = true }: LinearOptions) {
    this.weight = at.parameter("weight", [outputs, inputs], initializer);
    this.bias = bias ? at.parameter("bias", [outputs], zeros) : undefined;
  }

  /** [.., inputs] to [.., outputs]; the activation runs in the same kernel. */
  forward(x: Tensor, activation: Activation = "none"): Tensor {
    return linear(x, this.weight.value, this.bias?.value, activation);
  }
}
