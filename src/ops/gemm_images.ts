/** Matrix products with images: operands that are patches and are never stored, results that are scattered over pixels. */

/** Along the height, and along the width. */
export type Pair = readonly [y: number, x: number];

/**
 * The patches of images [.., height, width, channels · products] as an operand: row (image, oy, ox) has, for each tap and
 * channel, the element at (oy · stride + tap · dilation + first), or 0 outside of the image. Product z of a batch has the
 * channels from z · channels on. Channels are a multiple of four.
 */
export interface Patches {
  readonly operand: "a" | "b";
  /** Of an image. */
  readonly size: Pair;
  readonly channels: number;
  readonly taps: Pair;
  /** Height and width of what a row of patches is counted in. */
  readonly rows: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly first: Pair;
}

/** Rows (image, y, x) of a result go to pixels (y · step + offset) of images [.., height, width, products · n]. */
export interface Pixels {
  readonly rows: Pair;
  /** Of an image. */
  readonly size: Pair;
  readonly step: Pair;
  readonly offset: Pair;
}

/** Up to this, kernels that count rows and columns may divide by one step: see quotient.wgsl. */
export const SMALL_QUOTIENT = 2 ** 21;

/** The parameters of patches.wgsl. */
export function patchesParams(
  { size, channels, taps, rows, stride, dilation, first }: Patches,
  batch: number,
): Record<string, number> {
  return {
    out_height: rows[0],
    out_width: rows[1],
    height: size[0],
    width: size[1],
    pixel: channels * batch,
    channels,
    taps: taps[1],
    stride_y: stride[0],
    stride_x: stride[1],
    dilation_y: dilation[0],
    dilation_x: dilation[1],
    first_y: first[0],
    first_x: first[1],
  };
}

/** The parameters of address_pixels.wgsl. */
export function pixelsParams({ rows, size, step, offset }: Pixels): Record<string, number> {
  return {
    out_height: rows[0],
    out_width: rows[1],
    full_height: size[0],
    full_width: size[1],
    step_y: step[0],
    step_x: step[1],
    offset_y: offset[0],
    offset_x: offset[1],
  };
}
