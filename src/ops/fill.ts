/** Tensors of one value, and copies. */
import { defineKernel } from "../gpu/kernel.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Shape } from "../tensor/shape.ts";
import { type DType, Tensor } from "../tensor/tensor.ts";
import { bindingRanges } from "./binding_ranges.ts";
import type { Float } from "./check.ts";
import { mustBeWords } from "./packs.ts";
import fill_ from "../../wgsl/pointwise/fill.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };

/** These kernels move words, whatever the elements are, and four words are a pack. */
const PACK_BYTES = 16;

const fillKernel = defineKernel("fill", [fill_, grid]);

/**
 * A tensor whose elements all have one value.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { full, Gpu } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * assert.deepEqual(await full(gpu, [3], 0.5).read(), Float32Array.of(0.5, 0.5, 0.5));
 * gpu.destroy();
 * ```
 */
export function full(gpu: Gpu, shape: Shape, value: number, dtype: Float | "u32" = "f32"): Tensor {
  const tensor = Tensor.empty(gpu, shape, dtype);
  fill(tensor, value);
  return tensor;
}

/**
 * Overwrites every element in place, however many there are: for tensors that outlive a step, such as gradients.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { fill, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3), [3]);
 * fill(x, 7);
 * assert.deepEqual(await x.read(), Float32Array.of(7, 7, 7));
 * gpu.destroy();
 * ```
 */
export function fill(tensor: Tensor, value: number): void {
  mustBeWords("fill", tensor);
  const word = wordOf(tensor.dtype, value);
  for (const y of bindingRanges(tensor)) {
    const packs = Math.ceil(y.bytes / PACK_BYTES);
    tensor.gpu.dispatch({
      kernel: fillKernel,
      entry: "fill",
      buffers: { y },
      params: { packs, word },
      invocations: packs,
    });
  }
}

/** The word that a value fills, alone or, in f16, twice. */
function wordOf(dtype: DType, value: number): number {
  if (dtype === "f32") return new Uint32Array(Float32Array.of(value).buffer)[0]!;
  return dtype === "f16" ? new Uint32Array(Float16Array.of(value, value).buffer)[0]! : value;
}

/** A copy in memory of its own, outside the tape, however many elements there are. */
export function copy(from: Tensor): Tensor {
  const to = Tensor.empty(from.gpu, from.shape, from.dtype);
  const targets = bindingRanges(to);
  for (const [i, x] of bindingRanges(from).entries()) {
    const packs = Math.ceil(x.bytes / PACK_BYTES);
    from.gpu.dispatch({
      kernel: fillKernel,
      entry: "copy",
      buffers: { x, y: targets[i]! },
      params: { packs },
      invocations: packs,
    });
  }
  return to;
}
