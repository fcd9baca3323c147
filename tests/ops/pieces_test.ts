// Dispatches that would take too long are cut along their workgroups: the op table's results, in pieces and whole, to the bit.
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { inPieces } from "../../src/gpu/pieces.ts";
import { effortOf, SubmissionSize } from "../../src/gpu/submission_size.ts";
import { backward } from "../../src/ops/backward.ts";
import { full } from "../../src/ops/fill.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { sumKernel } from "../../src/ops/reduction.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { families } from "./families.ts";
import { product } from "./oracle.ts";
import { type Case, generator } from "./table.ts";

/** Kernels of every kind, with grids that are long in each dimension, and folded ones. */
const ROWS = [
  "softmax [70000,3]",
  "matmul NN [130,18] [132]",
  "matmul NN [3,8,20] [12]",
  "linear [65, 36] to 132, gelu",
  "selfAttention, [1,37,192], 2 heads",
  "selfAttention, [2,10,48], 2 heads, lengths 10,6, dropout 0.3",
  "sum [1300,3] over 0",
  "permute [2,7,3,8] by 0,2,1,3",
  "gatherRows several chunks a row [3, 3] [40,80]",
  "dropout [70,33] with 0.25 and seed 4294967296",
  "conv2d [2,6,7,4] to 8 by 3x3, padding 1,1, bias yes",
  "layerNorm [3,261]",
  "batchNorm [1050,12]",
  "crossEntropy [1300,12]",
];

/** The result and all gradients, as bits. */
async function bitsOf(gpu: Gpu, { name, inputs, op }: Case): Promise<Uint32Array[]> {
  const random = generator(name.length);
  const leaves = inputs.map(({ shape, values, range: [low, high] = [-2, 2], constant }) =>
    Tensor.from(
      gpu,
      Float32Array.from(values ?? { length: product(shape) }, (x) => x ?? low + (high - low) * random()),
      shape,
      !constant,
    )
  );
  const found = scope(() => {
    const y = scope(() => op(...leaves));
    backward(y, full(gpu, y.shape, 0.25));
    return [y, ...leaves.flatMap(({ grad }) => grad ?? [])];
  });
  const read = await readTensors(found);
  for (const tensor of [...found, ...leaves]) tensor.dispose();
  return read.map(({ buffer }) => new Uint32Array(buffer as ArrayBuffer));
}

Deno.test("what is computed in pieces is what is computed at once, to the bit", async (t) => {
  const gpu = await Gpu.open("auto", { adapterClass: "gpu" });
  const { piecesFor } = SubmissionSize.prototype;
  // However slow the machine is at the moment.
  const bitsInPieces = (row: Case, count: number) => {
    SubmissionSize.prototype.piecesFor = () => count;
    return bitsOf(gpu, row).finally(() => SubmissionSize.prototype.piecesFor = piecesFor);
  };
  const rows = Object.values(families).flat();
  for (const name of ROWS) {
    await t.step(name, async () => {
      const row = rows.find((row) => row.name === name)!;
      const before = gpu.dispatches;
      const inPieces = await bitsInPieces(row, 3);
      const between = gpu.dispatches;
      // Later, for it gets the memory of the pieces, where their results would still be.
      const whole = await bitsInPieces(row, 1);
      const [cut, once] = [between - before, gpu.dispatches - between];
      assert.ok(cut > once, `${once} dispatches, ${cut} in pieces`);
      assert.ok(whole.length > 1 && whole.some((bits) => bits.some((word) => word !== 0)));
      // Element by element: a comparison of long arrays that fails takes all memory to show how.
      for (const [i, bits] of whole.entries()) {
        assert.equal(bits.findIndex((word, at) => word !== inPieces[i]![at]), -1, `tensor ${i}`);
      }
    });
  }
  gpu.destroy();
});

Deno.test("a product that takes long is in pieces the next time, and as it was", async () => {
  const gpu = await Gpu.open("auto", { adapterClass: "gpu" });
  const a = Tensor.from(gpu, Float32Array.from({ length: 320 * 64 }, (_, i) => i % 17 - 8), [320, 64]);
  const b = Tensor.from(gpu, Float32Array.from({ length: 64 * 128 }, (_, i) => i % 13 - 6), [64, 128]);
  const multiply = async () => {
    const { dispatches } = gpu;
    const c = matmul(a, b);
    const values = await c.read();
    c.dispose();
    return { values, dispatches: gpu.dispatches - dispatches };
  };
  const { now } = performance;
  // A device so slow that even this takes seconds.
  performance.now = () => 1e5 * now.call(performance);
  try {
    const first = await multiply(); // compiles
    const second = await multiply(); // is measured
    assert.equal(second.dispatches, first.dispatches);
    const third = await multiply();
    assert.ok(third.dispatches >= 4 * second.dispatches, `${third.dispatches} dispatches`);
    assert.deepEqual(third.values, first.values);
  } finally {
    performance.now = now;
    gpu.destroy();
  }
});

Deno.test("a dispatch of one workgroup is no piece: its kernel need not ask for a place in the grid", () => {
  const dispatch = {
    kernel: sumKernel,
    entry: "rows",
    buffers: {},
    params: { n: 1 },
    workgroups: 1,
  } as const;
  assert.deepEqual(inPieces(dispatch, [1, 1, 1], 3), [{ ...dispatch, workgroups: [1, 1, 1] }]);
  assert.equal(inPieces(dispatch, [1, 2, 1], 3).length, 2);
});

Deno.test("effort is of the work that is told, else of the bytes that are bound", () => {
  const buffers = { x: { bytes: 100 }, y: { bytes: 20 } } as unknown as Parameters<
    typeof effortOf
  >[0]["buffers"];
  assert.equal(effortOf({ buffers }), 1200);
  assert.equal(effortOf({ buffers, work: () => ({ operations: 1e6 }) }), 1_001_200);
  assert.equal(effortOf({ buffers, work: () => ({ bytes: 7 }) }), 70);
});
