/** Pooling of images: the largest or the mean of windows, and the mean of as many bins as are wanted. */
import { defineKernel } from "../gpu/kernel.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { floatOf } from "./check.ts";
import type { Pair } from "./gemm_images.ts";
import { packConstants, type PackSize, packSizeOf } from "./packs.ts";
import { mustBeImages, type OneOrPair, type Windows, windowsOver } from "./windows.ts";
import { MAX_ITERATIONS } from "./workgroup.ts";
import average_ from "../../wgsl/pool/average.wgsl" with { type: "text" };
import bins_ from "../../wgsl/pool/bins.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import params_ from "../../wgsl/pool/params.wgsl" with { type: "text" };
import quotient from "../../wgsl/lib/quotient.wgsl" with { type: "text" };
import tapsByFour from "../../wgsl/pool/taps_by_four.wgsl" with { type: "text" };
import tapsByOne from "../../wgsl/pool/taps_by_one.wgsl" with { type: "text" };
import max_ from "../../wgsl/pool/max.wgsl" with { type: "text" };
import windows_ from "../../wgsl/pool/windows.wgsl" with { type: "text" };

export interface PoolOptions {
  readonly kernel: OneOrPair;
  /** Pixels from one window to the next; as many as the kernel has if not given. */
  readonly stride?: OneOrPair;
  /** Rows and columns that windows reach beyond the image on each side, at most half of the kernel; none if not given. */
  readonly padding?: OneOrPair;
}

/** Channels by fours are read through textures where there are some. */
const poolKernel = (name: string, ...files: readonly string[]) => ({
  1: defineKernel(name, [...files, params_, grid, quotient]),
  4: defineKernel(name, [...files, params_, grid, quotient], ["x", "dy"]),
});
const maxKernel = {
  1: poolKernel("maxPool2d", max_, windows_, tapsByOne)[1],
  4: poolKernel("maxPool2d", max_, windows_, tapsByFour)[4],
};
const averageKernel = poolKernel("avgPool2d", average_, windows_);
const binsKernel = poolKernel("adaptiveAvgPool2d", average_, bins_);

/** What every kernel of a pooling is given: for the tensor one of whose packs an invocation computes. */
function work(x: Tensor, target: Tensor, outputs: Pair, packSize: PackSize = packSizeOf(x.shape[3]!)) {
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const count = target.size / packSize;
  const isWide = packSize === 4;
  return {
    packSize,
    params: {
      count,
      packs: channels / packSize,
      height,
      width,
      out_height: outputs[0],
      out_width: outputs[1],
    },
    invocations: count,
    constants: { ...packConstants(x, packSize), Wide: isWide ? "vec4f" : "f32" },
  };
}

function windowsFor(op: string, x: Tensor, { kernel, stride = kernel, padding = 0 }: PoolOptions): Windows {
  floatOf(op, x);
  mustBeImages(op, x);
  const windows = windowsOver(op, x, { kernel, stride, padding });
  const [y, across] = windows.kernel;
  if (windows.padding[0] > y / 2 || windows.padding[1] > across / 2) {
    throw new RangeError(
      `Cannot ${op} with a padding of ${windows.padding.join(" x ")}: it is more than half of the kernel`,
    );
  }
  if (y * across > MAX_ITERATIONS) {
    throw new RangeError(`Cannot ${op} with a kernel of ${y} x ${across}: too many pixels for one loop`);
  }
  return windows;
}

const windowParams = ({ kernel, stride, padding }: Windows) => ({
  ...{ kernel_y: kernel[0], kernel_x: kernel[1], stride_y: stride[0], stride_x: stride[1] },
  ...{ padding_y: padding[0], padding_x: padding[1] },
});

/**
 * The largest of each window: x [batch, height, width, channels], f32 or f16, gives [batch, height', width', channels].
 * Windows reach beyond the image by `padding`, but what is there does not take part. The gradient goes to the first of
 * several that are equal, as PyTorch has it.
 * @throws TypeError for what is no images, RangeError for windows that do not fit
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, maxPool2d, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [1, 2, 2, 1]);
 * assert.deepEqual(await maxPool2d(x, { kernel: 2 }).read(), Float32Array.of(4));
 * gpu.destroy();
 * ```
 */
