/** Convolutions of 200 drawn shapes against the float64 oracle, forward and backward. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { type Convolution, convolutionCase } from "./cases/conv.ts";
import { checkCase, generator } from "./table.ts";

const SHAPES = 200;
const random = generator(14);
const whole = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
const pick = <T>(values: readonly T[]): T => values[whole(0, values.length - 1)]!;
const KERNELS = [[1, 1], [3, 3], [7, 7], [2, 2], [1, 3], [3, 1], [5, 2], [4, 3]] as const;

/** A convolution whose windows fit, and whose oracle takes milliseconds. */
function draw(): Convolution {
  for (;;) {
    const kernel = pick(KERNELS);
    const pair = (least: number, most: number) => [whole(least, most), whole(least, most)] as const;
    const [stride, dilation] = [pair(1, 3), pick([[1, 1], [1, 1], pair(1, 3)] as const)];
    const padding = [whole(0, kernel[0]), whole(0, kernel[1])] as const;
    const images = [whole(1, 3), whole(1, 12), whole(1, 12)] as const;
    const groups = pick([1, 1, 1, 2, 3, 4, 6]);
    const [inputs, outputs] = [groups * whole(1, groups > 1 ? 4 : 9), groups * whole(1, groups > 1 ? 4 : 12)];
    const count = (axis: 0 | 1) => {
      const free = images[1 + axis]! + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1;
      return Math.floor(free / stride[axis]) + 1;
    };
    const [down, across] = [count(0), count(1)];
    const products = images[0] * down * across * outputs * inputs / groups * kernel[0] * kernel[1];
    if (down < 1 || across < 1 || products > 60_000) continue;
    return { images, inputs, outputs, kernel, stride, padding, dilation, groups, bias: random() < 0.5 };
  }
}

const cases = Array.from({ length: SHAPES }, () => convolutionCase(draw()));

Deno.test(`conv2d() of ${SHAPES} drawn shapes matches the oracle, forward and backward`, async () => {
  assert.equal(new Set(cases.map(({ name }) => name)).size, SHAPES);
  const gpu = await Gpu.open();
  for (const one of cases) await checkCase(gpu, one);
  gpu.destroy();
});
