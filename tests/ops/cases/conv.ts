import { conv2d } from "../../../src/ops/conv.ts";
import { product, Value } from "../oracle.ts";
import { type Case, withHalves } from "../table.ts";

type Pair = readonly [number, number];

export interface Convolution {
  /** Images: [batch, height, width]. */
  readonly images: readonly [number, number, number];
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: Pair;
  readonly stride?: Pair;
  readonly padding?: Pair;
  readonly dilation?: Pair;
  readonly groups?: number;
  readonly bias?: boolean;
}

/** x [batch, height, width, channels] by weight [outputs, channels / groups, ..kernel], from the definition. */
export function convolve(
  x: Value,
  weight: Value,
  { stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 }: Pick<
    Convolution,
    "stride" | "padding" | "dilation" | "groups"
  >,
): Value {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [outputs, inputs, kernelY, kernelX] = weight.shape as [number, number, number, number];
  const count = (size: number, kernel: number, axis: 0 | 1) =>
    Math.floor((size + 2 * padding[axis] - dilation[axis] * (kernel - 1) - 1) / stride[axis]) + 1;
  const [down, across] = [count(height, kernelY, 0), count(width, kernelX, 1)];
  const taps = kernelY * kernelX;
  // [groups, batch · down · across, inputs · taps], columns as a weight has them.
  const index: number[] = [];
  for (let g = 0; g < groups; g++) {
    for (let b = 0; b < batch; b++) {
      for (let i = 0; i < down; i++) {
        for (let j = 0; j < across; j++) {
          for (let c = 0; c < inputs; c++) {
            for (let t = 0; t < taps; t++) {
              const y = i * stride[0] + Math.floor(t / kernelX) * dilation[0] - padding[0];
              const at = j * stride[1] + t % kernelX * dilation[1] - padding[1];
              const inside = y >= 0 && y < height && at >= 0 && at < width;
              index.push(inside ? ((b * height + y) * width + at) * channels + g * inputs + c : -1);
            }
          }
        }
      }
    }
  }
  const rows = batch * down * across;
  return x.gather([groups, rows, inputs * taps], index)
    .matmul(weight.reshape([groups, outputs / groups, inputs * taps]).transpose())
    .permute(1, 0, 2).reshape([batch, down, across, outputs]);
}

/** A row of the op table. */
export function convolutionCase(given: Convolution): Case {
  const { images, inputs, outputs, kernel, groups = 1, bias, ...rest } = given;
  const words = Object.entries({ ...rest, ...(groups > 1 && { groups }), ...(bias && { bias: "yes" }) })
    .map(([name, value]) => `, ${name} ${value}`);
  const fan = inputs / groups * product(kernel);
  const size = 2 / Math.sqrt(fan);
  return {
    name: `conv2d [${images},${inputs}] to ${outputs} by ${kernel.join("x")}${words.join("")}`,
    inputs: [
      { shape: [...images, inputs] },
      { shape: [outputs, inputs / groups, ...kernel], range: [-size, size] },
      ...(bias ? [{ shape: [outputs], single: true } as const] : []),
    ],
    op: (x, weight, b) => conv2d(x, weight, { ...rest, groups, ...(b && { bias: b }) }),
    oracle: (x, weight, b) => {
      const y = convolve(x, weight, { ...rest, groups });
      return b ? y.add(b) : y;
    },
  };
}

/** In f16 as well. */
const common: readonly Convolution[] = [
  { images: [2, 3, 5], inputs: 8, outputs: 12, kernel: [1, 1], bias: true },
  { images: [2, 7, 5], inputs: 8, outputs: 4, kernel: [1, 1], stride: [2, 2], bias: true },
  { images: [2, 6, 7], inputs: 4, outputs: 8, kernel: [3, 3], padding: [1, 1], bias: true },
  { images: [2, 11, 13], inputs: 3, outputs: 8, kernel: [7, 7], stride: [2, 2], padding: [3, 3] },
  { images: [2, 6, 5], inputs: 5, outputs: 7, kernel: [3, 3], padding: [1, 1], bias: true },
  { images: [2, 5, 6], inputs: 16, outputs: 8, kernel: [3, 3], padding: [1, 1], groups: 2 },
  { images: [2, 5, 4], inputs: 6, outputs: 6, kernel: [3, 3], padding: [1, 1], groups: 6, bias: true },
];

const others: readonly Convolution[] = [
  { images: [1, 1, 1], inputs: 4, outputs: 4, kernel: [1, 1], stride: [2, 2] },
  { images: [1, 9, 8], inputs: 8, outputs: 36, kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  { images: [1, 8, 9], inputs: 4, outputs: 4, kernel: [2, 5], stride: [1, 3], padding: [1, 0] },
  { images: [1, 9, 9], inputs: 4, outputs: 4, kernel: [3, 3], padding: [2, 2], dilation: [2, 2] },
  {
    ...{ images: [1, 11, 10], inputs: 4, outputs: 8, kernel: [3, 2] },
    ...{ stride: [2, 3], padding: [2, 1], dilation: [3, 2], bias: true },
  },
  { images: [1, 8, 8], inputs: 4, outputs: 4, kernel: [2, 2], stride: [3, 3] },
  { images: [2, 8, 8], inputs: 3, outputs: 12, kernel: [4, 4], stride: [4, 4], bias: true },
  {
    ...{ images: [1, 5, 5], inputs: 6, outputs: 9, kernel: [3, 3] },
    ...{ stride: [2, 2], padding: [1, 1], groups: 3, bias: true },
  },
  { images: [1, 6, 6], inputs: 4, outputs: 8, kernel: [3, 3], stride: [2, 2], padding: [1, 1], groups: 4 },
];

export const convCases: readonly Case[] = [
  ...withHalves(common.map(convolutionCase)),
  ...others.map(convolutionCase),
];
