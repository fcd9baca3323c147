/** Activations by the names that Hugging Face's `hidden_act` gives them. */
import type { Tensor } from "../tensor/tensor.ts";
import { gelu, geluTanh, quickGelu, relu, silu } from "./pointwise.ts";

/**
 * The op of each name.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ACTIVATIONS, Gpu, relu, Tensor } from "unis/engine";
 *
 * assert.equal(ACTIVATIONS.relu, relu);
 * assert.equal(ACTIVATIONS.gelu_new, ACTIVATIONS.gelu_pytorch_tanh);
 * const gpu = await Gpu.open();
 * const y = await ACTIVATIONS.silu(Tensor.from(gpu, Float32Array.of(0, 20), [2])).read();
 * assert.deepEqual(y, Float32Array.of(0, 20));
 * gpu.destroy();
 * ```
 */
export const ACTIVATIONS = {
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  quick_gelu: quickGelu,
  relu,
  silu,
} as const satisfies Readonly<Record<string, (x: Tensor) => Tensor>>;

export type ActivationName = keyof typeof ACTIVATIONS;

/** All names, in the order of the alphabet. */
export const ACTIVATION_NAMES = Object.keys(ACTIVATIONS) as readonly ActivationName[];
