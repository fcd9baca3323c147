/** Attention by matrix units: when it is planned, and, where a device with such units is at hand, that it is right. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import type { MatrixUnit } from "../../src/gpu/matrix_units.ts";
import { selfAttention } from "../../src/ops/attention.ts";
import {
  type AttentionDevice,
  type AttentionEntry,
  attentionPlan,
  matrixBytes,
} from "../../src/ops/attention_plan.ts";
import { backward } from "../../src/ops/backward.ts";
import { cast } from "../../src/ops/cast.ts";
import { RandomKeys } from "../../src/tensor/random.ts";
import { capture, scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { findDawn } from "../backend.ts";
import { findMatrixDevice } from "../matrix_device.ts";
import { attentionCase, type AttentionSize } from "./cases/attention.ts";
import { checkCase } from "./table.ts";

const ENTRIES: readonly AttentionEntry[] = ["forward", "grad_q", "grad_kv"];
const unit = (m: number, n: number, k: number, subgroup: number): MatrixUnit => ({ m, n, k, subgroup });
const device = (bytes: number, ...matrixUnits: MatrixUnit[]): AttentionDevice => ({
  adapterClass: "gpu",
  name: "",
  limits: { maxComputeWorkgroupStorageSize: bytes, maxComputeInvocationsPerWorkgroup: 256 },
  subgroup: 0,
  matrixUnits,
});
const formOf = (on: AttentionDevice, dim: number, entry: AttentionEntry, dtype: "f16" | "f32" = "f16") =>
  attentionPlan(on, { entry, dim, dtype }).form;

const large = unit(16, 16, 16, 32);
/** The forms of forward, and of the gradients of queries and of keys and values. */
const plans: readonly (readonly [string, AttentionDevice, number, string])[] = [
  ...[32, 64, 80, 96, 128].map((dim) =>
    [`${dim} by AMD's and NVIDIA's`, device(49152, large), dim, "matrices matrices matrices"] as const
  ),
  ["64 by small ones", device(32768, unit(8, 8, 8, 32)), 64, "matrices matrices matrices"],
  ["64 by oblong ones", device(32768, unit(8, 16, 16, 16)), 64, "matrices matrices matrices"],
  [
    "a smaller one that divides it",
    device(49152, large, unit(8, 8, 8, 32)),
    40,
    "matrices matrices matrices",
  ],
  ["none that divides it", device(49152, large), 40, "tiles tiles tiles"],
  ["more than registers hold", device(65536, large), 144, "tiles tiles tiles"],
  ["more gradients than memory holds", device(24576, large), 96, "matrices tiles tiles"],
  ["WebGPU's least memory", device(16384, large), 64, "matrices tiles tiles"],
  ["without units", device(49152), 64, "tiles tiles tiles"],
];
for (const [name, on, dim, forms] of plans) {
  Deno.test(`attention's plan with heads of ${name}`, () => {
    assert.equal(ENTRIES.map((entry) => formOf(on, dim, entry)).join(" "), forms);
    assert.ok(ENTRIES.every((entry) => formOf(on, dim, entry, "f32") === "tiles"), "f32");
  });
}

Deno.test("attention's plans by matrix units fit the device, whatever its units", () => {
  const sizes = [8, 16, 32];
  const units = sizes.flatMap((m) =>
    sizes.flatMap((n) => sizes.flatMap((k) => [8, 32, 64].map((lanes) => unit(m, n, k, lanes))))
  );
  let planned = 0;
  for (const one of units) {
    for (const entry of ENTRIES) {
      for (let dim = 16; dim <= 160; dim += 8) {
        for (const bytes of [16384, 32768, 49152]) {
          const { form, constants } = attentionPlan(device(bytes, one), { entry, dim, dtype: "f16" });
          if (form !== "matrices") continue;
          planned++;
          const { TOKENS, WG, COLUMNS } = constants;
          assert.ok(matrixBytes(entry, dim, constants) <= bytes && WG <= 256);
          assert.ok([dim, COLUMNS].every((size) => size % one.n === 0 && size % one.k === 0));
          // A subgroup has one matrix of rows; an invocation one query, or one of a tile.
          assert.ok(WG / one.subgroup * one.m === TOKENS && WG % COLUMNS === 0);
        }
      }
    }
  }
  assert.ok(planned > 1000, `${planned} plans`);
});

