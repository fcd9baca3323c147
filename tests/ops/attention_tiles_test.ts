/**
 * Attention by tiles, the kernels for GPUs, beyond the op table: their plans, and their corners on adapters with little
 * workgroup memory, where the kernels are short and a software adapter compiles them soon.
 */
import assert from "node:assert/strict";
import type { AdapterClass } from "../../src/gpu/adapter.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { selfAttention } from "../../src/ops/attention.ts";
import { type AttentionDevice, attentionPlan, workgroupBytes } from "../../src/ops/attention_plan.ts";
import { backward } from "../../src/ops/backward.ts";
import { RandomKeys } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { attentionCase, type AttentionSize } from "./cases/attention.ts";
import { checkCase } from "./table.ts";

const device = (bytes: number, name = "", adapterClass: AdapterClass = "gpu"): AttentionDevice => ({
  adapterClass,
  name,
  limits: { maxComputeWorkgroupStorageSize: bytes, maxComputeInvocationsPerWorkgroup: 256 },
  matrixUnits: [],
});
const planOf = (of: AttentionDevice, dim: number) =>
  attentionPlan(of, { entry: "forward", dim, dtype: "f16" });

Deno.test("attention's plan is tiles that fit on GPUs, and blocks where none fits or would be filled", () => {
  for (const bytes of [8192, 11264, 16384, 32768, 49152, 65536]) {
    for (let dim = 1; dim <= 300; dim++) {
      const plan = planOf(device(bytes), dim);
      if (plan.form !== "tiles") continue;
      const { TOKENS, WG, BLOCKS, STEP, TILE4 } = plan.constants;
      const x = WG * 4 * BLOCKS / TOKENS;
      assert.ok(dim % 4 === 0 && 4 * x >= dim && x % 4 === 0, `${dim}: ${x} side by side`);
      assert.ok(WG <= 256 && TILE4 <= x && 4 * TILE4 >= x && TILE4 % (STEP / 4) === 0, `${dim}`);
      assert.ok(
        workgroupBytes(plan.constants) <= bytes,
        `${dim}: ${workgroupBytes(plan.constants)} bytes`,
      );
    }
  }
  const forms = (device: AttentionDevice, dims: readonly number[]) =>
    dims.map((dim) => planOf(device, dim).form);
  const common = [32, 64, 80, 96, 128];
  for (const bytes of [16384, 32768, 65536]) {
    assert.deepEqual(forms(device(bytes), common), common.map(() => "tiles"), `${bytes} bytes`);
  }
  assert.deepEqual(forms(device(65536, "", "software"), common), common.map(() => "blocks"));
  assert.deepEqual(forms(device(65536), [8, 66, 400]), ["blocks", "blocks", "blocks"]);
  assert.deepEqual(forms(device(1024), [64]), ["blocks"]);
});

Deno.test("attention's tiles have one block of rows where registers are few", () => {
  const blocks = (of: AttentionDevice) => {
    const { constants } = planOf(of, 64);
    return "BLOCKS" in constants ? constants.BLOCKS : undefined;
  };
  assert.deepEqual(
    [device(49152, "NVIDIA H100"), device(32768, "Apple M1"), device(16384, "NVIDIA H100")].map(blocks),
    [2, 1, 1],
  );
});

/** Tokens beyond one tile and short of the next; every way to leave keys out; heads wider than a tile of keys. */
const CORNERS: readonly AttentionSize[] = [
  { batch: 2, tokens: 65, heads: 2, dim: 64, lengths: [65, 30], dropout: 0.3 },
  { batch: 1, tokens: 197, heads: 1, dim: 64, lengths: [197], dropout: 0.3 },
  { batch: 2, tokens: 1, heads: 2, dim: 64, lengths: [1, 0], dropout: 0.3 },
  { batch: 2, tokens: 37, queries: 50, heads: 1, dim: 80, bias: "own" },
  { batch: 2, tokens: 70, heads: 1, dim: 96, lengths: [0, 70], causal: true },
  { batch: 1, tokens: 70, heads: 2, dim: 128, window: 5 },
];

const SHORT = { maxComputeWorkgroupStorageSize: 11264 };

Deno.test("attention by tiles matches the oracle at its corners, forward and backward", async (t) => {
  const gpu = await Gpu.open("auto", { adapterClass: "gpu", limits: SHORT });
  for (const size of CORNERS) {
    const row = attentionCase(size);
    await t.step(row.name, () => checkCase(gpu, row));
  }
  const halves = { gradient: 1e-3, reason: "f16 rounds the result, which backward reads" };
  const row = { ...attentionCase({ batch: 1, tokens: 37, heads: 1, dim: 96 }), halves };
  await t.step(`${row.name}, f16`, () => checkCase(gpu, row, "f16"));
  gpu.destroy();
});

Deno.test("attention drops the same elements by tiles as by blocks, and the same bits twice", async () => {
  const [heads, dim] = [2, 64]; // and as many tokens as elements: values that are one-hot show every probability
  const values = new Float32Array(dim * 3 * heads * dim);
  for (let token = 0; token < dim; token++) {
    for (let head = 0; head < heads; head++) values[(3 * token + 2) * heads * dim + head * dim + token] = 1;
  }
  const dropout = { probability: 0.3, key: new RandomKeys(7, 3).next() };
  const results: { y: Float32Array; grad: Float32Array }[] = [];
  for (const adapterClass of ["software", "gpu", "gpu"] as const) {
    const gpu = await Gpu.open("auto", { adapterClass, limits: SHORT });
    const qkv = Tensor.from(gpu, values, [1, dim, 3 * heads * dim], true);
    const seed = Float32Array.from({ length: dim * heads * dim }, (_, i) => Math.sin(i));
    const { y, grad } = scope(() => {
      const y = selfAttention(qkv, { heads, dropout });
      backward(y, Tensor.from(gpu, seed, y.shape));
      return { y, grad: qkv.grad! };
    });
    results.push({ y: await y.read() as Float32Array, grad: await grad.read() as Float32Array });
    gpu.destroy();
  }
  const [blocks, tiles, again] = results as [typeof results[0], typeof results[0], typeof results[0]];
  const dropped = (y: Float32Array) => Array.from(y, (value) => value === 0);
  assert.deepEqual(dropped(tiles.y), dropped(blocks.y));
  const share = dropped(tiles.y).filter(Boolean).length / tiles.y.length;
  assert.ok(Math.abs(share - 0.3) < 0.03, `${share} of all are dropped`);
  assert.deepEqual(again, tiles);
});
