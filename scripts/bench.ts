/**
 * Speed of this machine's adapter: matrix products, and a transformer encoder block of ViT-base size.
 *   deno task bench [--device auto|gpu|cpu]
 * Medians of seven rounds after a warm-up; between rounds the device is waited for once, not after each call.
 */
import { parseArgs } from "node:util";
import type { DeviceKind } from "../src/gpu/adapter.ts";
import { Gpu } from "../src/gpu/gpu.ts";
import { TransformerLayer, VIT_STYLE } from "../src/nn/transformer.ts";
import { Parameters } from "../src/nn/parameters.ts";
import { backward } from "../src/ops/backward.ts";
import { layerNorm } from "../src/ops/layer_norm.ts";
import { matmul } from "../src/ops/matmul.ts";
import { full } from "../src/ops/fill.ts";
import { softmax } from "../src/ops/softmax.ts";
import { selfTest } from "../src/ops/self_test.ts";
import { scope } from "../src/tensor/scope.ts";
import { noGrad } from "../src/tensor/tape.ts";
import { Tensor } from "../src/tensor/tensor.ts";

const ROUNDS = 7;
/** Calls of a round go on for about this long. */
const ROUND_MILLISECONDS = 300;

const { values: { device } } = parseArgs({ options: { device: { type: "string", default: "auto" } } });
const gpu = await Gpu.open(device as DeviceKind);
await selfTest(gpu);
console.log(`${gpu.name} (${gpu.adapterClass})`);

/** Milliseconds of one call of `work`: the median over rounds, less the wait for an idle device. */
async function median(work: () => void): Promise<number> {
  const round = async (calls: number) => {
    const start = performance.now();
    for (let i = 0; i < calls; i++) scope(() => void work());
    await gpu.finish();
    return performance.now() - start;
  };
  await round(1);
  const idle = Math.min(await round(0), await round(0), await round(0));
  const calls = Math.max(1, Math.round(ROUND_MILLISECONDS / Math.max(0.1, await round(1) - idle)));
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) times.push((await round(calls) - idle) / calls);
  return times.sort((a, b) => a - b)[ROUNDS >> 1]!;
}

function random(...shape: number[]): Tensor {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.random() - 0.5);
  return Tensor.from(gpu, values, shape);
}

function report(name: string, milliseconds: number, operations?: number): void {
  const rate = operations ? `${(operations / milliseconds / 1e6).toFixed(1).padStart(9)} GFLOP/s` : "";
  console.log(`${name.padEnd(52)}${milliseconds.toFixed(2).padStart(10)} ms${rate}`);
}

async function products(m: number, n: number, k: number): Promise<void> {
  for (const [transposeA, transposeB] of [[false, false], [false, true], [true, false]] as const) {
    const a = transposeA ? random(k, m) : random(m, k);
    const b = transposeB ? random(n, k) : random(k, n);
    const name = `matmul ${m}×${k}×${n} ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
    report(name, await median(() => noGrad(() => matmul(a, b, { transposeA, transposeB }))), 2 * m * n * k);
    a.dispose();
    b.dispose();
  }
}

async function rows(count: number, width: number): Promise<void> {
  const x = random(count, width);
  const [gamma, beta] = [random(width), random(width)];
  report(`softmax ${count}×${width}`, await median(() => softmax(x)));
  report(`layer norm ${count}×${width}`, await median(() => layerNorm(x, gamma, beta, 1e-12)));
  for (const tensor of [x, gamma, beta]) tensor.dispose();
}

async function encoderBlock(batch: number, tokens: number, width: number, heads: number): Promise<void> {
  const parameters = new Parameters();
  const layer = new TransformerLayer(
    parameters.root,
    {
      hidden_size: width,
      num_hidden_layers: 1,
      num_attention_heads: heads,
      intermediate_size: 4 * width,
      hidden_act: "gelu",
      hidden_dropout_prob: 0,
      attention_probs_dropout_prob: 0,
      layer_norm_eps: 1e-12,
      initializer_range: 0.02,
      dense_initializer: "normal",
    },
    VIT_STYLE,
  );
  parameters.allocate(gpu, 0);
  const x = random(batch, tokens, width);
  const seed = full(gpu, x.shape, 1);
  const name = `encoder block ${batch}×${tokens}×${width}, ${heads} heads`;
  // Projections and the two layers of the feed-forward part, and attention's two products.
  const operations = 2 * batch * tokens * (12 * width * width + 2 * tokens * width);
  const forward = await median(() => noGrad(() => layer.forward(x, undefined, {})));
  report(`${name}, forward`, forward, operations);
  const both = await median(() => backward(layer.forward(x, undefined, {}), seed));
  report(`${name}, forward + backward`, both, 3 * operations);
  for (const tensor of [x, seed]) tensor.dispose();
  parameters.dispose();
}

await products(1536, 3072, 768);
await rows(1576, 768);
await encoderBlock(2, 197, 768, 12);
gpu.destroy();
