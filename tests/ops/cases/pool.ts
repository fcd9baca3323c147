import { adaptiveAvgPool2d, avgPool2d, maxPool2d, type PoolOptions } from "../../../src/ops/pool.ts";
import { product, Value } from "../oracle.ts";
import { type Case, withHalves } from "../table.ts";

type Pair = readonly [number, number];

/** The pixels from .. up to of window i along an axis; some may lie outside of the image. */
type Windows = (i: number) => readonly [start: number, end: number];

/** For each window and channel, the places in x of its pixels, -1 for those that are outside or beyond its size. */
function windowsOf(shape: readonly number[], [down, across]: Pair, rows: Windows, columns: Windows) {
  const [batch, height, width, channels] = shape as [number, number, number, number];
  const longest = (count: number, of: Windows) =>
    Math.max(...Array.from({ length: count }, (_, i) => of(i)[1] - of(i)[0]));
  const [tall, wide] = [longest(down, rows), longest(across, columns)];
  const index: number[] = [];
  const shares: number[] = [];
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < down; i++) {
      for (let j = 0; j < across; j++) {
        const [[top, bottom], [left, right]] = [rows(i), columns(j)];
        for (let c = 0; c < channels; c++) {
          shares.push(1 / ((bottom - top) * (right - left)));
          for (let y = top; y < top + tall; y++) {
            for (let x = left; x < left + wide; x++) {
              const inside = y >= 0 && y < Math.min(bottom, height) && x >= 0 && x < Math.min(right, width);
              index.push(inside ? ((b * height + y) * width + x) * channels + c : -1);
            }
          }
        }
      }
    }
  }
  return {
    index,
    shares,
    whole: [batch, down, across, channels, tall * wide],
    y: [batch, down, across, channels],
  };
}

type Found = ReturnType<typeof windowsOf>;

function averageOf(x: Value, { index, shares, whole, y }: Found): Value {
  return x.gather(whole, index).sum(-1).reshape(y).mul(Value.of(y, shares));
}

function maxOf(x: Value, { index, whole, y }: Found): Value {
  const outside = Value.of(whole, index.map((at) => at < 0 ? -Infinity : 0));
  return x.gather(whole, index).add(outside).max(-1).reshape(y);
}

/** Windows of equal size along an axis, and how many there are. */
function regular(x: readonly number[], options: PoolOptions) {
  const { kernel, stride = kernel, padding = 0 } = options;
  const pair = (value: number | Pair) => typeof value === "number" ? [value, value] as const : value;
  const along = (axis: 0 | 1): Windows => (i) => {
    const start = i * pair(stride)[axis] - pair(padding)[axis];
    return [start, start + pair(kernel)[axis]];
  };
  const count = (axis: 0 | 1) =>
    Math.floor((x[1 + axis]! + 2 * pair(padding)[axis] - pair(kernel)[axis]) / pair(stride)[axis]) + 1;
  return windowsOf(x, [count(0), count(1)], along(0), along(1));
}

function bins(x: readonly number[], size: Pair) {
  const along = (axis: 0 | 1): Windows => (i) => {
    const [length, count] = [x[1 + axis]!, size[axis]];
    return [Math.floor(i * length / count), Math.ceil((i + 1) * length / count)];
  };
  return windowsOf(x, size, along(0), along(1));
}

const windows: readonly { shape: readonly number[]; options: PoolOptions }[] = [
  { shape: [1, 1, 1, 1], options: { kernel: 1 } },
  { shape: [2, 4, 6, 3], options: { kernel: 2 } },
  { shape: [2, 7, 8, 8], options: { kernel: 3, stride: 2, padding: 1 } },
  { shape: [1, 5, 9, 4], options: { kernel: [3, 2], stride: [1, 3], padding: [1, 0] } },
  { shape: [1, 8, 7, 5], options: { kernel: 2, stride: 3 } }, // pixels between the windows
  { shape: [2, 6, 6, 4], options: { kernel: [6, 5], stride: 1 } },
  { shape: [1, 18, 17, 4], options: { kernel: 17, stride: 1 } }, // more pixels than a byte can tell apart
];

const sizes: readonly { shape: readonly number[]; size: Pair }[] = [
  { shape: [1, 1, 1, 1], size: [1, 1] },
  { shape: [2, 7, 7, 8], size: [1, 1] },
  { shape: [2, 7, 5, 4], size: [3, 2] },
  { shape: [1, 5, 6, 3], size: [5, 4] },
  { shape: [1, 3, 2, 5], size: [4, 7] }, // more bins than pixels
  { shape: [2, 8, 6, 4], size: [4, 3] },
];

const describe = (options: PoolOptions) =>
  Object.entries(options).map(([name, value]) => `${name} ${value}`).join(", ");

export const poolCases: readonly Case[] = withHalves([
  ...windows.flatMap(({ shape, options }): Case[] => [
    {
      name: `maxPool2d [${shape}] by ${describe(options)}`,
      // No two are equal: equal ones share the gradient in the oracle.
      inputs: [{
        shape,
        values: Array.from({ length: product(shape) }, (_, i) => (i * 89 % 2027 - 1013) / 512),
      }],
      op: (x) => maxPool2d(x, options),
      oracle: (x) => maxOf(x, regular(shape, options)),
    },
    {
      name: `avgPool2d [${shape}] by ${describe(options)}`,
      inputs: [{ shape }],
      op: (x) => avgPool2d(x, options),
      oracle: (x) => averageOf(x, regular(shape, options)),
    },
  ]),
  ...sizes.map(({ shape, size }): Case => ({
    name: `adaptiveAvgPool2d [${shape}] to ${size}`,
    inputs: [{ shape }],
    op: (x) => adaptiveAvgPool2d(x, size),
    oracle: (x) => averageOf(x, bins(shape, size)),
  })),
]);
