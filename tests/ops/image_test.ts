/** Patches of images beyond the op table: the order of a patch, and what is refused. */
import assert from "node:assert/strict";
import { patchify } from "../../src/ops/image.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();

const AS_BYTES = { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] } as const;

Deno.test("patchify() orders a patch as the weight of a convolution: channel, row, column", async () => {
  // pixels[h, w, c] = 100 c + 10 h + w
  const pixels = Uint8Array.from(
    { length: 48 },
    (_, i) => 100 * (i % 3) + 10 * Math.floor(i / 12) + Math.floor(i / 3) % 4,
  );
  const y = patchify(Tensor.from(gpu, pixels, [1, 4, 4, 3]), 2, AS_BYTES);
  assert.deepEqual(y.shape, [1, 4, 12]);
  const rows = (await y.read()).map(Math.round);
  assert.deepEqual([...rows.subarray(0, 12)], [0, 1, 10, 11, 100, 101, 110, 111, 200, 201, 210, 211]);
  assert.deepEqual([...rows.subarray(12, 24)], [2, 3, 12, 13, 102, 103, 112, 113, 202, 203, 212, 213]);
  assert.deepEqual([...rows.subarray(24, 28)], [20, 21, 30, 31]);
});

Deno.test("patchify() names the sizes it cannot take", () => {
  const bytes = (...shape: number[]) => Tensor.empty(gpu, shape, "u8");
  assert.throws(() => patchify(bytes(1, 8, 9, 3), 4, AS_BYTES), /8 x 9 into patches of 4 x 4/);
  assert.throws(() => patchify(bytes(1, 8, 8, 3), 0, AS_BYTES), /patches of 0 x 0/);
  assert.throws(() => patchify(bytes(3, 8, 8), 4, AS_BYTES), /\[3, 8, 8\]/);
  assert.throws(() => patchify(bytes(1, 8, 8, 4), 4, AS_BYTES), /\[1, 8, 8, 4\]/);
  assert.throws(() => patchify(Tensor.empty(gpu, [1, 8, 8, 3]), 4, AS_BYTES), /takes u8/);
  assert.throws(() => patchify(bytes(1, 8, 8, 3), 4, { ...AS_BYTES, std: [1, 0, 1] }), /std \[1, 0, 1\]/);
});
