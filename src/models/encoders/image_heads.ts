/** From the tokens of an image to one vector: the first token, the mean of its patches, or attention by a learned query. */
import type { Context } from "../../nn/context.ts";
import { normal, zeros } from "../../nn/initializers.ts";
import { DenseLayers } from "../../nn/inner_layers.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import { Linear } from "../../nn/linear.ts";
import type { Parameter } from "../../nn/parameter.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { attendInOnnx } from "../../nn/self_attention.ts";
import type { TransformerEncoder } from "../../nn/transformer.ts";
import { denseInitializer, type TransformerConfig } from "../../nn/transformer_config.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { add, expand } from "../../ops/arithmetic.ts";
import { attention } from "../../ops/attention.ts";
import { cast } from "../../ops/cast.ts";
import { full } from "../../ops/fill.ts";
import { linear } from "../../ops/matmul.ts";
import { mean } from "../../ops/reduce.ts";
import { pad, reshape, slice } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PoolingName } from "./encoder.ts";
import { Pooling } from "./pooling.ts";

/** The last part of an image transformer. */
export interface ImageHead {
  /** The width of the vector of an image. */
  readonly width: number;
  /** Makes one vector of each image: embedded tokens [batch, tokens, hidden], still to pass the layers, to [batch, width]. */
  represent(layers: TransformerEncoder, x: Tensor, context: Context): Tensor;
  /** Makes the last hidden state of every token of what the layers give, [batch, tokens, hidden] both. */
  finish(states: Tensor): Tensor;
  /** `represent` in a graph of ONNX. */
  toOnnx(layers: TransformerEncoder, x: Value): Value;
}

/** The normalised tokens, pooled; declares `layernorm` and what `Pooling` declares. */
export class PooledTokens implements ImageHead {
  readonly width: number;
  readonly #norm: LayerNorm;
  readonly #pooling: Pooling;

  constructor(path: ModulePath, config: TransformerConfig, pooling: PoolingName) {
    this.width = config.hidden_size;
    this.#norm = new LayerNorm(path.at("layernorm"), config.hidden_size, config.layer_norm_eps);
    this.#pooling = new Pooling(path, pooling, config);
  }

  represent(layers: TransformerEncoder, x: Tensor, context: Context): Tensor {
    return this.#pooling.forward({
      first: () => this.#norm.forward(layers.first(x, undefined, context)),
      all: () => this.#norm.forward(layers.last(x, undefined, context)),
    }, context);
  }

  finish(states: Tensor): Tensor {
    return this.#norm.forward(states);
  }

  toOnnx(layers: TransformerEncoder, x: Value): Value {
    return this.#pooling.toOnnx({
      first: () => this.#norm.toOnnx(layers.firstToOnnx(x)),
      all: () => this.#norm.toOnnx(layers.lastToOnnx(x)),
    });
  }
}

/** The first token, normalised, and where a width is given its projection; declares `layernorm` and `projection`. */
export class ProjectedToken implements ImageHead {
  readonly width: number;
  readonly #norm: LayerNorm;
  readonly #projection: Linear | undefined;

  constructor(path: ModulePath, config: TransformerConfig, projected?: number) {
    const { hidden_size: width, layer_norm_eps } = config;
    this.width = projected ?? width;
    this.#norm = new LayerNorm(path.at("layernorm"), width, layer_norm_eps);
    this.#projection = projected === undefined ? undefined : projectionOf(path, config, projected);
  }

  represent(layers: TransformerEncoder, x: Tensor, context: Context): Tensor {
    const first = cast(this.#norm.forward(layers.first(x, undefined, context)), "f32");
    return this.#projection ? this.#projection.forward(first) : first;
  }

  /** The tokens are as the layers give them. */
  finish(states: Tensor): Tensor {
    return states;
  }

  toOnnx(layers: TransformerEncoder, x: Value): Value {
    const first = onnx.cast(this.#norm.toOnnx(layers.firstToOnnx(x)), "float32");
    return this.#projection ? this.#projection.toOnnx(first) : first;
  }
}

/** The projection by which CLIP compares what its towers give: without a bias, in f32. */
export function projectionOf(path: ModulePath, config: TransformerConfig, width: number): Linear {
  const options = { initializer: denseInitializer(config), bias: false };
  return new Linear(path.at("projection"), config.hidden_size, width, options);
}

/**
 * y + f(norm(y)) of y, the attention of a learned query to all normalised tokens, f being two dense layers; declares
 * `layernorm` and, below `head`, `probe` [1, 1, width], `attention`, which holds the projections of query, key and value as
 * one matrix `in_proj_weight` [3 · width, width], `layernorm` and the layers.
 */
export class AttentionPooling implements ImageHead {
  readonly width: number;
  readonly #heads: number;
  readonly #norm: LayerNorm;
  readonly #probe: Parameter;
  readonly #weight: Parameter;
  readonly #bias: Parameter;
  readonly #output: Linear;
  readonly #outputNorm: LayerNorm;
  readonly #inner: DenseLayers;

  constructor(path: ModulePath, config: TransformerConfig) {
    const { hidden_size: width, intermediate_size: inner, hidden_act: activation, layer_norm_eps } = config;
    const options = { initializer: denseInitializer(config), takesF16: true };
    const [head, attention] = [path.at("head"), path.at("head.attention")];
    this.width = width;
    this.#heads = config.num_attention_heads;
    this.#norm = new LayerNorm(path.at("layernorm"), width, layer_norm_eps);
    this.#probe = head.parameter("probe", [1, 1, width], normal(config.initializer_range));
    this.#weight = attention.parameter("in_proj_weight", [3 * width, width], options.initializer, {
      isOperand: true,
    });
    this.#bias = attention.parameter("in_proj_bias", [3 * width], zeros);
    this.#output = new Linear(attention.at("out_proj"), width, width, options);
    this.#outputNorm = new LayerNorm(head.at("layernorm"), width, layer_norm_eps);
    this.#inner = new DenseLayers(head, { width, inner, activation }, options);
  }

