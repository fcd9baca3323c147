/**
 * Everything about an adapter's speed in one go and one table: see gpu.sh, which starts it.
 *
 *     deno run -A scripts/bench/gpu.ts [--small] [--class gpu|software] [--python FILE] [--only PART]
 *
 * Kernels are timed by timestamp queries, the training step by the clock; medians after a warm-up. Of the engine alone,
 * so that it runs where no npm package is to be had.
 */
import { parseArgs } from "node:util";
import type { AdapterClass } from "../../src/gpu/adapter.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import type { DispatchTime } from "../../src/gpu/profiler.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { cast } from "../../src/ops/cast.ts";
import { type Ceilings, measureCeilings } from "../../src/ops/ceilings.ts";
import { dropout } from "../../src/ops/dropout.ts";
import { layerNorm } from "../../src/ops/layer_norm.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { add } from "../../src/ops/arithmetic.ts";
import { full } from "../../src/ops/fill.ts";
import { selfTest } from "../../src/ops/self_test.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { Adam } from "../../src/optim/adam.ts";
import { formatTable } from "../../src/report/table.ts";
import { scope } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { BASE, SMALL, type StepSize, unisStep } from "./unis_step.ts";

const ROUNDS = 7;

const { values: flags } = parseArgs({
  options: {
    small: { type: "boolean", default: false },
    class: { type: "string" },
    python: { type: "string" },
    only: { type: "string" },
  },
});
/** Sizes: of a square product, rows and width of activations, parameters of Adam, and the step. */
const sizes = flags.small
  ? { square: 256, rows: 394, width: 96, parameters: 2 ** 18, step: SMALL }
  : { square: 4096, rows: 6304, width: 768, parameters: 2 ** 26, step: BASE };

const gpu = await Gpu.open("auto", flags.class ? { adapterClass: flags.class as AdapterClass } : {});
await selfTest(gpu);
const rows: string[][] = [];
const isWanted = (part: string) => flags.only === undefined || flags.only === part;

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

/** Milliseconds and bytes of what `body` dispatches, of the round whose time is the median. */
async function deviceTime(body: () => void): Promise<{ milliseconds: number; bytes: number }> {
  const round = async () => {
    gpu.startProfiling();
    scope(() => void body());
    const times = await gpu.stopProfiling();
    const sum = (of: (time: DispatchTime) => number) => times.reduce((total, time) => total + of(time), 0);
    return { milliseconds: sum((t) => t.milliseconds + t.copying), bytes: sum((t) => t.bytes) };
  };
  await round();
  const times: Awaited<ReturnType<typeof round>>[] = [];
  for (let i = 0; i < ROUNDS; i++) times.push(await round());
  return times.sort((a, b) => a.milliseconds - b.milliseconds)[ROUNDS >> 1]!;
}

const ms = (milliseconds: number) => milliseconds.toFixed(milliseconds < 1 ? 3 : milliseconds < 100 ? 2 : 0);
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

async function product(
  ceilings: Ceilings,
  m: number,
  n: number,
  k: number,
  form: string,
  dtype: "f32" | "f16",
) {
  const [transposeA, transposeB] = [form[0] === "T", form[1] === "T"];
  const operand = (rows: number, columns: number) => {
    const values = full(gpu, [rows, columns], 0.5);
    const converted = cast(values, dtype);
    if (converted !== values) values.dispose();
    return converted;
  };
  const a = transposeA ? operand(k, m) : operand(m, k);
  const b = transposeB ? operand(n, k) : operand(k, n);
  const { milliseconds } = await deviceTime(() => noGrad(() => matmul(a, b, { transposeA, transposeB })));
  a.dispose();
  b.dispose();
  gpu.trim();
  const rate = 2 * m * n * k / milliseconds * 1000;
  const share = dtype === "f16" && ceilings.f16 ? `${percent(rate / ceilings.f16)} of f16` : "";
  rows.push([
    `GEMM ${m}×${n}×${k} ${form} ${dtype}`,
    `${ms(milliseconds)} ms`,
    `${(rate / 1e9).toFixed(rate < 1e11 ? 1 : 0)} GFLOP/s`,
    `${percent(rate / ceilings.f32)} of f32 peak${share && `, ${share}`}`,
  ]);
}

async function products(ceilings: Ceilings): Promise<void> {
  const { square, rows: m, width } = sizes;
  const precisions = ceilings.f16 === undefined ? ["f32"] as const : ["f32", "f16"] as const;
  for (const dtype of precisions) {
    await product(ceilings, square, square, square, "NN", dtype);
    for (const form of ["NN", "NT"]) {
      await product(ceilings, m, width, width, form, dtype);
      await product(ceilings, m, 4 * width, width, form, dtype);
      await product(ceilings, m, width, 4 * width, form, dtype);
    }
    await product(ceilings, width, width, m, "TN", dtype);
    await product(ceilings, 4 * width, width, m, "TN", dtype);
  }
}

