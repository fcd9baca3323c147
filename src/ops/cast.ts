/** Conversion between f32 and f16. */
import { defineKernel } from "../gpu/kernel.ts";
import { showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type Float, floatOf } from "./check.ts";
import { packsOf } from "./packs.ts";
import cast_ from "../../wgsl/pointwise/cast.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };

const castKernel = defineKernel("cast", [cast_, grid]);

/**
 * x, f32 or f16, as `dtype`; x itself where it is of that type. The gradient is cast back. Throws TypeError for others.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { cast, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = cast(Tensor.from(gpu, Float32Array.of(1, 1 / 3), [2]), "f16");
 * assert.deepEqual([x.dtype, x.bytes], ["f16", 4]);
 * assert.deepEqual(await x.read(), Float32Array.of(1, Math.f16round(1 / 3)));
 * gpu.destroy();
 * ```
 */
export function cast(x: Tensor, dtype: Float): Tensor {
  if (x.dtype === dtype) return x;
  const from = floatOf("cast", x);
  const y = Tensor.empty(x.gpu, x.shape, dtype, needsGrad(x));
  castInto(x, y);
  return record(y, [x], [], (dy) => [cast(dy, from)]);
}

/** Overwrites y by the values of x, in y's type and outside the tape. Throws TypeError where sizes differ. */
export function castInto(x: Tensor, y: Tensor): void {
  const constants = { From: floatOf("cast", x), To: floatOf("cast to", y) };
  if (x.size !== y.size) {
    throw new TypeError(`Cannot cast ${showShape(x.shape)} into ${showShape(y.shape)}: sizes differ`);
  }
  const packs = packsOf(x.size);
  x.gpu.dispatch({
    kernel: castKernel,
    entry: "convert",
    buffers: { x, y },
    params: { packs },
    invocations: packs,
    constants,
  });
}
