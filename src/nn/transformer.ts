/** The transformer encoder, with parameters named as in Hugging Face's checkpoints of ViT and BERT. */
import type { Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Context, dropAdd, dropPath } from "./context.ts";
import { DenseLayers, type InnerLayers } from "./inner_layers.ts";
import { LayerNorm } from "./layer_norm.ts";
import { type Layer, LayerStack } from "./layer_stack.ts";
import { LayerScale } from "./layer_scale.ts";
import { Linear, type LinearOptions } from "./linear.ts";
import type { ModulePath } from "./parameters.ts";
import { type Attention, firstToken, firstTokenInOnnx, SelfAttention } from "./self_attention.ts";
import { denseInitializer, type TransformerConfig } from "./transformer_config.ts";

/** Where transformers differ: where they normalise, how they name the parts of a layer, and what some have besides. */
export interface TransformerStyle {
  /** True: x + f(norm(x)), as ViT. False: norm(x + f(x)), as BERT. */
  readonly preNorm: boolean;
  /** The names of its parts within a layer. */
  readonly attention: string;
  readonly attentionNorm: string;
  readonly outputNorm: string;
  /** The learned factors of what attention and inner layers add to a token: their names, and what they begin as. */
  readonly layerScale?: {
    readonly names: readonly [attention: string, inner: string];
    readonly initial: number;
  };
  /** What stands in the place of two dense layers with an activation between them. */
  readonly inner?: (path: ModulePath, config: TransformerConfig, options: LinearOptions) => InnerLayers;
  /** False: what attention adds is not dropped in training, only what inner layers add. True if not given. */
  readonly dropsAttention?: boolean;
  /** The probability that a sample passes layer `index` in training without attention or inner layers; 0 if not given. */
  readonly dropPath?: (index: number) => number;
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

/** What a layer adds to its tokens: attention or inner layers, and the factors that they are learned with. */
interface Branch {
  readonly norm: LayerNorm;
  readonly scale: LayerScale | undefined;
  /** The probability that an element of what it adds is dropped in training. */
  readonly dropout: number;
}

export class TransformerLayer implements Layer {
  readonly #attention: Attention;
  readonly #attentionOutput: Linear;
  readonly #inner: InnerLayers;
  readonly #attentionBranch: Branch;
  readonly #innerBranch: Branch;
  readonly #dropPath: number;
  readonly #preNorm: boolean;

  /** `attention` makes the attention of the layer below a path; `SelfAttention` if not given. */
  constructor(
    path: ModulePath,
    config: TransformerConfig,
    style: TransformerStyle,
    attention: (path: ModulePath) => Attention = (path) => new SelfAttention(path, config),
    dropPath = 0,
  ) {
    const { hidden_size: width, intermediate_size: inner, hidden_act: activation, layer_norm_eps } = config;
    const options = { initializer: denseInitializer(config), takesF16: true };
    const { layerScale, dropsAttention = true } = style;
    const { hidden_dropout_prob: dropout } = config;
    const branch = (norm: string, i: 0 | 1, dropout: number): Branch => ({
      norm: new LayerNorm(path.at(norm), width, layer_norm_eps),
      scale: layerScale && new LayerScale(path, layerScale.names[i], width, layerScale.initial),
      dropout,
    });
    this.#attention = attention(path.at(style.attention));
    this.#attentionOutput = new Linear(path.at("attention.output.dense"), width, width, options);
    this.#attentionBranch = branch(style.attentionNorm, 0, dropsAttention ? dropout : 0);
    this.#inner = style.inner?.(path, config, options) ??
      new DenseLayers(path, { width, inner, activation }, options);
    this.#innerBranch = branch(style.outputNorm, 1, dropout);
    this.#dropPath = dropPath;
    this.#preNorm = style.preNorm;
  }

  /**
   * x [batch, tokens, width] to the same shape, or to [batch, 1, width] with `onlyFirst`: whoever needs the first token
   * alone saves the work that each token does for itself, all but its key and value.
   */
  forward(x: Tensor, mask: Tensor | undefined, context: Context, onlyFirst = false): Tensor {
    /** Adds what a branch makes of x, to x or, where x has more tokens than are wanted, to `residual`. */
    const add = (
      { norm, scale, dropout }: Branch,
      x: Tensor,
      residual: Tensor,
      run: (x: Tensor, residual?: Tensor) => Tensor,
    ) => {
      const input = this.#preNorm ? norm.forward(x) : x;
      const isPlain = !scale && !(context.keys && (dropout > 0 || this.#dropPath > 0));
      const sum = isPlain ? run(input, residual) : dropAdd(
        residual,
        dropPath(scale ? scale.forward(run(input)) : run(input), this.#dropPath, context),
        dropout,
        context,
      );
      return this.#preNorm ? sum : norm.forward(sum);
    };
    return scope(() => {
      const y = add(
        this.#attentionBranch,
        x,
        onlyFirst ? firstToken(x) : x,
        (x, residual) =>
          this.#attentionOutput.forward(
            this.#attention.forward(x, mask, context, onlyFirst),
            "none",
            residual,
          ),
      );
      return add(this.#innerBranch, y, y, (y, residual) => this.#inner.forward(y, residual));
    });
  }

  /** The same in a graph of ONNX; `bias` is what `attentionBias` gives. */
  toOnnx(x: Value, bias: Value | undefined, onlyFirst: boolean): Value {
    const add = ({ norm, scale }: Branch, x: Value, residual: Value, run: (x: Value) => Value) => {
      const made = run(this.#preNorm ? norm.toOnnx(x) : x);
      const sum = onnx.add(residual, scale ? scale.toOnnx(made) : made);
      return this.#preNorm ? sum : norm.toOnnx(sum);
    };
    const y = add(
      this.#attentionBranch,
      x,
      onlyFirst ? firstTokenInOnnx(x) : x,
      (x) => this.#attentionOutput.toOnnx(this.#attention.toOnnx(x, bias, onlyFirst)),
    );
    return add(this.#innerBranch, y, y, (y) => this.#inner.toOnnx(y));
  }
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
export class TransformerEncoder extends LayerStack {
  /** `attention` makes the attention of a layer below a path; `SelfAttention` with all its defaults if not given. */
  constructor(
    path: ModulePath,
    config: TransformerConfig,
    style: TransformerStyle,
    attention?: (path: ModulePath, layer: number) => Attention,
  ) {
    super(Array.from(
      { length: config.num_hidden_layers },
      (_, i) =>
        new TransformerLayer(
          path.at(`layer.${i}`),
          config,
          style,
          attention && ((path) => attention(path, i)),
          style.dropPath?.(i) ?? 0,
        ),
    ));
  }
}