  represent(layers: TransformerEncoder, x: Tensor, context: Context): Tensor {
    return scope(() => {
      const tokens = this.finish(layers.last(x, undefined, context));
      const [batch] = tokens.shape as [number];
      const { dtype } = tokens;
      const weight = dtype === "f16" ? this.#weight.half : this.#weight.value;
      const project = (from: Tensor, first: number, end: number) => {
        const rows = [first * this.width, end * this.width] as const;
        return linear(from, slice(weight, 0, ...rows), slice(this.#bias.value, 0, ...rows));
      };
      const probe = expand(this.#probe.value, [batch, 1, this.width], dtype === "f16" ? "f16" : "f32");
      const [query, keyValue] = [project(probe, 0, 1), project(tokens, 1, 3)];
      const options = { heads: this.#heads };
      context.rollout?.pooledBy(query, keyValue, options);
      const attended = attention(query, keyValue, options);
      const y = this.#output.forward(attended);
      return reshape(add(y, this.#inner.forward(this.#outputNorm.forward(y))), [batch, this.width]);
    });
  }

  finish(states: Tensor): Tensor {
    return this.#norm.forward(states);
  }

  toOnnx(layers: TransformerEncoder, x: Value): Value {
    const { graph } = x;
    const { width } = this;
    const tokens = this.#norm.toOnnx(layers.lastToOnnx(x));
    const weight = graph.weight(this.#weight, graph.precision, { transposed: true }); // [width, 3 · width]
    const bias = graph.weight(this.#bias, graph.precision);
    const project = (from: Value, part: number) => {
      const columns = [part * width, (part + 1) * width] as const;
      return onnx.add(onnx.matmul(from, onnx.slice(weight, 1, ...columns)), onnx.slice(bias, 0, ...columns));
    };
    const each = onnx.concat([onnx.sizeOf(x, 0), graph.constant([1, width], "int64")], 0);
    const probe = onnx.expand(graph.weight(this.#probe, graph.precision), each);
    const attended = attendInOnnx(
      { query: project(probe, 0), key: project(tokens, 1), value: project(tokens, 2) },
      { heads: this.#heads, dim: width / this.#heads },
      [],
    );
    const y = this.#output.toOnnx(attended);
    return onnx.reshape(onnx.add(y, this.#inner.toOnnx(this.#outputNorm.toOnnx(y))), [0, width]);
  }
}

/** The mean of all tokens but the first, normalised; declares `pooler.layernorm`. */
export class MeanOfPatches implements ImageHead {
  readonly width: number;
  readonly #norm: LayerNorm;

  constructor(path: ModulePath, { hidden_size, layer_norm_eps }: TransformerConfig) {
    this.width = hidden_size;
    this.#norm = new LayerNorm(path.at("pooler.layernorm"), hidden_size, layer_norm_eps);
  }

  represent(layers: TransformerEncoder, x: Tensor, context: Context): Tensor {
    return scope(() => {
      const patches = slice(layers.last(x, undefined, context), 1, 1);
      const [batch, count] = patches.shape as [number, number, number];
      context.rollout?.pooled(pad(full(x.gpu, [batch, 1, count], 1 / count), 2, 1, 0));
      return this.#norm.forward(mean(cast(patches, "f32"), { axes: [1] }));
    });
  }

  /** The tokens are as the layers give them. */
  finish(states: Tensor): Tensor {
    return states;
  }

  toOnnx(layers: TransformerEncoder, x: Value): Value {
    const patches = onnx.slice(layers.lastToOnnx(x), 1, 1, Number.MAX_SAFE_INTEGER);
    return this.#norm.toOnnx(onnx.mean(onnx.cast(patches, "float32"), 1));
  }
}
