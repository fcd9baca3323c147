/** A fully connected layer. */
import { type Activation, linear } from "../ops/matmul.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Initializer, zeros } from "./initializers.ts";
import type { Parameter, Scope } from "./parameters.ts";

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

  constructor(at: Scope, inputs: number, outputs: number, options: LinearOptions) {
    const { initializer, takesHalves: isOperand = false, bias = true } = options;
    this.weight = at.parameter("weight", [outputs, inputs], initializer, { isOperand });
    this.bias = bias ? at.parameter("bias", [outputs], zeros) : undefined;
  }

  /** [.., inputs] to [.., outputs]; the activation runs in the same kernel. */
  forward(x: Tensor, activation: Activation = "none"): Tensor {
    const weight = x.dtype === "f16" ? this.weight.half : this.weight.value;
    return linear(x, weight, this.bias?.value, activation);
  }
}
