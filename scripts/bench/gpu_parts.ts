/** The parts of what `gpu.sh` measures on one device: each adds rows to a table, and gives what the goals are about. */
import type { Gpu } from "../../src/gpu/gpu.ts";
import type { DispatchTime } from "../../src/gpu/profiler.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { add } from "../../src/ops/arithmetic.ts";
import { backward } from "../../src/ops/backward.ts";
import { cast } from "../../src/ops/cast.ts";
import type { Ceilings } from "../../src/ops/ceilings.ts";
import { dropout } from "../../src/ops/dropout.ts";
import { full } from "../../src/ops/fill.ts";
import { layerNorm } from "../../src/ops/layer_norm.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { Adam } from "../../src/optim/adam.ts";
import { scope } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { BASE, SMALL, type StepSize, unisStep } from "./unis_step.ts";

export const ROUNDS = 7;

/** Of a square product, rows and width of activations, parameters of Adam, and the step. */
export const SIZES = {
  small: { square: 256, rows: 394, width: 96, parameters: 2 ** 18, step: SMALL },
  base: { square: 4096, rows: 6304, width: 768, parameters: 2 ** 26, step: BASE },
};
export type Sizes = (typeof SIZES)["base"];
type Dtype = "f32" | "f16";

export class GpuParts {
  readonly rows: string[][] = [];
  readonly #gpu: Gpu;
  readonly #ceilings: Ceilings;
  readonly #sizes: Sizes;

  constructor(gpu: Gpu, ceilings: Ceilings, sizes: Sizes) {
    this.#gpu = gpu;
    this.#ceilings = ceilings;
    this.#sizes = sizes;
    const giga = (rate: number, unit: string) => `${(rate / 1e9).toFixed(1)} ${unit}`;
    this.rows.push(["multiply-adds f32, the peak", "", giga(ceilings.f32, "GFLOP/s"), ""]);
    if (ceilings.f16) this.rows.push(["multiply-adds f16, the peak", "", giga(ceilings.f16, "GFLOP/s"), ""]);
    this.rows.push(["copy of a large buffer, the peak", "", giga(ceilings.bytes, "GB/s"), ""]);
  }

  /** Products of the step, and a square one, whose share of the peak of f32 it gives. */
  async products(dtype: Dtype): Promise<number> {
    const { square, rows: m, width } = this.#sizes;
    const share = await this.#product(square, square, square, "NN", dtype);
    for (const form of ["NN", "NT"]) {
      await this.#product(m, width, width, form, dtype);
      await this.#product(m, 4 * width, width, form, dtype);
      await this.#product(m, width, 4 * width, form, dtype);
    }
    await this.#product(width, width, m, "TN", dtype);
    await this.#product(4 * width, width, m, "TN", dtype);
    return share;
  }

