/** Self-attention with rotary positions (Su et al., 2021), as ModernBERT has it. */
import type { FloatType, Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { rotary, rotaryTurns } from "../ops/rotary.ts";
import { slice } from "../ops/shape.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Context } from "./context.ts";
import { Linear } from "./linear.ts";
import type { Constant } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";
import {
  attend,
  attendInOnnx,
  attendToSelf,
  type Attention,
  type AttentionConfig,
  firstToken,
  firstTokenInOnnx,
  seenInOnnx,
} from "./self_attention.ts";
import { denseInitializer } from "./transformer_config.ts";

export interface RotationOptions {
  /** The most tokens that there are. */
  readonly places: number;
  /** The width of a head. */
  readonly dim: number;
  /** Angles shrink from pair to pair of a head, from 1 a place to 1 / theta. */
  readonly theta: number;
}

/** How far queries and keys turn at each place; layers with the same angles share one. */
export class Rotation {
  readonly #turns: Constant;
  readonly #options: RotationOptions;

  constructor(path: ModulePath, options: RotationOptions) {
    const { places, dim, theta } = options;
    this.#turns = path.constant("turns", [places, 2, dim / 2], rotaryTurns(places, dim, theta));
    this.#options = options;
  }

  /** Turns the first `turned` heads of x [batch, tokens, heads · dim]. */
  forward(x: Tensor, turned: number): Tensor {
    return rotary(x, this.#turns.value, turned);
  }

  /** Turns all heads of several values like x, [batch, tokens, heads · dim], in a graph of ONNX. */
  toOnnx(x: Value): (heads: Value) => Value {
    const { dim, theta } = this.#options;
    const half = dim / 2;
    const { graph } = x;
    // Angles are computed in f32: f16 has not the numbers of all places.
    const places = onnx.reshape(onnx.cast(onnx.range(onnx.sizeOf(x, 1)), "float32"), [-1, 1, 1]);
    const factors = Array.from({ length: half }, (_, j) => theta ** (-j / half));
    const angles = onnx.multiply(places, graph.constant(factors, "float32")); // [tokens, 1, dim / 2]
    const [cosine, sine] = [onnx.cos(angles), onnx.sin(angles)].map((one) =>
      onnx.cast(one, x.type as FloatType)
    );
    return (heads) => {
      const split = onnx.reshape(heads, [0, 0, -1, dim]);
      const [a, b] = [onnx.slice(split, 3, 0, half), onnx.slice(split, 3, half, dim)];
      const turned = onnx.concat([
        onnx.subtract(onnx.multiply(a, cosine!), onnx.multiply(b, sine!)),
        onnx.add(onnx.multiply(b, cosine!), onnx.multiply(a, sine!)),
      ], 3);
      return onnx.reshape(turned, [0, 0, -1]);
    };
  }
}

export interface RotaryOptions {
  readonly rotation: Rotation;
  /** A token attends only to those that are at most so many places before or after it. */
  readonly window?: number;
  /** True if not given: queries, keys and values have a bias. */
  readonly bias?: boolean;
}

/** Queries and keys turn by the places of their tokens. Declares `Wqkv`, one layer for queries, keys and values. */
export class RotaryAttention implements Attention {
  readonly #queryKeyValue: Linear;
  readonly #config: AttentionConfig;
  readonly #options: RotaryOptions;

  constructor(path: ModulePath, config: AttentionConfig, options: RotaryOptions) {
    const { hidden_size: width } = config;
    const { bias = true } = options;
    const linear = { initializer: denseInitializer(config), takesF16: true, bias };
    this.#queryKeyValue = new Linear(path.at("Wqkv"), width, 3 * width, linear);
    this.#config = config;
    this.#options = options;
  }

  forward(x: Tensor, mask: Tensor | undefined, context: Context, onlyFirst: boolean): Tensor {
    const { keys } = context;
    const {
      hidden_size: width,
      num_attention_heads: heads,
      attention_probs_dropout_prob: probability,
    } = this.#config;
    const { rotation, window } = this.#options;
    const options = {
      heads,
      ...(mask && { mask }),
      ...(window !== undefined && { window }),
      ...(keys && probability > 0 && { dropout: { probability, key: keys.next() } }),
    };
    return scope(() => {
      const qkv = rotation.forward(this.#queryKeyValue.forward(x), 2 * heads);
      return onlyFirst
        ? attend(slice(firstToken(qkv), 2, 0, width), slice(qkv, 2, width), options, context)
        : attendToSelf(qkv, options, context);
    });
  }

  toOnnx(x: Value, bias: Value | undefined, onlyFirst: boolean): Value {
    const { hidden_size: width, num_attention_heads: heads } = this.#config;
    const dim = width / heads;
    const all = this.#queryKeyValue.toOnnx(x);
    const [q, k, v] = [0, 1, 2].map((i) => onnx.slice(all, 2, i * width, (i + 1) * width));
    const turn = this.#options.rotation.toOnnx(x);
    const query = turn(q!);
    const seen = seenInOnnx(onnx.sizeOf(x, 1), bias, this.#options);
    const biases = seen ? [onlyFirst ? onnx.slice(seen, -2, 0, 1) : seen] : [];
    return attendInOnnx(
      { query: onlyFirst ? firstTokenInOnnx(query) : query, key: turn(k!), value: v! },
      { heads, dim },
      biases,
    );
  }
}
