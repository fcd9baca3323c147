/**
 * Attention by tiles, the kernels for GPUs, beyond the op table: their plans, and their corners on adapters with little
 * workgroup memory, where the kernels are short and a software adapter compiles them soon.
 */
import assert from "node:assert/strict";
import type { AdapterClass } from "../../src/gpu/adapter.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { selfAttention } from "../../src/ops/attention.ts";
import {
  type AttentionDevice,
  type AttentionEntry,
  attentionPlan,
  workgroupBytes,
} from "../../src/ops/attention_plan.ts";
import { backward } from "../../src/ops/backward.ts";
import { RandomKeys } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { attentionCase, type AttentionSize } from "./cases/attention.ts";
import { checkCase } from "./table.ts";

const device = (bytes: number, name = "", adapterClass: AdapterClass = "gpu"): AttentionDevice => ({
  adapterClass,
  name,
  limits: { maxComputeWorkgroupStorageSize: bytes, maxComputeInvocationsPerWorkgroup: 256 },
  subgroup: 0,
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

Deno.test("attention's tiles find maxima by shuffles in the forward pass, where lanes have several of a row", () => {
  const plan = (subgroup: number, dim: number, entry: AttentionEntry = "forward", bytes = 49152) => {
    const { form, constants } = attentionPlan({ ...device(bytes), subgroup }, { entry, dim, dtype: "f32" });
    return form === "shuffles" ? constants.SUBGROUP : form;
  };
  assert.deepEqual([0, 4, 8, 16, 32, 64].map((lanes) => plan(lanes, 64)), ["tiles", "tiles", 8, 16, 32, 64]);
  assert.deepEqual(
    [32, 48, 80, 96, 128].map((dim) => plan(64, dim)),
    [32, 16, 16, 32, 64],
    "divides the tile",
  );
  assert.deepEqual([plan(32, 64, "grad_q"), plan(32, 64, "grad_kv")], ["tiles", "tiles"]);
  assert.deepEqual([plan(8, 64, "forward", 16384), plan(32, 64, "forward", 16384)], ["tiles", 32]);
  for (const bytes of [8192, 11264, 12288, 15360, 15500, 16384, 49152]) {
    for (let dim = 16; dim <= 300; dim += 4) {
      const { form, constants } = attentionPlan({ ...device(bytes), subgroup: 32 }, {
        entry: "forward",
        dim,
        dtype: "f32",
      });
      if (form !== "shuffles") continue;
      const { TOKENS, WG, BLOCKS, SUBGROUP } = constants;
      const y = TOKENS / 4 / BLOCKS;
      assert.ok(
        WG % SUBGROUP === 0 && SUBGROUP >= 2 * y && SUBGROUP <= 16 * y,
        `${dim}: ${SUBGROUP} of ${WG} lanes`,
      );
      assert.ok(
        workgroupBytes(constants) + 16 * WG / SUBGROUP * TOKENS / 4 <= bytes,
        `${dim} in ${bytes} bytes`,
      );
    }
  }
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

Deno.test("attention is the same by shuffles as by workgroup memory but for rounding, and has the same bits twice", async () => {
  const [tokens, heads, dim] = [70, 2, 32];
  const values = Float32Array.from({ length: tokens * 3 * heads * dim }, (_, i) => 12 * Math.sin(i * i));
  const mask = Uint32Array.from({ length: tokens }, (_, i) => Number(i % 7 !== 3));
  const results: Float32Array[] = [];
  for (const subgroups of ["none", "tested"] as const) {
    const gpu = await Gpu.open("auto", { adapterClass: "gpu", subgroups });
    const qkv = Tensor.from(gpu, values, [1, tokens, 3 * heads * dim]);
    for (let run = 0; run < 2; run++) {
      const y = noGrad(() => selfAttention(qkv, { heads, mask: Tensor.from(gpu, mask, [1, tokens]) }));
      results.push(await y.read() as Float32Array);
    }
    gpu.destroy();
  }
  const [memory, memoryAgain, shuffles, shufflesAgain] = results as Float32Array[];
  assert.deepEqual(memoryAgain, memory);
  assert.deepEqual(shufflesAgain, shuffles);
  const worst = Math.max(...memory!.map((value, i) => Math.abs(value - shuffles![i]!)));
  assert.ok(worst < 1e-3, `they differ by ${worst}`); // of scores of several hundred, where a wrong maximum overflows
});

Deno.test("attention of queries that their bias hides from all keys: infinity gives NaN, the lowest number the mean, a mask zeros", async () => {
  const [tokens, dim] = [20, 16];
  const rows = { hidden: 3, lowest: 4, usual: 5 };
  const values = Float32Array.from({ length: 2 * tokens * 3 * dim }, (_, i) => Math.sin(i));
  const bias = new Float32Array(tokens * tokens);
  bias.fill(-Infinity, rows.hidden * tokens, (rows.hidden + 1) * tokens);
  bias.fill(-3.4028234e38, rows.lowest * tokens, (rows.lowest + 1) * tokens);
  const kept = Uint32Array.from({ length: 2 * tokens }, (_, i) => Number(i < tokens)); // of the second sample none
  const mean = Array.from(
    { length: dim },
    (_, d) =>
      Array.from({ length: tokens }, (_, key) => values[(3 * key + 2) * dim + d]! / tokens).reduce((a, b) =>
        a + b
      ),
  );
  const usual: number[][] = [];
  for (
    const [adapterClass, subgroups] of [["software", "none"], ["gpu", "none"], ["gpu", "tested"]] as const
  ) {
    const gpu = await Gpu.open("auto", { adapterClass, subgroups, limits: SHORT });
    const options = {
      heads: 1,
      bias: Tensor.from(gpu, bias, [1, tokens, tokens]),
      mask: Tensor.from(gpu, kept, [2, tokens]),
    };
    const y = noGrad(() => selfAttention(Tensor.from(gpu, values, [2, tokens, 3 * dim]), options));
    const found = await y.read() as Float32Array;
    const row = (i: number) => [...found.subarray(i * dim, (i + 1) * dim)];
    assert.ok(row(rows.hidden).every(Number.isNaN), `${adapterClass}, ${subgroups}: ${row(rows.hidden)}`);
    row(rows.lowest).forEach((value, d) =>
      assert.ok(Math.abs(value - mean[d]!) < 1e-6, `${value} for ${mean[d]}`)
    );
    assert.deepEqual(row(tokens + rows.usual), new Array(dim).fill(0));
    usual.push(row(rows.usual));
    gpu.destroy();
  }
  for (const row of usual) row.forEach((value, d) => assert.ok(Math.abs(value - usual[0]![d]!) < 1e-6));
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
