/** A convolution along the tokens of a text, which a DeBERTa-v2 has beside its first layer. */
import type { FloatType, Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { add } from "../ops/arithmetic.ts";
import { conv2d } from "../ops/conv.ts";
import { reshape, slice } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Context, drop } from "./context.ts";
import { zeros } from "./initializers.ts";
import { LayerNorm } from "./layer_norm.ts";
import type { Layer } from "./layer_stack.ts";
import type { Parameter } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";
import { firstTokenInOnnx } from "./self_attention.ts";
import { denseInitializer, type TransformerConfig } from "./transformer_config.ts";

export interface TokenConvolutionOptions {
  /** Tokens of a window, an odd number. */
  readonly kernel: number;
  readonly groups: number;
  readonly activation: { readonly forward: (x: Tensor) => Tensor; readonly toOnnx: (x: Value) => Value };
}

/**
 * norm(layer(x) + act(conv(x))), the convolution keeping the number of tokens; tokens of padding must be 0 in x. Declares
 * `conv.weight` [width, width / groups, kernel], `conv.bias` and `LayerNorm`.
 */
export class ConvolvedLayer implements Layer {
  readonly #layer: Layer;
  readonly #weight: Parameter;
  readonly #bias: Parameter;
  readonly #norm: LayerNorm;
  readonly #options: TokenConvolutionOptions;
  readonly #dropout: number;

  constructor(path: ModulePath, config: TransformerConfig, layer: Layer, options: TokenConvolutionOptions) {
    const { hidden_size: width, layer_norm_eps, hidden_dropout_prob } = config;
    const { kernel, groups } = options;
    const conv = path.at("conv");
    this.#layer = layer;
    this.#weight = conv.parameter("weight", [width, width / groups, kernel], denseInitializer(config), {
      isOperand: true,
    });
    this.#bias = conv.parameter("bias", [width], zeros);
    this.#norm = new LayerNorm(path.at("LayerNorm"), width, layer_norm_eps);
    this.#options = options;
    this.#dropout = hidden_dropout_prob;
  }

  forward(x: Tensor, mask: Tensor | undefined, context: Context, onlyFirst: boolean): Tensor {
    const { kernel, groups, activation } = this.#options;
    const [batch, tokens, width] = x.shape as [number, number, number];
    return scope(() => {
      const y = this.#layer.forward(x, mask, context, onlyFirst);
      const weight = x.dtype === "f16" ? this.#weight.half : this.#weight.value;
      const convolved = conv2d(
        reshape(x, [batch, 1, tokens, width]),
        reshape(weight, [width, width / groups, 1, kernel]),
        { bias: this.#bias.value, padding: [0, (kernel - 1) / 2], groups },
      );
      const all = activation.forward(drop(reshape(convolved, x.shape), this.#dropout, context));
      return this.#norm.forward(add(y, onlyFirst ? slice(all, 1, 0, 1) : all));
    });
  }

  toOnnx(x: Value, bias: Value | undefined, onlyFirst: boolean): Value {
    const { kernel, groups, activation } = this.#options;
    const type = x.type as FloatType;
    const weight = onnx.reshape(x.graph.weight(this.#weight, type), [0, 0, 1, kernel]);
    const channels = onnx.reshape(onnx.transpose(x, [0, 2, 1]), [0, 0, 1, -1]); // [batch, width, 1, tokens]
    const side = (kernel - 1) / 2;
    const convolved = x.graph.apply("Conv", [channels, weight, x.graph.weight(this.#bias, type)], {
      kernel_shape: [1, kernel],
      strides: [1, 1],
      pads: [0, side, 0, side],
      group: groups,
    });
    const all = activation.toOnnx(onnx.transpose(onnx.reshape(convolved, [0, 0, -1]), [0, 2, 1]));
    return this.#norm.toOnnx(
      onnx.add(this.#layer.toOnnx(x, bias, onlyFirst), onlyFirst ? firstTokenInOnnx(all) : all),
    );
  }
}
