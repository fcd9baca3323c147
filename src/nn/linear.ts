/** Fully connected layers. */
import type { FloatType, Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import type { LinearOperands } from "../ops/feed_forward.ts";
import { ACTIVATIONS } from "../ops/activations.ts";
import { add } from "../ops/arithmetic.ts";
import type { Float } from "../ops/check.ts";
import { type Activation, linear } from "../ops/matmul.ts";
import { full } from "../ops/fill.ts";
import { concat } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Initializer, zeros } from "./initializers.ts";
import { type LowRank, lowRankAt } from "./low_rank.ts";
import type { Operand } from "./joined_parameters.ts";
import type { Parameter } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";

export interface LinearOptions {
  readonly initializer: Initializer;
  /** True: inputs may be f16, and then so are the weight that is read and the result. False if not given. */
  readonly takesF16?: boolean;
  /** True if not given; a bias starts at zero. */
  readonly bias?: boolean;
}

/**
 * x Wᵀ + b, W being [outputs, inputs]; declares `weight` and `bias`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { full, Gpu, Linear, Parameters, xavierNormal } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const layer = new Linear(parameters.root.at("layer"), 4, 3, { initializer: xavierNormal });
 * parameters.allocate(gpu, 0);
 * assert.deepEqual([...parameters].map(({ name }) => name), ["layer.weight", "layer.bias"]);
 * assert.deepEqual(layer.forward(full(gpu, [2, 4], 1), "relu").shape, [2, 3]);
 * gpu.destroy();
 * ```
 */
export class Linear {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly #adapter: LowRank | undefined;

  constructor(path: ModulePath, inputs: number, outputs: number, options: LinearOptions) {
    const { initializer, takesF16: isOperand = false, bias = true } = options;
    this.weight = path.parameter("weight", [outputs, inputs], initializer, { isOperand });
    this.bias = bias ? path.parameter("bias", [outputs], zeros) : undefined;
    this.#adapter = lowRankAt(path, inputs, outputs, isOperand);
  }

  /** [.., inputs] to [.., outputs]; relu and gelu run in the same kernel. A `residual` is added to the result. */
  forward(x: Tensor, activation: Activation = "none", residual?: Tensor): Tensor {
    const { weight, bias } = this.operands(x);
    const adapter = this.#adapter;
    if (!adapter) return linear(x, weight, bias, activation, { residual });
    return scope(() => {
      const h = linear(x, weight, bias, "none", { residual: adapter.forward(x) });
      const y = activation === "none" ? h : ACTIVATIONS[activation](h);
      return residual ? add(residual, y) : y;
    });
  }

  /** True where more is added than `operands` tell. */
  get isAdapted(): boolean {
    return this.#adapter !== undefined;
  }

  /** What the ops multiply x by, of its type, and add; of a layer that is adapted, what its weight and bias are. */
  operands(x: Tensor): LinearOperands {
    return { weight: operandFor(x, this.weight), bias: this.bias?.value };
  }

  /** The same in a graph of ONNX. */
  toOnnx(x: Value, activation: Activation = "none"): Value {
    return applyInOnnx(x, this.weight, this.bias, activation);
  }
}

const operandFor = (x: Tensor, weight: Operand) => x.dtype === "f16" ? weight.half : weight.value;

function apply(
  x: Tensor,
  weight: Operand,
  bias: Pick<Operand, "value"> | undefined,
  residual?: Tensor,
): Tensor {
  return linear(x, operandFor(x, weight), bias?.value, "none", { residual });
}

/** Each activation in a graph of ONNX. */
const ONNX_ACTIVATIONS: Readonly<Record<Activation, (x: Value) => Value>> = {
  none: (x) => x,
  gelu: onnx.gelu,
  gelu_new: onnx.geluTanh,
  gelu_pytorch_tanh: onnx.geluTanh,
  quick_gelu: onnx.quickGelu,
  relu: onnx.relu,
  silu: onnx.silu,
};

/** The activation of this name in a graph of ONNX. */
export function activateInOnnx(x: Value, activation: Activation): Value {
  return ONNX_ACTIVATIONS[activation](x);
}

function applyInOnnx(
  x: Value,
  weight: Parameter,
  bias: Parameter | undefined,
  activation: Activation = "none",
): Value {
  const type = x.type as FloatType;
  // Transposed once, when the graph is written, and not at every use.
  const product = onnx.matmul(x, x.graph.weight(weight, type, { transposed: true }));
  return activateInOnnx(bias ? onnx.add(product, x.graph.weight(bias, type)) : product, activation);
}

/**
 * Several layers of one size that read the same input; declares `weight` and `bias` of each below its name. All weights
 * stand side by side, then all biases, so that neighbouring layers are computed as one product.
 */
export class JoinedLinear {
  readonly #path: ModulePath;
  readonly #weights: readonly Parameter[];
  readonly #biases: readonly (Parameter | undefined)[];
  readonly #adapters: readonly (LowRank | undefined)[];
  readonly #outputs: number;

  /** `bias` may name the layers that have one. */
  constructor(
    path: ModulePath,
    names: readonly string[],
    inputs: number,
    outputs: number,
    options: Omit<LinearOptions, "bias"> & { readonly bias?: boolean | readonly string[] },
  ) {
    const { initializer, takesF16: isOperand = false, bias = true } = options;
    const hasBias = (name: string) => typeof bias === "boolean" ? bias : bias.includes(name);
    this.#path = path;
    this.#weights = names.map((name) =>
      path.at(name).parameter("weight", [outputs, inputs], initializer, { isOperand })
    );
    this.#biases = names.map((name) =>
      hasBias(name) ? path.at(name).parameter("bias", [outputs], zeros) : undefined
    );
    this.#adapters = names.map((name) => lowRankAt(path.at(name), inputs, outputs, isOperand));
    this.#outputs = outputs;
  }

  /**
   * The layers from index `first` up to `end` as one: [.., inputs] to [.., (end - first) · outputs], results of the first
   * layer first. Call it while the model is built: joined parameters must be known before memory is allocated.
   */
  layers(first: number, end: number): (x: Tensor) => Tensor {
    const apply = this.#applied(first, end);
    const adapters = this.#adapters.slice(first, end);
    if (adapters.every((adapter) => adapter === undefined)) return (x) => apply(x);
    return (x) =>
      scope(() => {
        const shape = [...x.shape.slice(0, -1), this.#outputs];
        const changes = adapters.map((own) => own?.forward(x) ?? full(x.gpu, shape, 0, x.dtype as Float));
        return apply(x, concat(changes, x.rank - 1));
      });
  }

  /** These layers without their adapters; a residual is added. */
  #applied(first: number, end: number): (x: Tensor, residual?: Tensor) => Tensor {
    const weight = this.#path.joined(this.#weights.slice(first, end));
    const biases = this.#biases.slice(first, end);
    const own = biases.filter((bias) => bias !== undefined);
    if (own.length === 0) return (x, residual) => apply(x, weight, undefined, residual);
    if (own.length === biases.length) {
      const bias = this.#path.joined(own);
      return (x, residual) => apply(x, weight, bias, residual);
    }
    return (x, residual) =>
      scope(() => {
        const parts = biases.map((bias) => bias?.value ?? full(x.gpu, own[0]!.shape, 0));
        return apply(x, weight, { value: concat(parts, 0) }, residual);
      });
  }

  /** What the layer of an index gives, in a graph of ONNX. */
  toOnnx(index: number, x: Value): Value {
    return applyInOnnx(x, this.#weights[index]!, this.#biases[index]);
  }
}
