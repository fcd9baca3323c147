/** Tensors of f16: what they take, how they are read, and that types do not mix. */
import assert from "node:assert/strict";
import { attention } from "../../src/ops/attention.ts";
import { cast } from "../../src/ops/cast.ts";
import { concat } from "../../src/ops/shape.ts";
import { linear, matmul } from "../../src/ops/matmul.ts";
import { accumulate, add, mul } from "../../src/ops/arithmetic.ts";
import { full } from "../../src/ops/fill.ts";
import { gelu } from "../../src/ops/pointwise.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();
const ignore = !gpu.features.has("shader-f16");
const floats = (...values: number[]) => Tensor.from(gpu, Float32Array.from(values), [values.length]);

Deno.test({
  name: "f16 tensors take two bytes an element and are read as f32",
  ignore,
  async fn() {
    // The largest, the smallest normal and the smallest subnormal; ties to even; then what is too large or too small.
    const values = [1, -2.5, 65504, 2 ** -14, 2 ** -24, 2049, 2051, 65520, -1e6, 1e-9];
    const halves = cast(floats(...values), "f16");
    assert.equal(halves.bytes, 20);
    assert.deepEqual(Array.from(await halves.read()), values.map(Math.f16round));
    const ones = full(gpu, [5], 1.5, "f16");
    assert.deepEqual(Array.from(await ones.read()), [1.5, 1.5, 1.5, 1.5, 1.5]);
  },
});

Deno.test({
  name: "views of f16 start at multiples of 256 bytes",
  ignore,
  async fn() {
    const halves = cast(Tensor.from(gpu, Float32Array.from({ length: 300 }, (_, i) => i), [300]), "f16");
    assert.deepEqual(Array.from(await halves.view([3], { offset: 256 }).read()), [256, 257, 258]);
    assert.throws(() => halves.view([3], { offset: 64 }), /not a multiple of 256 bytes/);
  },
});

Deno.test("ops refuse f32 and f16 together, naming both", () => {
  scope(() => {
    const [single, half] = (["f32", "f16"] as const).map((dtype) => Tensor.empty(gpu, [2, 4, 4], dtype)) as [
      Tensor,
      Tensor,
    ];
    const [row, halfRow] = [Tensor.empty(gpu, [4, 4]), Tensor.empty(gpu, [4, 4], "f16")];
    const mixed: readonly (() => unknown)[] = [
      () => mul(single, half), // only the second may be a parameter
      () => add(single, half),
      () => matmul(single, half),
      () => linear(single, halfRow),
      () => linear(half, row),
      () => attention(half, single, { heads: 2 }),
      () => concat([half, single], 1),
      () => accumulate(half, single),
    ];
    for (const [i, op] of mixed.entries()) {
      assert.throws(
        op,
        (error: Error) =>
          error instanceof TypeError && /f16/.test(error.message) && /f32/.test(error.message),
        `${i}`,
      );
    }
    assert.throws(() => softmax(half), /TypeError: Cannot softmax f16 .*: it takes f32/);
    assert.throws(
      () => gelu(Tensor.empty(gpu, [4], "u32")),
      /TypeError: Cannot gelu u32 .*: it takes f32 or f16/,
    );
  });
});