const found = await findMatrixDevice();
if (typeof found === "string") console.log(`No attention by matrix units: ${found}`);

/** Heads are small, and so is the memory, for kernels that a software adapter compiles in seconds. */
const CORNERS: readonly AttentionSize[] = [
  { batch: 2, tokens: 37, heads: 2, dim: 16 },
  { batch: 1, tokens: 64, heads: 1, dim: 16, range: [-30, 30] }, // tops rise from tile to tile
  { batch: 2, tokens: 1, heads: 2, dim: 16, lengths: [1, 0] },
  {
    batch: 2,
    tokens: 50,
    queries: 37,
    heads: 1,
    dim: 16,
    lengths: [50, 20],
    bias: "own",
    window: 20,
    dropout: 0.3,
  },
  { batch: 2, tokens: 37, heads: 1, dim: 16, lengths: [0, 37], bias: "shared", causal: true, dropout: 0.3 },
  { batch: 1, tokens: 33, heads: 1, dim: 24 },
];
const LITTLE = { maxComputeWorkgroupStorageSize: 8900 };

let little: Gpu | undefined;
Deno.test.afterAll(() => little?.destroy());

/** A test on a device that has matrix units, where one is at hand: the same for all, since its compiler is slow. */
function testOnUnits(name: string, body: (gpu: Gpu, t: Deno.TestContext) => Promise<void>): void {
  Deno.test({
    name,
    ignore: typeof found === "string",
    async fn(t) {
      const webgpu = await findDawn() as GPU;
      await body(little ??= await Gpu.open("auto", { webgpu, adapterClass: "gpu", limits: LITTLE }), t);
    },
  });
}

testOnUnits(
  "attention by matrix units matches the oracle at its corners, forward and backward",
  async (gpu, t) => {
    for (const size of CORNERS) {
      assert.equal(formOf(gpu, size.dim, "forward"), "matrices");
      const row = attentionCase(size);
      const halves = { gradient: 1e-3, reason: "f16 rounds the result, which backward reads, and weights" };
      // Gradients at such scores are differences of large numbers, of which f16 leaves little in any form.
      const forwardOnly = size.range && { forwardOnly: true } as const;
      await t.step(row.name, () => checkCase(gpu, { ...row, halves, ...forwardOnly }, "f16"));
    }
  },
);

testOnUnits(
  "attention by matrix units drops the elements that blocks drop, to the same bits each time",
  async (gpu) => {
    const [heads, dim] = [2, 16]; // and as many tokens as elements: values that are one-hot show every probability
    const values = new Float32Array(dim * 3 * heads * dim);
    for (let token = 0; token < dim; token++) {
      for (let head = 0; head < heads; head++) values[(3 * token + 2) * heads * dim + head * dim + token] = 1;
    }
    // A bias of zeros and a window as wide as all, for the kernels that the corners have had compiled.
    const options = { heads, window: dim, dropout: { probability: 0.3, key: new RandomKeys(7, 3).next() } };
    const compute = async (gpu: Gpu, dtype: "f16" | "f32") => {
      const shape = [1, dim, 3 * heads * dim];
      const leaf = capture(() =>
        cast(Tensor.from(gpu, values, shape), dtype).view(shape, { requiresGrad: true })
      );
      const bias = Tensor.from(gpu, new Float32Array(heads * dim * dim), [heads, dim, dim]);
      const seed = Float32Array.from({ length: dim * heads * dim }, (_, i) => Math.sin(i));
      const { y, grad } = scope(() => {
        const y = selfAttention(leaf, { ...options, bias });
        backward(y, cast(Tensor.from(gpu, seed, y.shape), dtype));
        return { y, grad: leaf.grad! };
      });
      return { y: await y.read(), grad: await grad.read() };
    };
    const first = await compute(gpu, "f16");
    assert.deepEqual(await compute(gpu, "f16"), first);
    const plain = await Gpu.open("auto", { adapterClass: "software" });
    const blocks = await compute(plain, "f32");
    plain.destroy();
    const dropped = (y: ArrayLike<number>) => Array.from(y, (value) => value === 0);
    assert.deepEqual(dropped(first.y), dropped(blocks.y));
    const share = dropped(first.y).filter(Boolean).length / first.y.length;
    assert.ok(Math.abs(share - 0.3) < 0.1, `${share} of all are dropped`);
  },
);
