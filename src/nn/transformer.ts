/** The transformer encoder, with parameters named as in Hugging Face's checkpoints of ViT and BERT. */
import type { Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import type { ActivationName } from "../ops/activations.ts";
import { attention, selfAttention } from "../ops/attention.ts";
import { reshape, slice } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { recompute } from "./recompute.ts";
import { type Context, dropAdd } from "./context.ts";
import { type Initializer, normal, xavierNormal } from "./initializers.ts";
import { LayerNorm } from "./layer_norm.ts";
import { JoinedLinear, Linear } from "./linear.ts";
import type { ModulePath } from "./parameters.ts";

/** The fields of Hugging Face's `config.json` that a transformer is built by. */
export type TransformerConfig = {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly hidden_act: ActivationName;
  readonly hidden_dropout_prob: number;
  readonly attention_probs_dropout_prob: number;
  readonly layer_norm_eps: number;
  /** Standard deviation of the initial values of weights. */
  readonly initializer_range: number;
  /** Not a field of Hugging Face's: the initial weights of dense layers. From scratch, `xavier_normal` learns faster. */
  readonly dense_initializer: "normal" | "xavier_normal";
};

/** Initial values of the weights of dense layers. */
export function denseInitializer(config: TransformerConfig): Initializer {
  return config.dense_initializer === "normal" ? normal(config.initializer_range) : xavierNormal;
}

/** Where ViT and BERT differ: where they normalise, and how they name the parts of a layer. */
export interface TransformerStyle {
  /** True: x + f(norm(x)), as ViT. False: norm(x + f(x)), as BERT. */
  readonly preNorm: boolean;
  /** The names of its parts within a layer. */
  readonly attention: string;
  readonly attentionNorm: string;
  readonly outputNorm: string;
}

export const VIT_STYLE: TransformerStyle = {
  preNorm: true,
  attention: "attention.attention",
  attentionNorm: "layernorm_before",
  outputNorm: "layernorm_after",
};

export const BERT_STYLE: TransformerStyle = {
  preNorm: false,
  attention: "attention.self",
  attentionNorm: "attention.output.LayerNorm",
  outputNorm: "output.LayerNorm",
};

/** The first token of every sequence: [batch, tokens, width] to [batch, 1, width]. */
const firstToken = (x: Tensor) => slice(x, 1, 0, 1);
const firstTokenInOnnx = (x: Value) => onnx.slice(x, 1, 0, 1);

/**
 * What is added to the score of a key that may not be attended to: its probability becomes 0, and no sum leaves the range
 * of f16.
 */
const MASKED_SCORE = -30000;

/** Multi-head self-attention without its output projection. */
class SelfAttention {
  readonly #projections: JoinedLinear;
  readonly #query: (x: Tensor) => Tensor;
  readonly #keyValue: (x: Tensor) => Tensor;
  readonly #queryKeyValue: (x: Tensor) => Tensor;
  readonly #config: TransformerConfig;

  constructor(path: ModulePath, config: TransformerConfig, bias: boolean) {
    const width = config.hidden_size;
    const options = { initializer: denseInitializer(config), takesF16: true, bias };
    const projections = new JoinedLinear(path, ["query", "key", "value"], width, width, options);
    this.#projections = projections;
    this.#query = projections.layers(0, 1);
    this.#keyValue = projections.layers(1, 3);
    this.#queryKeyValue = projections.layers(0, 3);
    this.#config = config;
  }

  /**
   * Attends from each token of x [batch, tokens, width], or with `onlyFirst` from the first one alone, to all of them, and
   * gives the same shape or [batch, 1, width]; mask u32 [batch, tokens] is 1 for a token that may be attended to.
   */
  forward(x: Tensor, mask: Tensor | undefined, { keys }: Context, onlyFirst: boolean): Tensor {
    const probability = this.#config.attention_probs_dropout_prob;
    const options = {
      heads: this.#config.num_attention_heads,
      ...(mask && { mask }),
      ...(keys && probability > 0 && { dropout: { probability, key: keys.next() } }),
    };
    return onlyFirst
      ? attention(this.#query(firstToken(x)), this.#keyValue(x), options)
      : selfAttention(this.#queryKeyValue(x), options);
  }

  /** The same in a graph of ONNX; `bias` is what `attentionBias` gives. */
  toOnnx(x: Value, bias: Value | undefined, onlyFirst: boolean): Value {
    const { hidden_size: width, num_attention_heads: heads } = this.#config;
    const project = (index: number, from: Value, order: readonly number[]) =>
      onnx.transpose(
        onnx.reshape(this.#projections.toOnnx(index, from), [0, 0, heads, width / heads]),
        order,
      );
    const query = project(0, onlyFirst ? firstTokenInOnnx(x) : x, [0, 2, 1, 3]);
    const key = project(1, x, [0, 2, 3, 1]); // [batch, heads, dim, keys]
    const value = project(2, x, [0, 2, 1, 3]);
    // Scaled before the product, which in f16 would overflow sooner.
    const scaled = onnx.multiply(query, onnx.scalar(1 / Math.sqrt(width / heads), query));
    const scores = onnx.matmul(scaled, key);
    const attended = onnx.matmul(onnx.softmax(bias ? onnx.add(scores, bias) : scores), value);
    return onnx.reshape(onnx.transpose(attended, [0, 2, 1, 3]), [0, 0, width]);
  }
}

export class TransformerLayer {
  readonly #attention: SelfAttention;
  readonly #attentionOutput: Linear;
  readonly #attentionNorm: LayerNorm;
  readonly #intermediate: Linear;
  readonly #output: Linear;
  readonly #outputNorm: LayerNorm;
  readonly #config: TransformerConfig;
  readonly #preNorm: boolean;

  constructor(path: ModulePath, config: TransformerConfig, style: TransformerStyle, attentionBias: boolean) {
    const { hidden_size: width, intermediate_size: inner, layer_norm_eps: epsilon } = config;
    const options = { initializer: denseInitializer(config), takesF16: true };
    this.#attention = new SelfAttention(path.at(style.attention), config, attentionBias);
    this.#attentionOutput = new Linear(path.at("attention.output.dense"), width, width, options);
    this.#attentionNorm = new LayerNorm(path.at(style.attentionNorm), width, epsilon);
    this.#intermediate = new Linear(path.at("intermediate.dense"), width, inner, options);
    this.#output = new Linear(path.at("output.dense"), inner, width, options);
    this.#outputNorm = new LayerNorm(path.at(style.outputNorm), width, epsilon);
    this.#config = config;
    this.#preNorm = style.preNorm;
  }

  /**
   * x [batch, tokens, width] to the same shape, or to [batch, 1, width] with `onlyFirst`: whoever needs the first token
   * alone saves the work that each token does for itself, all but its key and value.
   */
  forward(x: Tensor, mask: Tensor | undefined, context: Context, onlyFirst = false): Tensor {
    const join = (residual: Tensor, y: Tensor) =>
      dropAdd(residual, y, this.#config.hidden_dropout_prob, context);
    const before = (norm: LayerNorm, y: Tensor) => this.#preNorm ? norm.forward(y) : y;
    const after = (norm: LayerNorm, y: Tensor) => this.#preNorm ? y : norm.forward(y);
    const wanted = onlyFirst ? firstToken : (y: Tensor) => y;
    return scope(() => {
      const attended = this.#attention.forward(before(this.#attentionNorm, x), mask, context, onlyFirst);
      const y = after(this.#attentionNorm, join(wanted(x), this.#attentionOutput.forward(attended)));
      const inner = this.#intermediate.forward(before(this.#outputNorm, y), this.#config.hidden_act);
      return after(this.#outputNorm, join(y, this.#output.forward(inner)));
    });
  }

  /** The same in a graph of ONNX; `bias` is what `attentionBias` gives. */
  toOnnx(x: Value, bias: Value | undefined, onlyFirst: boolean): Value {
    const before = (norm: LayerNorm, y: Value) => this.#preNorm ? norm.toOnnx(y) : y;
    const after = (norm: LayerNorm, y: Value) => this.#preNorm ? y : norm.toOnnx(y);
    const attended = this.#attention.toOnnx(before(this.#attentionNorm, x), bias, onlyFirst);
    const residual = onlyFirst ? firstTokenInOnnx(x) : x;
    const y = after(this.#attentionNorm, onnx.add(residual, this.#attentionOutput.toOnnx(attended)));
    const inner = this.#intermediate.toOnnx(before(this.#outputNorm, y), this.#config.hidden_act);
    return after(this.#outputNorm, onnx.add(y, this.#output.toOnnx(inner)));
  }
}

/** What is added to the scores of keys in a graph of ONNX: mask int64 [batch, tokens] gives [batch, 1, 1, tokens]. */
export function attentionBias(mask: Value): Value {
  const { precision } = mask.graph;
  const isLeftOut = onnx.cast(onnx.subtract(onnx.scalar(1, mask), mask), precision);
  const bias = onnx.multiply(isLeftOut, onnx.scalar(MASKED_SCORE, isLeftOut));
  return onnx.reshape(bias, [0, 1, 1, -1]);
}

function runLayer(
  layer: TransformerLayer,
  x: Tensor,
  mask: Tensor | undefined,
  context: Context,
  onlyFirst: boolean,
): Tensor {
  const run = (x: Tensor, context: Context) => layer.forward(x, mask, context, onlyFirst);
  return context.recompute ? recompute(run, x, mask ? [mask] : [], context) : run(x, context);
}

/**
 * A stack of layers; declares `layer.N.…`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EVALUATION, full, Gpu, Parameters, TransformerEncoder, VIT_STYLE } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const config = {
 *   hidden_size: 8,
 *   num_hidden_layers: 2,
 *   num_attention_heads: 2,
 *   intermediate_size: 16,
 *   hidden_act: "gelu",
 *   hidden_dropout_prob: 0.1,
 *   attention_probs_dropout_prob: 0.1,
 *   layer_norm_eps: 1e-6,
 *   initializer_range: 0.02,
 *   dense_initializer: "xavier_normal",
 * } as const;
 * const parameters = new Parameters();
 * const encoder = new TransformerEncoder(parameters.root.at("encoder"), config, VIT_STYLE);
 * parameters.allocate(gpu, 0);
 * const tokens = full(gpu, [3, 5, 8], 1); // [batch, tokens, width]
 * assert.deepEqual(encoder.first(tokens, undefined, EVALUATION).shape, [3, 8]);
 * assert.equal(encoder.hiddenStates(tokens, undefined, EVALUATION).length, 3);
 * gpu.destroy();
 * ```
 */
export class TransformerEncoder {
  readonly #layers: readonly TransformerLayer[];

  /** `attentionBias`: whether query, key and value have one. */
  constructor(path: ModulePath, config: TransformerConfig, style: TransformerStyle, attentionBias = true) {
    this.#layers = Array.from(
      { length: config.num_hidden_layers },
      (_, i) => new TransformerLayer(path.at(`layer.${i}`), config, style, attentionBias),
    );
  }

  /** Hidden states [batch, tokens, width]: x, then those after each layer. */
  hiddenStates(x: Tensor, mask: Tensor | undefined, context: Context): Tensor[] {
    const states = [x];
    for (const layer of this.#layers) states.push(runLayer(layer, states.at(-1)!, mask, context, false));
    return states;
  }

  /** The last hidden state of the first token, [batch, width]. */
  first(x: Tensor, mask: Tensor | undefined, context: Context): Tensor {
    return scope(() => {
      let y = x;
      for (const [i, layer] of this.#layers.entries()) {
        y = runLayer(layer, y, mask, context, i === this.#layers.length - 1);
      }
      return reshape(y, [x.shape[0]!, -1]);
    });
  }

  /** The same in a graph of ONNX; `bias` is what `attentionBias` gives. */
  firstToOnnx(x: Value, bias?: Value): Value {
    const last = this.#layers.length - 1;
    const y = this.#layers.reduce((state, layer, i) => layer.toOnnx(state, bias, i === last), x);
    return onnx.reshape(y, [0, -1]);
  }
}
