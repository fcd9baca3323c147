/** Dropout whose mask is a function of a key: nothing is stored, the gradient draws the same numbers again. */
import { defineKernel } from "../gpu/kernel.ts";
import type { RandomKey } from "../tensor/random.ts";
import { sameShape, showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { floatOf } from "./check.ts";
import { packsOf } from "./packs.ts";
import { add } from "./arithmetic.ts";
import dropout_ from "../../wgsl/dropout/dropout.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import philox from "../../wgsl/lib/philox.wgsl" with { type: "text" };

/** Parameters by which a kernel drops elements, with `keep4` of wgsl/lib/philox.wgsl, and scales up those it keeps. */
export interface DropoutParams extends RandomKey {
  readonly threshold: number;
  readonly factor: number;
}

/** The parameters of dropout with `probability`, drawn by `key`. Throws RangeError for a probability outside [0, 1). */
export function dropoutParams(probability: number, key: RandomKey): DropoutParams {
  if (!(probability >= 0 && probability < 1)) {
    throw new RangeError(`Cannot drop with probability ${probability}: it must be at least 0 and below 1`);
  }
  const threshold = Math.min(Math.round(probability * 2 ** 32), 2 ** 32 - 1);
  return { ...key, threshold, factor: 1 / (1 - probability) };
}

const dropoutKernel = defineKernel("dropout", [dropout_, grid, philox], ["x", "addend"]);

/**
 * x, f32 or f16, where each element is set to zero with `probability` and else divided by 1 − probability; x itself for 0.
 * Equal keys drop equal elements. An `addend`, of the shape and type of x, is added in the same kernel, as the residual
 * connection of a transformer. Throws RangeError for a probability outside [0, 1), TypeError where shapes or types differ.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { dropout, full, Gpu, RandomKeys } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const keys = new RandomKeys(0, 1); // of seed 0, in step 1
 * const y = await dropout(full(gpu, [1000], 1), 0.5, keys.next()).read();
 * assert.ok(y.every((value) => value === 0 || value === 2));
 * gpu.destroy();
 * ```
 */
export function dropout(x: Tensor, probability: number, key: RandomKey, addend?: Tensor): Tensor {
  const dtype = addend ? floatOf("drop elements and add", x, addend) : floatOf("drop elements of", x);
  const params = dropoutParams(probability, key);
  if (addend && !sameShape(x.shape, addend.shape)) {
    throw new TypeError(
      `Cannot add ${showShape(addend.shape)} to ${showShape(x.shape)} with elements dropped: shapes differ`,
    );
  }
  if (probability === 0) return addend ? add(addend, x) : x;
  const drop = (x: Tensor, addend: Tensor | undefined, requiresGrad: boolean) => {
    const y = Tensor.empty(x.gpu, x.shape, dtype, requiresGrad);
    const packs = packsOf(x.size);
    x.gpu.dispatch({
      kernel: dropoutKernel,
      entry: addend ? "dropout_add" : "dropout",
      buffers: { x, y, ...(addend && { addend }) },
      params: { packs, ...params },
      invocations: packs,
      constants: { Elem: dtype },
    });
    return y;
  };
  const y = drop(x, addend, needsGrad(x, addend));
  return record(y, addend ? [x, addend] : [x], [], (dy, needed) => {
    const dx = needed[0] ? drop(dy, undefined, false) : undefined;
    return addend ? [dx, dy] : [dx];
  });
}
