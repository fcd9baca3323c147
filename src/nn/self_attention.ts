/** Self-attention of transformer layers, and the ways in which it may depend on where tokens stand. */
import type { Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { attention, type AttentionOptions, selfAttention } from "../ops/attention.ts";
import { slice } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Context } from "./context.ts";
import { JoinedLinear } from "./linear.ts";
import type { ModulePath } from "./parameters.ts";
import { denseInitializer, type TransformerConfig } from "./transformer_config.ts";

/** What a layer of a transformer has between its tokens; the projection of its output is the layer's own. */
export interface Attention {
  /**
   * Attends from each token of x [batch, tokens, width], or with `onlyFirst` from the first one alone, to all of them, and
   * gives the same shape or [batch, 1, width]; mask u32 [batch, tokens] is 1 for a token that may be attended to.
   */
  forward(x: Tensor, mask: Tensor | undefined, context: Context, onlyFirst: boolean): Tensor;
  /** The same in a graph of ONNX; `bias` is what `attentionBias` gives. */
  toOnnx(x: Value, bias: Value | undefined, onlyFirst: boolean): Value;
}

/** What is learned to be added to scores by the places of query and key, as the relative positions of MPNet and BEiT. */
export interface ScoreBias {
  /** f32 [heads, tokens, tokens], of queries to keys, made of parameters alone. */
  forward(tokens: number): Tensor;
  /** The same in a graph of ONNX, of the type that its transformers compute in; tokens int64 [1]. */
  toOnnx(tokens: Value): Value;
}

export interface SelfAttentionOptions {
  /** True if not given: query, key and value have a bias; or which of them have one. */
  readonly bias?: boolean | readonly ("query" | "key" | "value")[];
  /** Added to the scores after their scale. Layers may share one; each asks it anew. */
  readonly scoreBias?: ScoreBias;
  /** True: a token attends to none that comes after it. */
  readonly causal?: boolean;
  /** A token attends only to those that are at most so many places before or after it. */
  readonly window?: number;
}

/** `attention` in a layer: a rollout that the context has is told of it. */
export function attend(q: Tensor, kv: Tensor, options: AttentionOptions, { rollout }: Context): Tensor {
  rollout?.attended(q, kv, options);
  return attention(q, kv, options);
}

/** `selfAttention` in a layer: a rollout that the context has is told of it. */
export function attendToSelf(qkv: Tensor, options: AttentionOptions, { rollout }: Context): Tensor {
  if (rollout) {
    const width = qkv.shape[2]! / 3;
    scope(() => rollout.attended(slice(qkv, 2, 0, width), slice(qkv, 2, width), options));
  }
  return selfAttention(qkv, options);
}

/** The first token of every sequence: [batch, tokens, width] to [batch, 1, width]. */
export const firstToken = (x: Tensor): Tensor => slice(x, 1, 0, 1);
export const firstTokenInOnnx = (x: Value): Value => onnx.slice(x, 1, 0, 1);

/**
 * Multi-head self-attention (Vaswani et al., 2017) without its output projection; declares `query`, `key` and `value`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EVALUATION, full, Gpu, Parameters, SelfAttention } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const config = {
 *   hidden_size: 8,
 *   num_attention_heads: 2,
 *   attention_probs_dropout_prob: 0.1,
 *   initializer_range: 0.02,
 *   dense_initializer: "xavier_normal",
 * } as const;
 * const parameters = new Parameters();
 * const causal = new SelfAttention(parameters.root.at("self"), config, { causal: true });
 * parameters.allocate(gpu, 0);
 * const x = full(gpu, [3, 5, 8], 1); // [batch, tokens, width]
 * assert.deepEqual(causal.forward(x, undefined, EVALUATION, false).shape, [3, 5, 8]);
 * gpu.destroy();
 * ```
 */
export class SelfAttention implements Attention {
  readonly #projections: JoinedLinear;
  readonly #query: (x: Tensor) => Tensor;
  readonly #keyValue: (x: Tensor) => Tensor;
  readonly #queryKeyValue: (x: Tensor) => Tensor;
  readonly #config: AttentionConfig;
  readonly #options: SelfAttentionOptions;

  constructor(path: ModulePath, config: AttentionConfig, options: SelfAttentionOptions = {}) {
    const width = config.hidden_size;
    const { bias = true } = options;
    const projections = new JoinedLinear(path, ["query", "key", "value"], width, width, {
      initializer: denseInitializer(config),
      takesF16: true,
      bias,
    });
    this.#projections = projections;
    this.#query = projections.layers(0, 1);
    this.#keyValue = projections.layers(1, 3);
    this.#queryKeyValue = projections.layers(0, 3);
    this.#config = config;
    this.#options = options;
  }

