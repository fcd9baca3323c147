/** Images on their way into a vision transformer: bytes to normalised planes, planes to patches. */
import { defineKernel } from "../gpu/kernel.ts";
import { showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { cellConstants, cellGroups, cellOf } from "./cells.ts";
import { type Float, floatOf, mustBe } from "./check.ts";
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import normalise_ from "../../wgsl/image/normalise.wgsl" with { type: "text" };
import patches_ from "../../wgsl/image/patches.wgsl" with { type: "text" };

/** One value for red, green and blue, each a share of full intensity. */
export type Rgb = readonly [number, number, number];

const normaliseKernel = defineKernel("normaliseImages", [normalise_, grid]);

/** (byte / 255 - mean) / std by channel: u8 [batch, height, width, 3] to f32 or f16 [batch, 3, height, width]. */
export function normaliseImages(pixels: Tensor, mean: Rgb, std: Rgb, dtype: Float = "f32"): Tensor {
  mustBe("u8", "normalise images of", pixels);
  const [batch, height, width, channels] = pixels.shape;
  if (pixels.rank !== 4 || channels !== 3) {
    throw new TypeError(
      `Cannot normalise images of ${showShape(pixels.shape)}: it takes [batch, height, width, 3]`,
    );
  }
  if (!std.every((value) => value > 0)) {
    throw new RangeError(`Cannot normalise images by std ${showShape(std)}: it must be above 0`);
  }
  const y = Tensor.empty(pixels.gpu, [batch!, 3, height!, width!], dtype);
  const count = pixels.size / 3;
  const [mean0, mean1, mean2] = mean;
  const [std0, std1, std2] = std;
  const params = { count, area: height! * width!, mean0, mean1, mean2, std0, std1, std2 };
  pixels.gpu.dispatch(normaliseKernel, "normalise", { pixels, y }, params, cellGroups(count), {
    Elem: dtype,
  });
  return y;
}

const patchKernel = defineKernel("patchify", [patches_, grid]);

/**
 * Square patches of images as rows: [batch, channels, height, width] to [batch, patches, channels · patch²], patches
 * row by row and each in the order (channel, row, column), so that the weight [hidden, channels, patch, patch] of a
 * convolution with that stride is, flattened, the weight of the linear layer that does the same.
 * @throws RangeError where height or width is not a multiple of `patch`
 */
export function patchify(x: Tensor, patch: number): Tensor {
  const dtype = floatOf("patchify", x);
  if (x.rank !== 4) {
    throw new TypeError(`Cannot patchify ${showShape(x.shape)}: it takes [batch, channels, height, width]`);
  }
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  if (!Number.isInteger(patch) || patch < 1 || height % patch !== 0 || width % patch !== 0) {
    throw new RangeError(`Cannot cut images of ${height} x ${width} into patches of ${patch} x ${patch}`);
  }
  const cell = cellOf(patch);
  const count = x.size / cell;
  const params = { count, channels, height, width: width / cell, side: patch, cells: patch / cell };
  const run = (entry: string, buffers: Readonly<Record<string, Tensor>>) =>
    x.gpu.dispatch(patchKernel, entry, buffers, params, cellGroups(count), cellConstants(x, cell));
  const patches = height / patch * (width / patch);
  const y = Tensor.empty(x.gpu, [batch, patches, channels * patch * patch], dtype, needsGrad(x));
  run("forward", { x, y });
  return record(y, [x], [], (dy) => {
    const dx = Tensor.empty(dy.gpu, x.shape, dtype);
    run("backward", { dy, dx });
    return [dx];
  });
}