  async #product(m: number, n: number, k: number, form: string, dtype: Dtype): Promise<number> {
    const gpu = this.#gpu;
    const ceilings = this.#ceilings;
    const [transposeA, transposeB] = [form[0] === "T", form[1] === "T"];
    const operand = (rows: number, columns: number) => {
      const values = full(gpu, [rows, columns], 0.5);
      const converted = cast(values, dtype);
      if (converted !== values) values.dispose();
      return converted;
    };
    const a = transposeA ? operand(k, m) : operand(m, k);
    const b = transposeB ? operand(n, k) : operand(k, n);
    const { milliseconds } = await this.#deviceTime(() =>
      noGrad(() => matmul(a, b, { transposeA, transposeB }))
    );
    a.dispose();
    b.dispose();
    gpu.trim();
    const rate = 2 * m * n * k / milliseconds * 1000;
    const ofHalves = dtype === "f16" && ceilings.f16 ? `, ${percent(rate / ceilings.f16)} of f16` : "";
    this.rows.push([
      `GEMM ${m}×${n}×${k} ${form} ${dtype}`,
      `${ms(milliseconds)} ms`,
      `${(rate / 1e9).toFixed(rate < 1e11 ? 1 : 0)} GFLOP/s`,
      `${percent(rate / ceilings.f32)} of f32 peak${ofHalves}`,
    ]);
    return rate / ceilings.f32;
  }

  /** Kernels that move bytes; gives their shares of the bandwidth of copying, by name. */
  async movers(): Promise<Record<string, number>> {
    const gpu = this.#gpu;
    const { rows: count, width, parameters: size } = this.#sizes;
    const shares: Record<string, number> = {};
    const report = async (name: string, at: string, body: () => void) => {
      const { milliseconds, bytes } = await this.#deviceTime(body);
      const rate = bytes / milliseconds * 1000;
      shares[name] = rate / this.#ceilings.bytes;
      const moved = `${(rate / 1e9).toFixed(1)} GB/s`;
      this.rows.push([`${name}, ${at}`, `${ms(milliseconds)} ms`, moved, `${percent(shares[name])} of copy`]);
    };
    const [narrow, broad] = [`${count}×${width}`, `${count}×${4 * width}`];
    const x = full(gpu, [count, width], 0.5);
    const [wide, other] = [full(gpu, [count, 4 * width], 0.5), full(gpu, [count, 4 * width], 0.5)];
    const leaf = x.view(x.shape, { requiresGrad: true });
    const [gamma, beta] = [full(gpu, [width], 1), full(gpu, [width], 0)];
    const key = { key0: 1, key1: 2, layer: 3, step: 4 };
    await report("layer norm", narrow, () => noGrad(() => layerNorm(x, gamma, beta, 1e-12)));
    await report("layer norm and its gradient", narrow, () => {
      backward(layerNorm(leaf, gamma, beta, 1e-12), x);
      leaf.grad = undefined;
    });
    await report("softmax", narrow, () => noGrad(() => softmax(x)));
    await report("dropout", broad, () => noGrad(() => dropout(wide, 0.1, key)));
    await report("residual", broad, () => noGrad(() => add(wide, other)));
    for (const tensor of [x, wide, other, leaf, gamma, beta]) tensor.dispose();
    gpu.trim();
    const parameters = new Parameters();
    const block = Math.min(size, 2 ** 24);
    for (let i = 0; i < size / block; i++) parameters.declare(`p${i}`, [block], () => {});
    parameters.allocate(gpu, 0, () => true);
    const groups = { all: { learningRate: 1e-3, weightDecay: 0.01 } };
    const adam = new Adam(parameters, { groups, groupOf: () => "all", decoupled: true });
    await report("AdamW", `${size / 2 ** 20} Mi parameters`, () => adam.step());
    adam.dispose();
    parameters.dispose();
    gpu.trim();
    return shares;
  }

  /** The training step; gives its milliseconds. */
  async step(precision: Dtype): Promise<number> {
    const gpu = this.#gpu;
    const size = this.#sizes.step;
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
    this.rows.push(stepRow(`${stepName(size)} ${precision}`, size, milliseconds, held - live, loss));
    return milliseconds;
  }

  /** Milliseconds and bytes of what `body` dispatches, of the round whose time is the median. */
  async #deviceTime(body: () => void): Promise<{ milliseconds: number; bytes: number }> {
    const gpu = this.#gpu;
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
}

export function stepName({ microBatch, layers, width, imageSize, tokens }: StepSize): string {
  return `UniS-MMC step ${layers}×${width}, ${microBatch} × (${imageSize}², ${tokens} tokens)`;
}

export function stepRow(
  name: string,
  { microBatch }: StepSize,
  milliseconds: number,
  bytes: number,
  loss: number,
): string[] {
  const rate = `${(1000 * microBatch / milliseconds).toFixed(1)} samples/s`;
  return [
    name,
    `${ms(milliseconds)} ms`,
    rate,
    `${(bytes / 2 ** 20).toFixed(0)} MiB held, loss ${loss.toFixed(3)}`,
  ];
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

function ms(milliseconds: number): string {
  return milliseconds.toFixed(milliseconds < 1 ? 3 : milliseconds < 100 ? 2 : 0);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