  forward(x: Tensor, mask: Tensor | undefined, context: Context, onlyFirst: boolean): Tensor {
    const { keys } = context;
    const probability = this.#config.attention_probs_dropout_prob;
    const { scoreBias, causal, window } = this.#options;
    const bias = scoreBias?.forward(x.shape[1]!);
    const options = {
      heads: this.#config.num_attention_heads,
      ...(mask && { mask }),
      ...(bias && { bias: onlyFirst ? slice(bias, 1, 0, 1) : bias }),
      ...(causal && { causal }),
      ...(window !== undefined && { window }),
      ...(keys && probability > 0 && { dropout: { probability, key: keys.next() } }),
    };
    return onlyFirst
      ? attend(this.#query(firstToken(x)), this.#keyValue(x), options, context)
      : attendToSelf(this.#queryKeyValue(x), options, context);
  }

  toOnnx(x: Value, bias: Value | undefined, onlyFirst: boolean): Value {
    const { hidden_size: width, num_attention_heads: heads } = this.#config;
    const { scoreBias } = this.#options;
    const tokens = onnx.sizeOf(x, 1);
    const seen = seenInOnnx(tokens, bias, this.#options);
    const learned = scoreBias?.toOnnx(tokens);
    const biases = [seen, learned].flatMap((one) => one ?? []);
    return attendInOnnx(
      {
        query: this.#projections.toOnnx(0, onlyFirst ? firstTokenInOnnx(x) : x),
        key: this.#projections.toOnnx(1, x),
        value: this.#projections.toOnnx(2, x),
      },
      { heads, dim: width / heads },
      onlyFirst ? biases.map((one) => onnx.slice(one, -2, 0, 1)) : biases,
    );
  }
}

/** The fields of a transformer that its attention is built by. */
export type AttentionConfig = Pick<
  TransformerConfig,
  | "hidden_size"
  | "num_attention_heads"
  | "attention_probs_dropout_prob"
  | "initializer_range"
  | "dense_initializer"
>;

/**
 * What is added to the score of a key that may not be attended to: its probability becomes 0, and no sum leaves the range
 * of f16.
 */
const MASKED_SCORE = -30000;

/** What is added to the scores of keys in a graph of ONNX: mask int64 [batch, tokens] gives [batch, 1, 1, tokens]. */
export function attentionBias(mask: Value): Value {
  const { precision } = mask.graph;
  const isLeftOut = onnx.cast(onnx.subtract(onnx.scalar(1, mask), mask), precision);
  const bias = onnx.multiply(isLeftOut, onnx.scalar(MASKED_SCORE, isLeftOut));
  return onnx.reshape(bias, [0, 1, 1, -1]);
}

/** softmax(q kᵀ · scale + biases) v of each head; q, k and v are [batch, tokens, heads · dim]. */
export function attendInOnnx(
  { query, key, value }: Readonly<Record<"query" | "key" | "value", Value>>,
  { heads, dim, scale = 1 / Math.sqrt(dim) }: {
    readonly heads: number;
    readonly dim: number;
    readonly scale?: number;
  },
  biases: readonly Value[],
): Value {
  const split = (x: Value, order: readonly number[]) =>
    onnx.transpose(onnx.reshape(x, [0, 0, heads, dim]), order);
  // Scaled before the product, which in f16 would overflow sooner.
  const scaled = onnx.multiply(split(query, [0, 2, 1, 3]), onnx.scalar(scale, query));
  const scores = onnx.matmul(scaled, split(key, [0, 2, 3, 1]));
  const attended = onnx.matmul(onnx.softmax(biases.reduce(onnx.add, scores)), split(value, [0, 2, 1, 3]));
  return onnx.reshape(onnx.transpose(attended, [0, 2, 1, 3]), [0, 0, heads * dim]);
}

/** `bias` where a query sees a key from its place, and the score of what is left out elsewhere: [.., tokens, tokens]. */
export function seenInOnnx(
  tokens: Value,
  bias: Value | undefined,
  { causal = false, window }: Pick<SelfAttentionOptions, "causal" | "window">,
): Value | undefined {
  if (!causal && window === undefined) return bias;
  const { graph } = tokens;
  const leftOut = graph.constant([MASKED_SCORE], graph.precision, []);
  const places = onnx.range(tokens);
  const after = onnx.subtract(places, onnx.reshape(places, [-1, 1])); // of the key, from the query
  const within = (most: number, seen: Value) =>
    onnx.where(onnx.atLeast(onnx.scalar(most, after), after), seen, leftOut);
  const ahead = within(causal ? 0 : window!, bias ?? graph.constant([0], graph.precision, []));
  if (window === undefined) return ahead;
  return onnx.where(onnx.atLeast(after, onnx.scalar(-window, after)), ahead, leftOut);
}
