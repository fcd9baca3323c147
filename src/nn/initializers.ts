/** Initial values of parameters. */
import { type Shape, sizeOf } from "../tensor/shape.ts";

/** Fills `values`, a parameter of `shape`; the same `seed` gives the same values on every machine. */
export type Initializer = (values: Float32Array, shape: Shape, seed: string) => void;

/** All 0: biases. */
export const zeros: Initializer = (values) => values.fill(0);

/** All 1: the gains of norms. */
export const ones: Initializer = (values) => values.fill(1);

/**
 * Normal with mean 0 and this standard deviation.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { normal } from "unis/engine";
 *
 * const values = new Float32Array(10_000);
 * normal(0.5)(values, [100, 100], "seed");
 * const variance = values.reduce((sum, x) => sum + x * x, 0) / values.length;
 * assert.ok(Math.abs(Math.sqrt(variance) - 0.5) < 0.02);
 * ```
 */
export function normal(std: number): Initializer {
  return (values, _, seed) => {
    const random = generator(seed);
    for (let i = 0; i < values.length; i += 2) {
      // The transform of Box and Muller: two uniform numbers make two normal ones.
      const radius = std * Math.sqrt(-2 * Math.log(1 - random()));
      const angle = 2 * Math.PI * random();
      values[i] = radius * Math.cos(angle);
      if (i + 1 < values.length) values[i + 1] = radius * Math.sin(angle);
    }
  };
}

/**
 * Normal with variance 2 / (inputs + outputs), for a weight of [outputs, inputs] (Glorot and Bengio, 2010).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { xavierNormal } from "unis/engine";
 *
 * const values = new Float32Array(10_000);
 * xavierNormal(values, [100, 100], "seed");
 * const variance = values.reduce((sum, x) => sum + x * x, 0) / values.length;
 * assert.ok(Math.abs(variance - 2 / 200) < 0.001);
 * ```
 */
export const xavierNormal: Initializer = (values, shape, seed) => {
  const outputs = shape[0]!;
  const inputs = sizeOf(shape) / outputs;
  normal(Math.sqrt(2 / (inputs + outputs)))(values, shape, seed);
};

/** Uniform within ±1 / √inputs, for a weight of [outputs, inputs]: what torch begins a linear layer with. */
export const uniformByInputs: Initializer = (values, [outputs], seed) => {
  const random = generator(seed);
  const bound = 1 / Math.sqrt(values.length / outputs!);
  values.forEach((_, i) => values[i] = bound * (2 * random() - 1));
};

/**
 * Normal with variance 2 / fan, which keeps the size of what ReLU lets through (He et al., 2015), for the weight of a convolution
 * [outputs, inputs, height, width]. The fan is what an output sees, inputs · height · width, or with "out" what sees an input.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { kaimingNormal } from "unis/engine";
 *
 * const values = new Float32Array(9000);
 * kaimingNormal("out")(values, [100, 10, 3, 3], "seed");
 * const variance = values.reduce((sum, x) => sum + x * x, 0) / values.length;
 * assert.ok(Math.abs(variance / (2 / (100 * 3 * 3)) - 1) < 0.1);
 * ```
 */
export function kaimingNormal(fan: "in" | "out"): Initializer {
  return (values, shape, seed) => {
    const [outputs, inputs, ...kernel] = shape as [number, number, ...number[]];
    normal(Math.sqrt(2 / ((fan === "in" ? inputs : outputs) * sizeOf(kernel))))(values, shape, seed);
  };
}

/**
 * Uniform in [0, 1): a counter mixed twice by murmur3's finaliser, keyed in between. Start and key are hashes of the
 * seed (FNV-1a), so that two seeds whose counters meet still draw different numbers.
 */
function generator(seed: string): () => number {
  const key = mix(hash(seed));
  let state = hash(`${seed}/start`);
  return () => {
    state = (state + 0x9e3779b9) | 0;
    return mix(mix(state) ^ key) / 2 ** 32;
  };
}

function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const char of text) h = Math.imul(h ^ char.codePointAt(0)!, 0x01000193);
  return h;
}

function mix(z: number): number {
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}
