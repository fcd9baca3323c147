/** Images on their way into a vision transformer: from bytes to normalised patches. */
import { defineKernel } from "../gpu/kernel.ts";
import { showShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type Float, mustBe } from "./check.ts";
import { packSizeOf } from "./packs.ts";
import byFour from "../../wgsl/image/by_four.wgsl" with { type: "text" };
import byOne from "../../wgsl/image/by_one.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import patches_ from "../../wgsl/image/patches.wgsl" with { type: "text" };

/** One value for red, green and blue, each a fraction of full intensity. */
type Rgb = readonly [number, number, number];

/** Bytes become (byte / 255 − mean) / std, by channel. */
export interface ImageNormalisation {
  readonly mean: Rgb;
  readonly std: Rgb;
}

const kernels = {
  1: defineKernel("patchify", [patches_, byOne, grid]),
  4: defineKernel("patchify", [patches_, byFour, grid]),
};

/**
 * Square patches of images as rows, normalised: u8 [batch, height, width, 3] to f32 or f16 [batch, patches, 3 · patch²],
 * patches row by row and each in the order (channel, row, column), so that the weight [hidden, 3, patch, patch] of a
 * convolution with that stride is, flattened, the weight of the linear layer that does the same. Bytes have no gradient.
 * @throws RangeError where height or width is not a multiple of `patch`
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, patchify, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const white = Tensor.from(gpu, new Uint8Array(4 * 6 * 3).fill(255), [1, 4, 6, 3]);
 * const patches = patchify(white, 2, { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] });
 * assert.deepEqual(patches.shape, [1, 6, 12]);
 * assert.ok((await patches.read()).every((value) => Math.abs(value - 1) < 1e-6));
 * gpu.destroy();
 * ```
 */
export function patchify(
  pixels: Tensor,
  patch: number,
  { mean, std }: ImageNormalisation,
  dtype: Float = "f32",
): Tensor {
  mustBe("u8", "patchify", pixels);
  const [batch, height, width, channels] = pixels.shape as [number, number, number, number];
  if (pixels.rank !== 4 || channels !== 3) {
    throw new TypeError(`Cannot patchify ${showShape(pixels.shape)}: it takes [batch, height, width, 3]`);
  }
  if (!Number.isInteger(patch) || patch < 1 || height % patch !== 0 || width % patch !== 0) {
    throw new RangeError(`Cannot cut images of ${height} x ${width} into patches of ${patch} x ${patch}`);
  }
  if (!std.every((value) => value > 0)) {
    throw new RangeError(`Cannot normalise images by std ${showShape(std)}: it must be above 0`);
  }
  const packSize = packSizeOf(patch);
  const count = pixels.size / 3 / packSize;
  const [mean0, mean1, mean2] = mean;
  const [std0, std1, std2] = std;
  const sizes = { count, width: width / packSize, side: patch, packs: patch / packSize };
  const params = { ...sizes, mean0, mean1, mean2, std0, std1, std2 };
  const patches = height / patch * (width / patch);
  const y = Tensor.empty(pixels.gpu, [batch, patches, 3 * patch * patch], dtype);
  pixels.gpu.dispatch({
    kernel: kernels[packSize],
    entry: "patches",
    buffers: { pixels, y },
    params,
    invocations: count,
    constants: { Elem: dtype },
  });
  return y;
}
