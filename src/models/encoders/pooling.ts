/** Pooling: the vector that stands for a sample, from the last hidden states of its tokens. */
import type { Gpu } from "../../gpu/gpu.ts";
import type { Context } from "../../nn/context.ts";
import { Linear } from "../../nn/linear.ts";
import type { ModulePath } from "../../nn/parameters.ts";
import { denseInitializer, type TransformerConfig } from "../../nn/transformer_config.ts";
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { cast } from "../../ops/cast.ts";
import { full } from "../../ops/fill.ts";
import { matmul } from "../../ops/matmul.ts";
import { tanh } from "../../ops/pointwise.ts";
import { mean } from "../../ops/reduce.ts";
import { reshape } from "../../ops/shape.ts";
import { scope } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { EncoderConfig, EncoderType, PoolingName } from "./encoder.ts";
import { choice, type Field, optional } from "./fields.ts";

/** The field that chooses; `hasPooler`: whether models of the kind have one. */
export function poolingField(hasPooler = true): Field<PoolingName> {
  const names: readonly PoolingName[] = hasPooler ? ["first", "mean", "pooler"] : ["first", "mean"];
  return { ...optional(choice(names, "first")), isOwn: true };
}

/** What is to be done where a checkpoint lacks a pooler that was asked for: see `CheckpointFormat.advice`. */
export const POOLER_ADVICE = { pooler: 'it has no pooler: set "pooling" to "first" or "mean"' } as const;

const POOLED: Readonly<Record<PoolingName, string>> = {
  first: "first token",
  mean: "mean over tokens",
  pooler: "pooler's result",
  projection: "projected",
};

interface Configured {
  readonly type: EncoderType;
  readonly config: EncoderConfig;
}

/** How an encoder pools; that of a class of Hugging Face's where it has such a class. */
export function poolingOf({ type, config }: Configured): PoolingName {
  return (config.pooling as PoolingName | undefined) ?? type.exported.pooling ?? "first";
}

/** Says what the representations of an encoder are, for the readers of an export. */
export function representationOf({ type, config }: Configured): string {
  return config.pooling === undefined
    ? type.representation
    : `${type.representation}, ${POOLED[config.pooling as PoolingName]}`;
}

/** The last hidden states that are pooled: each is computed only where it is wanted. */
export interface Poolable<T> {
  /** Of the first token, [batch, width]. */
  first(): T;
  /** Of all tokens, [batch, tokens, width]. */
  all(): T;
}

/**
 * Pools as its name says; the pooler is tanh(W x + b) of the first token and declares `pooler.dense.weight` and
 * `pooler.dense.bias`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { EVALUATION, Gpu, Parameters, Tensor } from "unis/engine";
 * import { bert } from "unis/models";
 * import { Pooling } from "./pooling.ts";
 *
 * const gpu = await Gpu.open();
 * const states = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [1, 2, 2]); // two tokens
 * const pooling = new Pooling(new Parameters().root, "mean", bert.configure());
 * const pooled = pooling.forward({ first: () => states, all: () => states }, EVALUATION);
 * assert.deepEqual(await pooled.read(), Float32Array.of(2, 3));
 * gpu.destroy();
 * ```
 */
export class Pooling {
  readonly #name: PoolingName;
  readonly #dense: Linear | undefined;

  constructor(path: ModulePath, name: PoolingName, config: TransformerConfig) {
    const { hidden_size: width } = config;
    this.#name = name;
    this.#dense = name !== "pooler"
      ? undefined
      : new Linear(path.at("pooler.dense"), width, width, { initializer: denseInitializer(config) });
  }

  /** Sends what `forward` wants of the mask of a batch of texts, u32 [batch, tokens], to the device. */
  upload(gpu: Gpu, mask: Uint32Array, tokens: number): Tensor | undefined {
    return this.#name === "mean" ? sharesOf(gpu, mask, tokens) : undefined;
  }

  /** Gives f32 [batch, width]; `shares` is what `upload` gave, where tokens may be padding. */
  forward(states: Poolable<Tensor>, { rollout }: Context, shares?: Tensor): Tensor {
    return scope(() => {
      if (this.#name !== "mean") {
        const first = cast(states.first(), "f32");
        return this.#dense === undefined ? first : tanh(this.#dense.forward(first));
      }
      const all = cast(states.all(), "f32");
      const [batch, tokens] = all.shape as [number, number, number];
      rollout?.pooled(shares ?? full(all.gpu, [batch, 1, tokens], 1 / tokens));
      return shares === undefined
        ? mean(all, { axes: [1] })
        : reshape(matmul(shares, all), [all.shape[0]!, -1]);
    });
  }

  /** The same in a graph of ONNX, float32; `mask` int64 [batch, tokens], where tokens may be padding. */
  toOnnx(states: Poolable<Value>, mask?: Value): Value {
    if (this.#name !== "mean") {
      const first = onnx.cast(states.first(), "float32");
      return this.#dense === undefined ? first : onnx.tanh(this.#dense.toOnnx(first));
    }
    const all = onnx.cast(states.all(), "float32");
    if (mask === undefined) return onnx.mean(all, 1);
    const rows = onnx.reshape(onnx.cast(mask, "float32"), [0, 1, -1]); // [batch, 1, tokens]
    return onnx.reshape(onnx.divide(onnx.matmul(rows, all), onnx.sum(rows, 2, true)), [0, -1]);
  }
}

/** The share of each token in the mean of its text, 0 for padding: f32 [batch, 1, tokens]. */
export function sharesOf(gpu: Gpu, mask: Uint32Array, tokens: number): Tensor {
  const shares = new Float32Array(mask.length);
  for (let start = 0; start < mask.length; start += tokens) {
    const text = mask.subarray(start, start + tokens);
    const length = text.reduce((sum, one) => sum + one, 0);
    for (const [i, one] of text.entries()) shares[start + i] = one && 1 / length;
  }
  return Tensor.from(gpu, shares, [mask.length / tokens, 1, tokens]);
}
