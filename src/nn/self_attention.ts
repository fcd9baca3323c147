/** Multi-head self-attention, with parameters named as in Hugging Face's checkpoints of ViT and BERT. */
import type { Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { attention, selfAttention } from "../ops/attention.ts";
import { slice } from "../ops/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Context } from "./context.ts";
import { JoinedLinear } from "./linear.ts";
import type { ModulePath } from "./parameters.ts";
import { denseInitializer, type TransformerConfig } from "./transformer_config.ts";

/** The first token of every sequence: [batch, tokens, width] to [batch, 1, width]. */
export const firstToken = (x: Tensor) => slice(x, 1, 0, 1);
export const firstTokenInOnnx = (x: Value) => onnx.slice(x, 1, 0, 1);

/**
 * What is added to the score of a key that may not be attended to: its probability becomes 0, and no sum leaves the range
 * of f16.
 */
const MASKED_SCORE = -30000;

/** Multi-head self-attention without its output projection. */
export class SelfAttention {
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

/** What is added to the scores of keys in a graph of ONNX: mask int64 [batch, tokens] gives [batch, 1, 1, tokens]. */
export function attentionBias(mask: Value): Value {
  const { precision } = mask.graph;
  const isLeftOut = onnx.cast(onnx.subtract(onnx.scalar(1, mask), mask), precision);
  const bias = onnx.multiply(isLeftOut, onnx.scalar(MASKED_SCORE, isLeftOut));
  return onnx.reshape(bias, [0, 1, 1, -1]);
}
