/**
 * Kernels that move elements, on grids beyond 65,535 workgroups: one row of the op table would take seconds each, and
 * whole numbers moved about can be compared exactly.
 */
import assert from "node:assert/strict";
import { backward } from "../../src/ops/backward.ts";
import { patchify } from "../../src/ops/image.ts";
import { gatherRows, selectRows } from "../../src/ops/indexing.ts";
import { indices } from "../../src/ops/indices.ts";
import { full } from "../../src/ops/fill.ts";
import { avgPool2d, maxPool2d } from "../../src/ops/pool.ts";
import { concat, reshape, slice, transpose } from "../../src/ops/shape.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();

/** 65,727 workgroups of 64; neither side is a multiple of four. */
const [ROWS, COLUMNS] = [2051, 2051];
const SIZE = ROWS * COLUMNS;

interface Run {
  readonly op: (x: Tensor) => Tensor;
  /** Where element i of the result comes from; -1 where not from x. */
  readonly source: (i: number) => number;
}

const chosen = (row: number) => row < ROWS - 5;

const runs: Record<string, Run> = {
  "permute()": { op: transpose, source: (i) => i % ROWS * COLUMNS + Math.floor(i / ROWS) },
  "slice()": { op: (x) => slice(x, 0, 1), source: (i) => i + COLUMNS },
  "concat()": {
    op: (x) => concat([full(gpu, [ROWS, 1], 0), x], 1),
    source: (i) => i % (COLUMNS + 1) === 0 ? -1 : i - Math.floor(i / (COLUMNS + 1)) - 1,
  },
  "maxPool2d()": {
    op: (x) => maxPool2d(reshape(x, [1, ROWS, COLUMNS, 1]), { kernel: 1 }),
    source: (i) => i,
  },
  "avgPool2d()": {
    op: (x) => avgPool2d(reshape(x, [1, ROWS, COLUMNS, 1]), { kernel: 1 }),
    source: (i) => i,
  },
  "gatherRows()": {
    op: (x) =>
      gatherRows(x, indices(gpu, new Uint32Array(ROWS).map((_, i) => ROWS - 1 - i), [ROWS], { rows: ROWS })),
    source: (i) => (ROWS - 1 - Math.floor(i / COLUMNS)) * COLUMNS + i % COLUMNS,
  },
  "selectRows()": {
    op: (x) => {
      const mask = Tensor.from(gpu, new Uint32Array(ROWS).map((_, row) => Number(chosen(row))), [ROWS]);
      return selectRows(mask, x, full(gpu, x.shape, 0));
    },
    source: (i) => chosen(Math.floor(i / COLUMNS)) ? i : -1,
  },
};

/** Whole numbers that f32 holds, different from place to place. (`from` and a function take ten times as long.) */
function numbers(count: number, step: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = (i * step + 1) % 16_777_213;
  return values;
}

for (const [name, { op, source }] of Object.entries(runs)) {
  Deno.test(`${name} goes beyond 65,535 workgroups, forward and backward`, async () => {
    const values = numbers(SIZE, 7919);
    const x = Tensor.from(gpu, values, [ROWS, COLUMNS], true);
    const y = scope(() => op(x));
    const seed = numbers(y.size, 104_729);
    const grad = scope(() => {
      backward(y, Tensor.from(gpu, seed, y.shape));
      return x.grad!;
    });
    const [moved, gradient] = await readTensors([y, grad]);
    const expected = new Float32Array(y.size);
    const dx = new Float32Array(SIZE);
    for (let i = 0; i < y.size; i++) {
      const from = source(i);
      if (from < 0) continue;
      expected[i] = values[from]!;
      dx[from] = seed[i]!;
    }
    assertEqual(moved!, expected);
    assertEqual(gradient!, dx);
    for (const tensor of [y, grad, x]) tensor.dispose();
  });
}

Deno.test("patchify() goes beyond 65,535 workgroups", async () => {
  const PATCH = 7;
  const pixels = new Uint8Array(3 * SIZE);
  for (let i = 0; i < pixels.length; i++) pixels[i] = i * 7919 % 251;
  const x = Tensor.from(gpu, pixels, [1, ROWS, COLUMNS, 3]);
  const std = [1 / 255, 1 / 255, 1 / 255] as const;
  const y = patchify(x, PATCH, { mean: [0, 0, 0], std });
  const bytes = await y.read();
  const expected = new Float32Array(3 * SIZE);
  for (let i = 0; i < expected.length; i++) {
    bytes[i] = Math.round(bytes[i]!);
    const [patch, inPatch] = [Math.floor(i / (3 * PATCH ** 2)), i % (3 * PATCH ** 2)];
    const [channel, inChannel] = [Math.floor(inPatch / PATCH ** 2), inPatch % PATCH ** 2];
    const row = Math.floor(patch / (COLUMNS / PATCH)) * PATCH + Math.floor(inChannel / PATCH);
    const column = patch % (COLUMNS / PATCH) * PATCH + inChannel % PATCH;
    expected[i] = pixels[3 * (row * COLUMNS + column) + channel]!;
  }
  assertEqual(bytes, expected);
  for (const tensor of [x, y]) tensor.dispose();
});

/** `assert.deepEqual` takes seconds for millions of numbers. */
function assertEqual(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    if (actual[i] !== expected[i]) assert.fail(`${actual[i]} in place of ${expected[i]} at ${i}`);
  }
}
