/** Convolutions of images with learned weights. */
import type { FloatType, Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { conv2d } from "../ops/conv.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Initializer, zeros } from "./initializers.ts";
import type { Parameter } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";

export interface ConvolutionOptions {
  /** The sides of the kernel, a square. */
  readonly kernel: number;
  /** 1 if not given. */
  readonly stride?: number;
  /** Rows and columns of zeros on each side; half of the kernel if not given, so that a stride of 1 keeps the size. */
  readonly padding?: number;
  /** 1 if not given. */
  readonly groups?: number;
  /** False if not given, as a norm follows nearly always. A bias starts at zero. */
  readonly bias?: boolean;
  readonly initializer: Initializer;
}

/**
 * The convolution of maps [batch, height, width, inputs]; declares `weight` [outputs, inputs / groups, kernel, kernel], and
 * `bias` where there is one.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Conv2d, full, Gpu, kaimingNormal, Parameters } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const layer = new Conv2d(parameters.root, 4, 8, { kernel: 3, stride: 2, initializer: kaimingNormal("out") });
 * parameters.allocate(gpu, 0);
 * assert.deepEqual(layer.forward(full(gpu, [1, 6, 6, 4], 1)).shape, [1, 3, 3, 8]);
 * gpu.destroy();
 * ```
 */
export class Conv2d {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly #windows: { readonly stride: number; readonly padding: number; readonly groups: number };

  constructor(path: ModulePath, inputs: number, outputs: number, options: ConvolutionOptions) {
    const { kernel, stride = 1, padding = Math.floor(kernel / 2), groups = 1, bias = false } = options;
    const shape = [outputs, inputs / groups, kernel, kernel];
    this.weight = path.parameter("weight", shape, options.initializer, { isOperand: true });
    this.bias = bias ? path.parameter("bias", [outputs], zeros) : undefined;
    this.#windows = { stride, padding, groups };
  }

  /** [batch, height, width, inputs] to [batch, height', width', outputs], of the type of x. */
  forward(x: Tensor): Tensor {
    const weight = x.dtype === "f16" ? this.weight.half : this.weight.value;
    return conv2d(x, weight, { ...this.#windows, bias: this.bias?.value });
  }

  /** The same in a graph of ONNX, channels first: [batch, channels, height, width]. */
  toOnnx(x: Value): Value {
    const [weight, bias] = [this.weight, this.bias].map((one) =>
      one && x.graph.weight(one, x.type as FloatType)
    );
    return onnx.convolve(x, { value: weight!, kernel: this.weight.shape[2]! }, bias, this.#windows);
  }
}
