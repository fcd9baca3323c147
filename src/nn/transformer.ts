/** The transformer encoder, with parameters named as in Hugging Face's checkpoints of ViT and BERT. */
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
  readonly hidden_act: "gelu" | "relu";
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

/** Multi-head self-attention without its output projection. */
class SelfAttention {
  readonly #query: (x: Tensor) => Tensor;
  readonly #keyValue: (x: Tensor) => Tensor;
  readonly #queryKeyValue: (x: Tensor) => Tensor;
  readonly #config: TransformerConfig;

  constructor(path: ModulePath, config: TransformerConfig, bias: boolean) {
    const width = config.hidden_size;
    const options = { initializer: denseInitializer(config), takesF16: true, bias };
    const projections = new JoinedLinear(path, ["query", "key", "value"], width, width, options);
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
}
