/** What a forward pass needs beside its input. */
import type { Float } from "../ops/check.ts";
import { dropout } from "../ops/dropout.ts";
import { add } from "../ops/arithmetic.ts";
import type { RandomKeys } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Training has the keys of its step; without them nothing is dropped. */
export interface Context {
  readonly keys?: RandomKeys;
  /** True: transformer layers keep their input alone for the gradient, and compute the rest a second time. */
  readonly checkpointing?: boolean;
  /**
   * Of the activations of transformers; f32 if not given. Representations are f32 in any case, and f16 takes parameters
   * allocated with halves.
   */
  readonly precision?: Float;
}

/** Nothing is random: evaluation, in f32. */
export const EVALUATION: Context = {};

/** Dropout with `probability` in training; x itself in evaluation. */
export function drop(x: Tensor, probability: number, { keys }: Context): Tensor {
  return keys && probability > 0 ? dropout(x, probability, keys.next()) : x;
}

/** residual + drop(x), shapes being equal. */
export function dropAdd(residual: Tensor, x: Tensor, probability: number, { keys }: Context): Tensor {
  return keys && probability > 0 ? dropout(x, probability, keys.next(), residual) : add(residual, x);
}
