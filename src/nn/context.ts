/** What a forward pass needs beside its input. */
import { add, mul } from "../ops/arithmetic.ts";
import type { Float } from "../ops/check.ts";
import { dropout } from "../ops/dropout.ts";
import { full } from "../ops/fill.ts";
import type { RandomKeys } from "../tensor/random.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AttentionRollout } from "./attention_rollout.ts";

/** Training passes the random keys of its step; without keys nothing is dropped. */
export interface Context {
  readonly keys?: RandomKeys;
  /** True: batch norm goes by the statistics of the batch, and moves its running ones. If not given, by the running ones. */
  readonly training?: boolean;
  /** True: layers of transformers, and blocks of convolutions, keep only their input for the gradient, and compute the rest a second time (recompute.ts). */
  readonly recompute?: boolean;
  /** True in the second computation of a layer: what a forward pass moves beside its result has moved already. */
  readonly recomputing?: boolean;
  /**
   * The type of the activations of transformers; f32 if not given. Representations are f32 in any case. f16 needs
   * parameters allocated with f16 copies.
   */
  readonly precision?: Float;
  /** Told what the layers of one encoder attend to, where somebody wants to know. */
  readonly rollout?: AttentionRollout;
}

/** Nothing is random: evaluation, in f32. */
export const EVALUATION: Context = {};

/**
 * Dropout with `probability` in training; x itself in evaluation.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { drop, EVALUATION, full, Gpu, RandomKeys } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = full(gpu, [100], 1);
 * assert.equal(drop(x, 0.5, EVALUATION), x);
 * const dropped = await drop(x, 0.5, { keys: new RandomKeys(0, 1) }).read();
 * assert.ok(dropped.includes(0) && dropped.includes(2));
 * gpu.destroy();
 * ```
 */
export function drop(x: Tensor, probability: number, { keys }: Context): Tensor {
  return keys && probability > 0 ? dropout(x, probability, keys.next()) : x;
}

/**
 * residual + drop(x), in one kernel; both have one shape.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { dropAdd, EVALUATION, full, Gpu } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = dropAdd(full(gpu, [2], 1), full(gpu, [2], 3), 0.1, EVALUATION);
 * assert.deepEqual(await y.read(), Float32Array.of(4, 4));
 * gpu.destroy();
 * ```
 */
export function dropAdd(residual: Tensor, x: Tensor, probability: number, { keys }: Context): Tensor {
  return keys && probability > 0 ? dropout(x, probability, keys.next(), residual) : add(residual, x);
}

/**
 * Stochastic depth (Huang et al., 2016): in training, all of x [batch, ..] that belongs to a sample is 0 with this
 * probability, and is divided by what is left of it to 1 otherwise; x itself in evaluation.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { dropPath, full, Gpu, RandomKeys } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const y = await dropPath(full(gpu, [100, 3], 1), 0.5, { keys: new RandomKeys(0, 1) }).read();
 * for (let i = 0; i < 300; i += 3) assert.ok(y[i] === y[i + 2] && (y[i] === 0 || y[i] === 2));
 * gpu.destroy();
 * ```
 */
export function dropPath(x: Tensor, probability: number, { keys }: Context): Tensor {
  if (!keys || probability === 0) return x;
  return scope(() => {
    const [batch, ...others] = x.shape;
    const kept = full(x.gpu, [batch!, ...others.map(() => 1)], 1);
    return mul(x, dropout(kept, probability, keys.next()));
  });
}
