import assert from "node:assert/strict";
import { normaliseImages, patchify } from "../../src/ops/image.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();

Deno.test("patchify() orders a patch as the weight of a convolution: channel, row, column", async () => {
  // x[c, h, w] = 100 c + 10 h + w
  const x = Tensor.from(
    gpu,
    Float32Array.from(
      { length: 32 },
      (_, i) => 100 * Math.floor(i / 16) + 10 * (Math.floor(i / 4) % 4) + i % 4,
    ),
    [1, 2, 4, 4],
  );
  const y = patchify(x, 2);
  assert.deepEqual(y.shape, [1, 4, 8]);
  const rows = await y.read();
  assert.deepEqual([...rows.subarray(0, 8)], [0, 1, 10, 11, 100, 101, 110, 111]);
  assert.deepEqual([...rows.subarray(8, 16)], [2, 3, 12, 13, 102, 103, 112, 113]);
  assert.deepEqual([...rows.subarray(16, 24)], [20, 21, 30, 31, 120, 121, 130, 131]);
});

Deno.test("image ops name the sizes they cannot take", () => {
  const zero = [0, 0, 0] as const, one = [1, 1, 1] as const;
  const bytes = (...shape: number[]) => Tensor.empty(gpu, shape, "u8");
  assert.throws(() => patchify(Tensor.empty(gpu, [1, 3, 8, 9]), 4), /8 x 9 into patches of 4 x 4/);
  assert.throws(() => patchify(Tensor.empty(gpu, [1, 3, 8, 8]), 0), /patches of 0 x 0/);
  assert.throws(() => patchify(Tensor.empty(gpu, [3, 8, 8]), 4), /\[3, 8, 8\]/);
  assert.throws(() => normaliseImages(bytes(1, 8, 8, 4), zero, one), /\[1, 8, 8, 4\]/);
  assert.throws(() => normaliseImages(Tensor.empty(gpu, [1, 8, 8, 3]), zero, one), /takes u8/);
  assert.throws(() => normaliseImages(bytes(1, 8, 8, 3), zero, [1, 0, 1]), /std \[1, 0, 1\]/);
});
