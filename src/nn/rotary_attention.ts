/** Self-attention with rotary positions (Su et al., 2021), as ModernBERT has it. */
import type { FloatType, Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { attention, selfAttention } from "../ops/attention.ts";
import { rotary, rotaryTurns } from "../ops/rotary.ts";
import { slice } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Context } from "./context.ts";
import { Linear } from "./linear.ts";
import type { Constant } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";
import {
  attendInOnnx,
  type Attention,
  type AttentionConfig,
  firstToken,
  firstTokenInOnnx,
  seenInOnnx,
} from "./self_attention.ts";
import { denseInitializer } from "./transformer_config.ts";

export interface RotaryOptions {
  /** Angles shrink from pair to pair of a head, from 1 a place to 1 / theta. */
  readonly theta: number;
  /** The most tokens that there are. */
  readonly places: number;
  /** A token attends only to those that are at most so many places before or after it. */
  readonly window?: number;
  /** True if not given: queries, keys and values have a bias. */
  readonly bias?: boolean;
}

/** Queries and keys turn by the places of their tokens. Declares `Wqkv`, one layer for queries, keys and values. */
export class RotaryAttention implements Attention {
  readonly #queryKeyValue: Linear;
  readonly #turns: Constant;
  readonly #config: AttentionConfig;
  readonly #options: RotaryOptions;

  constructor(path: ModulePath, config: AttentionConfig, options: RotaryOptions) {
    const { hidden_size: width, num_attention_heads: heads } = config;
    const { theta, places, bias = true } = options;
    const dim = width / heads;
    const linear = { initializer: denseInitializer(config), takesF16: true, bias };
    this.#queryKeyValue = new Linear(path.at("Wqkv"), width, 3 * width, linear);
    this.#turns = path.constant("turns", [places, 2, dim / 2], rotaryTurns(places, dim, theta));
    this.#config = config;
    this.#options = options;
  }

  forward(x: Tensor, mask: Tensor | undefined, { keys }: Context, onlyFirst: boolean): Tensor {
    const {
      hidden_size: width,
      num_attention_heads: heads,
      attention_probs_dropout_prob: probability,
    } = this.#config;
    const { window } = this.#options;
    const options = {
      heads,
      ...(mask && { mask }),
      ...(window !== undefined && { window }),
      ...(keys && probability > 0 && { dropout: { probability, key: keys.next() } }),
    };
    return scope(() => {
      const qkv = rotary(this.#queryKeyValue.forward(x), this.#turns.value, 2 * heads);
      return onlyFirst
        ? attention(slice(firstToken(qkv), 2, 0, width), slice(qkv, 2, width), options)
        : selfAttention(qkv, options);
    });
  }

  toOnnx(x: Value, bias: Value | undefined, onlyFirst: boolean): Value {
    const { hidden_size: width, num_attention_heads: heads } = this.#config;
    const dim = width / heads;
    const all = this.#queryKeyValue.toOnnx(x);
    const [q, k, v] = [0, 1, 2].map((i) => onnx.slice(all, 2, i * width, (i + 1) * width));
    const turn = this.#turnInOnnx(x);
    const query = turn(q!);
    const seen = seenInOnnx(onnx.sizeOf(x, 1), bias, this.#options);
    const biases = seen ? [onlyFirst ? onnx.slice(seen, -2, 0, 1) : seen] : [];
    return attendInOnnx(
      { query: onlyFirst ? firstTokenInOnnx(query) : query, key: turn(k!), value: v! },
      { heads, dim },
      biases,
    );
  }

  /** Turns [batch, tokens, width] like x by the places of its tokens. */
  #turnInOnnx(x: Value): (heads: Value) => Value {
    const { hidden_size: width, num_attention_heads: heads } = this.#config;
    const half = width / heads / 2;
    const { graph } = x;
    const type = x.type as FloatType;
    // Angles are computed in f32, whose numbers of places f16 does not have.
    const places = onnx.reshape(onnx.cast(onnx.range(onnx.sizeOf(x, 1)), "float32"), [-1, 1, 1]);
    const factors = Array.from({ length: half }, (_, j) => this.#options.theta ** (-j / half));
    const angles = onnx.multiply(places, graph.constant(factors, "float32")); // [tokens, 1, dim / 2]
    const [cosine, sine] = [onnx.cos(angles), onnx.sin(angles)].map((one) => onnx.cast(one, type));
    return (tokens) => {
      const split = onnx.reshape(tokens, [0, 0, heads, 2 * half]);
      const [a, b] = [onnx.slice(split, 3, 0, half), onnx.slice(split, 3, half, 2 * half)];
      const turned = onnx.concat([
        onnx.subtract(onnx.multiply(a, cosine!), onnx.multiply(b, sine!)),
        onnx.add(onnx.multiply(b, cosine!), onnx.multiply(a, sine!)),
      ], 3);
      return onnx.reshape(turned, [0, 0, width]);
    };
  }
}
