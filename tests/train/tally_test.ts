import assert from "node:assert/strict";
import { tally } from "../../src/ops/metrics.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { Tally } from "../../src/train/tally.ts";
import { openTestGpu } from "../open_gpu.ts";

Deno.test("tally() adds scaled f32 and u32 values in their place and nowhere else", async () => {
  const gpu = await openTestGpu();
  for (const size of [1, 3, 64, 65, 1000]) {
    const sums = Tensor.from(gpu, Float32Array.from({ length: size + 5 }, (_, i) => i), [size + 5]);
    const reals = Tensor.from(gpu, Float32Array.from({ length: size }, (_, i) => i / 4), [size]);
    const wholes = Tensor.from(gpu, Uint32Array.from({ length: size }, (_, i) => 3 * i), [size]);
    tally(sums, 2, reals, -2);
    tally(sums, 2, wholes);
    const expected = Array.from({ length: size + 5 }, (_, i) => {
      const inside = i >= 2 && i < size + 2;
      return i + (inside ? (i - 2) * (3 - 0.5) : 0);
    });
    assert.deepEqual([...await sums.read()], expected, `${size} values`);
    for (const tensor of [sums, reals, wholes]) tensor.dispose();
  }
});

Deno.test("tally() refuses what does not fit", async () => {
  const gpu = await openTestGpu();
  const sums = Tensor.from(gpu, new Float32Array(4), [4]);
  const two = Tensor.from(gpu, new Float32Array(2), [2]);
  const bytes = Tensor.from(gpu, new Uint8Array(4), [4]);
  for (const at of [3, -1, 0.5]) assert.throws(() => tally(sums, at, two), /RangeError.*2 values from place/);
  assert.throws(() => tally(sums, 0, bytes), /TypeError.*u8/);
  assert.throws(() => tally(bytes, 0, two), /TypeError.*f32/);
  for (const tensor of [sums, two, bytes]) tensor.dispose();
});

Deno.test("Tally keeps sums by name until it is reset", async () => {
  const gpu = await openTestGpu();
  const sums = new Tally(gpu, { loss: 1, kinds: 4 });
  const loss = Tensor.from(gpu, Float32Array.of(1.5), []);
  const kinds = Tensor.from(gpu, Uint32Array.of(1, 2, 3, 4), [4]);
  for (let i = 0; i < 3; i++) {
    sums.add("loss", loss, 2);
    sums.add("kinds", kinds);
  }
  const read = await sums.read();
  assert.deepEqual([...read("loss")], [9]);
  assert.deepEqual([...read("kinds")], [3, 6, 9, 12]);
  assert.throws(() => read("los"), /RangeError.*"los"/);
  assert.throws(() => sums.add("loss", kinds), /TypeError.*4 values to the 1/);
  sums.reset();
  assert.deepEqual([...await sums.sums.read()], [0, 0, 0, 0, 0]);
  sums.dispose();
  loss.dispose();
  kinds.dispose();
});
