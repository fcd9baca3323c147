import assert from "node:assert/strict";
import { addToSums } from "../../src/ops/running_sums.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { RunningSums } from "../../src/train/running_sums.ts";
import { openTestGpu } from "../open_gpu.ts";

Deno.test("addToSums() adds scaled f32 and u32 values in their places and nowhere else", async () => {
  const gpu = await openTestGpu();
  for (const size of [1, 3, 64, 65, 1000]) {
    const sums = Tensor.from(gpu, Float32Array.from({ length: 8 * size + 1 }, (_, i) => i), [8 * size + 1]);
    // More than one dispatch takes, of either type, of two lengths; the last place is nobody's.
    const values = Array.from({ length: 8 }, (_, s) => {
      const length = s % 3 === 2 ? 1 : size;
      const numbers = Array.from({ length }, (_, i) => 3 * i + s);
      return Tensor.from(gpu, s % 2 ? Uint32Array.from(numbers) : Float32Array.from(numbers), [length]);
    });
    addToSums(sums, values.map((values, s) => ({ at: s * size, values, ...(s > 1 && { factor: s / 4 }) })));
    const expected = Array.from({ length: 8 * size + 1 }, (_, at) => {
      const [s, i] = [Math.floor(at / size), at % size];
      const isAdded = s < 8 && (s % 3 !== 2 || i === 0);
      return at + (isAdded ? (3 * i + s) * (s > 1 ? s / 4 : 1) : 0);
    });
    assert.deepEqual([...await sums.read()], expected, `${size} values`);
    for (const tensor of [sums, ...values]) tensor.dispose();
  }
});

Deno.test("addToSums() refuses what does not fit", async () => {
  const gpu = await openTestGpu();
  const sums = Tensor.from(gpu, new Float32Array(4), [4]);
  const two = Tensor.from(gpu, new Float32Array(2), [2]);
  const bytes = Tensor.from(gpu, new Uint8Array(4), [4]);
  for (const at of [3, -1, 0.5]) {
    assert.throws(() => addToSums(sums, [{ at, values: two }]), /RangeError.*2 values from place/);
  }
  assert.throws(() => addToSums(sums, [{ at: 0, values: bytes }]), /TypeError.*u8/);
  assert.throws(() => addToSums(bytes, [{ at: 0, values: two }]), /TypeError.*f32/);
  for (const tensor of [sums, two, bytes]) tensor.dispose();
});

Deno.test("RunningSums keeps sums by name until it is reset", async () => {
  const gpu = await openTestGpu();
  const sums = new RunningSums(gpu, { loss: 1, counts: 4 });
  const loss = Tensor.from(gpu, Float32Array.of(1.5), []);
  const counts = Tensor.from(gpu, Uint32Array.of(1, 2, 3, 4), [4]);
  for (let i = 0; i < 3; i++) {
    sums.add([["loss", loss, 2], ["counts", counts]]);
  }
  const read = sums.byName(await sums.sums.read() as Float32Array);
  assert.deepEqual([...read("loss")], [9]);
  assert.deepEqual([...read("counts")], [3, 6, 9, 12]);
  assert.throws(() => read("los"), /RangeError.*"los"/);
  assert.throws(() => sums.add([["loss", counts]]), /TypeError.*4 values to the 1/);
  sums.reset();
  assert.deepEqual([...await sums.sums.read()], [0, 0, 0, 0, 0]);
  sums.dispose();
  loss.dispose();
  counts.dispose();
});
