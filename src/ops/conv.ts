/**
 * Convolutions of images as matrix products with their patches, which the kernels of products read from the images: no
 * patches are ever stored.
 */
import { sameShape, showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { cast } from "./cast.ts";
import { floatOf, mustBe } from "./check.ts";
import { arranged, phasesOf, restored, weightBackward, weightForward } from "./conv_weights.ts";
import { full } from "./fill.ts";
import { gemm } from "./gemm.ts";
import type { Pair, Patches } from "./gemm_images.ts";
import { linear } from "./matmul.ts";
import { sumTo } from "./reduction.ts";
import { pad, permute, reshape, slice } from "./shape.ts";
import { mustBeImages, type OneOrPair, type Windows, windowsOver } from "./windows.ts";

export interface Conv2dOptions {
  /** f32 [outputs]. */
  readonly bias?: Tensor | undefined;
  /** Pixels from one window to the next; 1 if not given. */
  readonly stride?: OneOrPair;
  /** Rows and columns of zeros on each side; none if not given. */
  readonly padding?: OneOrPair;
  /** Pixels from one element of a window to the next; 1 if not given. */
  readonly dilation?: OneOrPair;
  /** Output channels of a group see the input channels of that group alone; 1 if not given. */
  readonly groups?: number;
}

/**
 * y[b, i, j, o] = Σ x[b, i · stride + u · dilation − padding, j · stride + v · dilation − padding, c] · weight[o, c, u, v] +
 * bias[o]: x [batch, height, width, inputs], weight [outputs, inputs / groups, kernel height, kernel width] as PyTorch
 * stores it, giving [batch, height', width', outputs]. x and weight are both f32 or both f16, bias is f32; the result is of
 * the type of x, gradients of weight and bias are f32.
 * @throws TypeError for other shapes or types, RangeError for windows that do not fit
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { conv2d, full, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [1, 2, 2, 1]);
 * const y = conv2d(x, full(gpu, [1, 1, 3, 3], 1), { padding: 1 });
 * assert.deepEqual([y.shape, await y.read()], [[1, 2, 2, 1], Float32Array.of(10, 10, 10, 10)]);
 * gpu.destroy();
 * ```
 */
export function conv2d(x: Tensor, weight: Tensor, options: Conv2dOptions = {}): Tensor {
  const { bias, stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  floatOf("convolve", x, weight);
  mustBeImages("convolve", x);
  if (weight.rank !== 4) {
    throw new TypeError(
      `Cannot convolve by ${showShape(weight.shape)}: a weight is [outputs, inputs / groups, height, width]`,
    );
  }
  const [outputs, inputs, ...kernel] = weight.shape as [number, number, number, number];
  if (x.shape[3] !== inputs * groups || outputs % groups !== 0) {
    throw new TypeError(
      `Cannot convolve ${showShape(x.shape)} by ${showShape(weight.shape)} in ${groups} groups: ` +
        `it takes ${inputs * groups} channels, and a whole number of outputs a group`,
    );
  }
  if (bias) {
    mustBe("f32", "add a bias of", bias);
    if (!sameShape(bias.shape, [outputs])) {
      throw new TypeError(
        `Cannot add a bias of ${showShape(bias.shape)} to ${outputs} outputs: shapes differ`,
      );
    }
  }
  const windows = windowsOver("convolve", x, { kernel, stride, padding, dilation });
  const isPointwise = groups === 1 &&
    [...windows.kernel, ...windows.stride].every((size) => size === 1) &&
    windows.padding.every((size) => size === 0);
  if (isPointwise) return linear(x, weight, bias);

  const [spareInputs, spareOutputs] = [spare(inputs), spare(outputs / groups)];
  const y = inWholeVectors(
    spareInputs ? padGroups(x, groups, spareInputs) : x,
    spareInputs || spareOutputs ? padWeight(weight, groups, spareInputs, spareOutputs) : weight,
    bias && spareOutputs ? padGroups(bias, groups, spareOutputs) : bias,
    groups,
    windows,
  );
  return spareOutputs ? cutGroups(y, groups, outputs / groups) : y;
}

/** Channels that are missing to a multiple of four. */
const spare = (channels: number) => -channels & 3;

/** The channels of each group apart: x [.., groups · channels]. */
const groupsApart = (x: Tensor, groups: number) =>
  reshape(x, [...x.shape.slice(0, -1), groups, x.shape.at(-1)! / groups]);
const groupsTogether = (x: Tensor) =>
  reshape(x, [...x.shape.slice(0, -2), x.shape.at(-2)! * x.shape.at(-1)!]);

/** Zeros after the channels of each group. */
function padGroups(x: Tensor, groups: number, channels: number): Tensor {
  return groupsTogether(pad(groupsApart(x, groups), -1, 0, channels));
}

/** The first `channels` of each group. */
function cutGroups(x: Tensor, groups: number, channels: number): Tensor {
  return groupsTogether(slice(groupsApart(x, groups), -1, 0, channels));
}

function padWeight(weight: Tensor, groups: number, inputs: number, outputs: number): Tensor {
  const [all, own, ...kernel] = weight.shape as [number, number, number, number];
  const wide = inputs ? pad(weight, 1, 0, inputs) : weight;
  if (!outputs) return wide;
  const apart = reshape(wide, [groups, all / groups, own + inputs, ...kernel]);
  return reshape(pad(apart, 1, 0, outputs), [-1, own + inputs, ...kernel]);
}

/** The convolution where inputs and outputs of a group are multiples of four. */
function inWholeVectors(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  groups: number,
  windows: Windows,
): Tensor {
  const { gpu } = x;
  const dtype = floatOf("convolve", x, weight);
  const [images, height, width] = x.shape as [number, number, number];
  const outputs = weight.shape[0]! / groups;
  const [inputs, ...kernel] = weight.shape.slice(1) as [number, number, number];
  const { stride, padding, dilation, outputs: rows } = windows;
  const m = images * rows[0] * rows[1];
  const k = kernel[0] * kernel[1] * inputs;
  const patches: Patches = {
    operand: "a",
    size: [height, width],
    channels: inputs,
    taps: kernel,
    rows,
    stride,
    dilation,
    first: [-padding[0], -padding[1]],
  };
  const y = Tensor.empty(gpu, [images, ...rows, outputs * groups], dtype, needsGrad(x, weight, bias));
  gemm(x, arranged(weight, weightForward(weight, groups)), {
    ...{ m, n: outputs, k, batch: groups, transposeB: true, patches, into: y, overwrites: true },
    ...(bias && { bias, epilogue: "bias" as const }),
    pixels: { rows, size: rows, step: [1, 1], offset: [0, 0] },
  });
  return record(y, bias ? [x, weight, bias] : [x, weight], [x, weight], (dy, needed, sinks) => {
    const dc = cast(dy, dtype);
    const rowSums = needed[1] && needed[2] && dc === dy && groups === 1
      ? sinks[2] ?? full(gpu, [outputs], 0)
      : undefined;
    const gradientOfWeight = () => {
      const apart = groups === 1 ? dc : permute(dc.view([m, groups, outputs]), [1, 0, 2]);
      const dw = gemm(apart, x, {
        ...{ m: outputs, n: k, k: m, batch: groups, transposeA: true, result: "f32", rowSums },
        patches: { ...patches, operand: "b" },
      });
      return restored(dw, weight, weightForward(weight, groups), sinks[1]);
    };
    return [
      needed[0] ? gradientOfImages(dc, x, weight, groups, windows, sinks[0]) : undefined,
      needed[1] ? gradientOfWeight() : undefined,
      needed[2]
        ? rowSums ?? sumTo(dy.view([m, groups * outputs]), [groups * outputs], sinks[2], "f32")
        : undefined,
    ];
  });
}

/**
 * dx[b, s i + p, ..] for each of the phases p = 0 .. s − 1 of a stride s: the windows that reach such pixels reach them by
 * every (s / gcd(s, dilation))-th tap alone, so that each phase is a convolution of dy with these taps, of stride 1.
 */
function gradientOfImages(
  dy: Tensor,
  x: Tensor,
  weight: Tensor,
  groups: number,
  { kernel, stride, padding, dilation, outputs: size }: Windows,
  sink: Tensor | undefined,
): Tensor {
  const [images, height, width] = x.shape as [number, number, number];
  const [outputs, inputs] = [weight.shape[0]! / groups, weight.shape[1]!];
  const along = (axis: 0 | 1) =>
    phasesOf([height, width][axis]!, kernel[axis], stride[axis], padding[axis], dilation[axis]);
  const [down, across] = [along(0), along(1)];
  // Pixels that no window reaches get no gradient.
  const isWhole = [...down, ...across].every(({ taps }) => taps > 0);
  const dx = sink ??
    (isWhole ? Tensor.empty(x.gpu, x.shape, dy.dtype) : full(x.gpu, x.shape, 0, dtypeOf(dy)));
  for (const y of down) {
    for (const x of across) {
      if (y.taps === 0 || x.taps === 0) continue;
      const rows: Pair = [y.rows, x.rows];
      const part = weightBackward(weight, groups, y, x);
      gemm(dy, arranged(weight, part), {
        ...{ m: images * y.rows * x.rows, n: inputs, k: y.taps * x.taps * outputs, batch: groups },
        ...{ transposeB: true, into: dx, overwrites: sink === undefined },
        patches: {
          ...{ operand: "a", size, channels: outputs, taps: [y.taps, x.taps], rows, stride: [1, 1] },
          ...{ dilation: [-y.spacing, -x.spacing], first: [y.first, x.first] },
        },
        pixels: { rows, size: [height, width], step: stride, offset: [y.offset, x.offset] },
      });
    }
  }
  return dx;
}

const dtypeOf = (tensor: Tensor) => floatOf("convolve", tensor);