async function movers({ bytes: peak }: Ceilings): Promise<void> {
  const { rows: count, width, parameters: size } = sizes;
  const report = async (name: string, body: () => void) => {
    const { milliseconds, bytes } = await deviceTime(body);
    const rate = bytes / milliseconds * 1000;
    rows.push([
      name,
      `${ms(milliseconds)} ms`,
      `${(rate / 1e9).toFixed(1)} GB/s`,
      `${percent(rate / peak)} of copy`,
    ]);
  };
  const at = `${count}×${width}`;
  const x = full(gpu, [count, width], 0.5);
  const [wide, other] = [full(gpu, [count, 4 * width], 0.5), full(gpu, [count, 4 * width], 0.5)];
  const leaf = x.view(x.shape, { requiresGrad: true });
  const [gamma, beta] = [full(gpu, [width], 1), full(gpu, [width], 0)];
  const key = { key0: 1, key1: 2, layer: 3, step: 4 };
  await report(`layer norm ${at}`, () => noGrad(() => layerNorm(x, gamma, beta, 1e-12)));
  await report(`layer norm ${at} and its gradient`, () => {
    backward(layerNorm(leaf, gamma, beta, 1e-12), x);
    leaf.grad = undefined;
  });
  await report(`softmax ${at}`, () => noGrad(() => softmax(x)));
  await report(`dropout ${count}×${4 * width}`, () => noGrad(() => dropout(wide, 0.1, key)));
  await report(`residual ${count}×${4 * width}`, () => noGrad(() => add(wide, other)));
  for (const tensor of [x, wide, other, leaf, gamma, beta]) tensor.dispose();
  gpu.trim();
  const parameters = new Parameters();
  const block = Math.min(size, 2 ** 24);
  for (let i = 0; i < size / block; i++) parameters.declare(`p${i}`, [block], () => {});
  parameters.allocate(gpu, 0, () => true);
  const groups = { all: { learningRate: 1e-3, weightDecay: 0.01 } };
  const adam = new Adam(parameters, { groups, groupOf: () => "all", decoupled: true });
  await report(`AdamW, ${size / 2 ** 20} Mi parameters`, () => adam.step());
  adam.dispose();
  parameters.dispose();
  gpu.trim();
}

async function step(precision: "f32" | "f16", size: StepSize): Promise<number> {
  gpu.trim();
  const { live } = gpu.memory;
  const one = unisStep(gpu, size, precision);
  const times: number[] = [];
  let held = 0;
  for (let i = 0; i < 3 + ROUNDS; i++) {
    const start = performance.now();
    one.run();
    await gpu.finish();
    if (i >= 3) times.push(performance.now() - start);
    held = Math.max(held, gpu.memory.held);
  }
  const loss = await one.loss();
  one.dispose();
  gpu.trim();
  const milliseconds = median(times);
  rows.push([
    `${stepName(size)} ${precision}`,
    `${ms(milliseconds)} ms`,
    `${(1000 * size.microBatch / milliseconds).toFixed(1)} samples/s`,
    `${((held - live) / 2 ** 20).toFixed(0)} MiB held, loss ${loss.toFixed(3)}`,
  ]);
  return milliseconds;
}

function stepName({ microBatch, layers, width, imageSize, tokens }: StepSize): string {
  return `UniS-MMC step ${layers}×${width}, ${microBatch} × (${imageSize}², ${tokens} tokens)`;
}

/** The same step by PyTorch, eager, in float32 without TF32. */
async function torchStep(size: StepSize, ours: number): Promise<void> {
  const name = `PyTorch ${stepName(size)} f32`;
  if (flags.python === undefined) {
    rows.push([name, "no PyTorch", "", ""]);
    return;
  }
  const { success, stdout, stderr } = await new Deno.Command(flags.python, {
    args: [new URL("torch_step.py", import.meta.url).pathname, JSON.stringify({ ...size, rounds: ROUNDS })],
  }).output();
  if (!success) {
    const reason = new TextDecoder().decode(stderr).trim().split("\n").at(-1)!;
    rows.push([name, "failed", "", reason]);
    return;
  }
  const theirs: { device: string; milliseconds: number; memory: number; loss: number; version: string } = JSON
    .parse(new TextDecoder().decode(stdout));
  rows.push([
    name,
    `${ms(theirs.milliseconds)} ms`,
    `${(1000 * size.microBatch / theirs.milliseconds).toFixed(1)} samples/s`,
    `${(theirs.memory / 2 ** 20).toFixed(0)} MiB held, loss ${
      theirs.loss.toFixed(3)
    }; ${theirs.version} on ${theirs.device}`,
  ]);
  rows.push([`ours / PyTorch, f32`, "", (ours / theirs.milliseconds).toFixed(2), "goal: at most 1.3"]);
}

console.log(`Adapter   ${gpu.name} (${gpu.adapterClass}); self test passed`);
console.log(`Features  ${[...gpu.features].join(", ")}`);
console.log(`Limits    ${Object.entries(gpu.limits).map(([name, value]) => `${name} ${value}`).join(", ")}`);
const ceilings = await measureCeilings(gpu);
const giga = (rate: number, unit: string) => `${(rate / 1e9).toFixed(1)} ${unit}`;
rows.push(["multiply-adds f32, the peak", "", giga(ceilings.f32, "GFLOP/s"), ""]);
if (ceilings.f16) rows.push(["multiply-adds f16, the peak", "", giga(ceilings.f16, "GFLOP/s"), ""]);
rows.push(["copy of a large buffer, the peak", "", giga(ceilings.bytes, "GB/s"), ""]);
if (isWanted("products")) await products(ceilings);
if (isWanted("movers")) await movers(ceilings);
if (isWanted("step")) {
  const ours = await step("f32", sizes.step);
  if (gpu.features.has("shader-f16")) await step("f16", sizes.step);
  await torchStep(sizes.step, ours);
}
console.log(["", ...formatTable([[gpu.name, "time", "rate", ""], ...rows])].join("\n"));
gpu.destroy();