export function maxPool2d(x: Tensor, options: PoolOptions): Tensor {
  const windows = windowsFor("maxPool2d", x, options);
  const { gpu } = x;
  const isSaved = needsGrad(x);
  const [batch, , , channels] = x.shape as [number, number, number, number];
  const y = Tensor.empty(gpu, [batch, ...windows.outputs, channels], x.dtype, isSaved);
  // Of four channels, which pixel was taken is four bytes of a word.
  const packSize = packSizeOf(channels, windows.kernel[0] * windows.kernel[1] <= 256 ? 4 : 1);
  const taken = isSaved ? Tensor.empty(gpu, [y.size / packSize], "u32") : undefined;
  const dispatch = (entry: string, target: Tensor, buffers: Record<string, Tensor>) => {
    const { params, ...rest } = work(x, target, windows.outputs, packSize);
    gpu.dispatch({
      ...{ kernel: maxKernel[packSize], entry, buffers, params: { ...params, ...windowParams(windows) } },
      ...rest,
    });
  };
  if (taken) dispatch("forward_saved", y, { x, y, taken });
  else dispatch("forward", y, { x, y });
  return record(y, [x], taken ? [taken] : [], (dy) => {
    const dx = Tensor.empty(gpu, x.shape, dy.dtype);
    dispatch("backward", dx, { dy, dx, took: taken! });
    return [dx];
  });
}

function average(
  x: Tensor,
  kernel: typeof averageKernel,
  outputs: Pair,
  more: Record<string, number>,
): Tensor {
  const { gpu } = x;
  const [batch, , , channels] = x.shape as [number, number, number, number];
  const y = Tensor.empty(gpu, [batch, ...outputs, channels], x.dtype, needsGrad(x));
  const dispatch = (entry: string, target: Tensor, buffers: Record<string, Tensor>) => {
    const { params, ...rest } = work(x, target, outputs);
    const { [packSizeOf(channels)]: own } = kernel;
    gpu.dispatch({ kernel: own, entry, buffers, params: { ...params, ...more }, ...rest });
  };
  dispatch("forward", y, { x, y });
  return record(y, [x], [], (dy) => {
    const dx = Tensor.empty(gpu, x.shape, dy.dtype);
    dispatch("backward", dx, { dy, dx });
    return [dx];
  });
}

/**
 * The mean of each window: x [batch, height, width, channels], f32 or f16, gives [batch, height', width', channels].
 * Windows reach beyond the image by `padding`, where there are zeros that count, as PyTorch has it by default.
 * @throws TypeError for what is no images, RangeError for windows that do not fit
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { avgPool2d, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [1, 2, 2, 1]);
 * assert.deepEqual(await avgPool2d(x, { kernel: 2 }).read(), Float32Array.of(2.5));
 * gpu.destroy();
 * ```
 */
export function avgPool2d(x: Tensor, options: PoolOptions): Tensor {
  const windows = windowsFor("avgPool2d", x, options);
  return average(x, averageKernel, windows.outputs, windowParams(windows));
}

/**
 * The means of size[0] × size[1] bins, however large the images are: x [batch, height, width, channels], f32 or f16, gives
 * [batch, ..size, channels]. Bin i of n along an axis holds the pixels from floor(i · length / n) up to
 * ceil((i + 1) · length / n), as PyTorch has it: where n does not divide the length, neighbours share some.
 * @throws TypeError for what is no images, RangeError for a size that is not at least 1
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { adaptiveAvgPool2d, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 6), [1, 1, 3, 1]);
 * assert.deepEqual(await adaptiveAvgPool2d(x, [1, 2]).read(), Float32Array.of(1.5, 4));
 * gpu.destroy();
 * ```
 */
export function adaptiveAvgPool2d(x: Tensor, size: Pair): Tensor {
  floatOf("adaptiveAvgPool2d", x);
  mustBeImages("adaptiveAvgPool2d", x);
  if (!size.every((length) => Number.isInteger(length) && length >= 1)) {
    throw new RangeError(
      `Cannot pool into ${size.join(" x ")} bins: each number must be whole and at least 1`,
    );
  }
  const [, height, width] = x.shape as [number, number, number];
  if ((height / size[0] + 2) * (width / size[1] + 2) > MAX_ITERATIONS) {
    throw new RangeError(
      `Cannot pool ${height} x ${width} pixels into ${size.join(" x ")} bins: they are too large`,
    );
  }
  return average(x, binsKernel, size, {});
}
