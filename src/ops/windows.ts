/** Windows that move over images: kernels of convolutions and of pooling. */
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Pair } from "./gemm_images.ts";

/** One number for both directions, or one for the height and one for the width. */
export type OneOrPair = number | Pair;

/** A window over images [batch, height, width, channels], and how many there are of it. */
export interface Windows {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly outputs: Pair;
}

export interface WindowOptions {
  readonly kernel: OneOrPair;
  readonly stride: OneOrPair;
  readonly padding: OneOrPair;
  readonly dilation?: OneOrPair;
}

const pairOf = (value: OneOrPair): Pair => typeof value === "number" ? [value, value] : value;

/** Throws TypeError for what is not four-dimensional. */
export function mustBeImages(op: string, x: Tensor): void {
  if (x.rank !== 4) {
    throw new TypeError(
      `Cannot ${op} ${showShape(x.shape)}: it takes images [batch, height, width, channels]`,
    );
  }
}

/**
 * The windows that fit images with zeros around them: floor((size + 2 padding − dilation (kernel − 1) − 1) / stride) + 1 of
 * them each way. Throws RangeError for values that make no sense, or where not one fits.
 */
export function windowsOver(op: string, images: Tensor, options: WindowOptions): Windows {
  const { kernel, stride, padding, dilation = 1 } = options;
  const windows = {
    kernel: pairOf(kernel),
    stride: pairOf(stride),
    padding: pairOf(padding),
    dilation: pairOf(dilation),
  };
  for (const [name, least] of [["kernel", 1], ["stride", 1], ["padding", 0], ["dilation", 1]] as const) {
    const pair = windows[name];
    if (pair.length !== 2 || !pair.every((value) => Number.isInteger(value) && value >= least)) {
      throw new RangeError(
        `Cannot ${op} with a ${name} of ${pair.join(" x ")}: it must be whole and at least ${least}`,
      );
    }
  }
  const count = (axis: 0 | 1) => {
    const reach = windows.dilation[axis] * (windows.kernel[axis] - 1) + 1;
    return Math.floor((images.shape[1 + axis]! + 2 * windows.padding[axis] - reach) / windows.stride[axis]) +
      1;
  };
  const outputs = [count(0), count(1)] as const;
  if (outputs[0] < 1 || outputs[1] < 1) {
    throw new RangeError(
      `Cannot ${op} ${showShape(images.shape)}: a kernel of ${windows.kernel.join(" x ")} ` +
        `does not fit with padding ${windows.padding.join(" x ")}`,
    );
  }
  return { ...windows, outputs };
}
