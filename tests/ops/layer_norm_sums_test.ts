/** Gradients of gamma and beta that layer norms of one backward pass add up for each other. */
import assert from "node:assert/strict";
import { DEFAULT_LIMITS } from "../../src/gpu/adapter.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { add } from "../../src/ops/arithmetic.ts";
import { backward } from "../../src/ops/backward.ts";
import { layerNorm } from "../../src/ops/layer_norm.ts";
import { slice } from "../../src/ops/shape.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { generator } from "./table.ts";

const ROWS = 40, WIDTH = 24, NARROW = 8;

/** Six layer norms, two of them by the same gamma and beta, then one of other rows and one of narrow ones: two passes. */
async function gradients(gpu: Gpu): Promise<{ grads: readonly ArrayLike<number>[]; dispatches: number }> {
  const random = generator(3);
  const leaf = (...shape: number[]) => {
    const size = shape.reduce((a, b) => a * b);
    const tensor = Tensor.from(gpu, Float32Array.from({ length: size }, () => 2 * random() - 1), shape, true);
    tensor.grad = Tensor.from(gpu, Float32Array.from({ length: size }, random), shape); // ops may add to it
    return tensor;
  };
  const x = leaf(ROWS, WIDTH);
  const wide = Array.from({ length: 6 }, () => [leaf(WIDTH), leaf(WIDTH)] as const);
  const narrow = [leaf(NARROW), leaf(NARROW)] as const;
  const [first, ...others] = wide;
  let dispatches = 0;
  for (let pass = 0; pass < 2; pass++) {
    scope(() => {
      let y = x;
      for (const [gamma, beta] of [first!, ...others.slice(1), first!]) {
        y = add(y, layerNorm(y, gamma, beta, 1e-5));
      }
      y = layerNorm(slice(y, 0, 0, 3), ...others[0]!, 1e-5);
      y = layerNorm(slice(y, 1, 0, NARROW), ...narrow, 1e-5);
      const before = gpu.dispatches;
      backward(y, Tensor.from(gpu, Float32Array.from({ length: y.size }, random), y.shape));
      dispatches += gpu.dispatches - before;
    });
  }
  const leaves = [x, ...wide.flat(), ...narrow];
  const grads = await readTensors(leaves.map(({ grad }) => grad!));
  for (const tensor of leaves) {
    tensor.grad!.dispose();
    tensor.dispose();
  }
  return { grads, dispatches };
}

Deno.test("layer norms add up each other's gradients of gamma and beta, to the same bits as each its own", async () => {
  const [waiting, own] = [
    await Gpu.open("auto", { adapterClass: "gpu" }),
    await Gpu.open("auto", { adapterClass: "gpu", limits: DEFAULT_LIMITS }),
  ];
  const [joined, alone] = [await gradients(waiting), await gradients(own)];
  assert.deepEqual(joined.grads, alone.grads);
  // Of eight layer norms the narrow one is joined by itself, and the last of the pass.
  const spared = waiting.limits.maxStorageBuffersPerShaderStage >= 11 ? 2 * 6 : 0;
  assert.equal(alone.dispatches - joined.dispatches, spared);
  assert.equal(waiting.memory.live, 0, "bytes left behind");
  for (const gpu of [waiting, own]) gpu.destroy();
});
