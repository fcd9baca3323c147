/** The most an adapter can do, measured: the rates that the speed of kernels is compared with. */
import type { Gpu } from "../gpu/gpu.ts";
import { SOFTWARE_LANES } from "../gpu/adapter.ts";
import { defineKernel, readConstant } from "../gpu/kernel.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { copy } from "./fill.ts";
import multiplyAdd from "../../wgsl/ceilings/multiply_add.wgsl" with { type: "text" };

const kernel = defineKernel("ceiling_multiply_add", [multiplyAdd]);

/** Lanes of a workgroup by class of adapter, and MiB to copy: more than caches hold. */
const SIZES = { software: { WG: SOFTWARE_LANES, copied: 64 }, gpu: { WG: 256, copied: 256 } };
const ITERATIONS = 256;
/** Operations of one invocation: a multiply-add is two. */
const OPERATIONS = 2 * readConstant(multiplyAdd, "CHAINS") * readConstant(multiplyAdd, "STEPS") * ITERATIONS;
/** Rounds take at least this long, so that starting them costs nothing beside it. */
const LEAST_MILLISECONDS = 10;
const MOST_GROUPS = 32768;
const ROUNDS = 4;

export interface Ceilings {
  /** Floating-point operations a second in dependent but plentiful multiply-adds; a multiply-add is two. */
  readonly f32: number;
  /** Floating-point operations a second in f16, where the adapter has it. */
  readonly f16?: number;
  /** Bytes a second that a copy of a large buffer reads and writes together. */
  readonly bytes: number;
}

/** Milliseconds on the device of everything `body` dispatches. Throws an Error for an adapter without timestamps. */
export async function deviceMilliseconds(gpu: Gpu, body: () => void): Promise<number> {
  gpu.startProfiling();
  scope(() => void body());
  const times = await gpu.stopProfiling();
  return times.reduce((sum, { milliseconds, copying }) => sum + milliseconds + copying, 0);
}

/** Measures each rate in a few rounds, of which the best counts. Throws an Error for an adapter without timestamps. */
export async function measureCeilings(gpu: Gpu): Promise<Ceilings> {
  return {
    f32: await multiplyAdds(gpu, "f32"),
    ...(gpu.features.has("shader-f16") && { f16: await multiplyAdds(gpu, "f16") }),
    bytes: await copiedBytes(gpu),
  };
}

/** Floating-point operations a second. */
async function multiplyAdds(gpu: Gpu, Elem: "f32" | "f16"): Promise<number> {
  const { WG } = SIZES[gpu.adapterClass];
  const round = (groups: number) =>
    deviceMilliseconds(gpu, () => {
      const y = Tensor.empty(gpu, [WG * groups, 4]);
      gpu.dispatch({
        kernel,
        entry: "forward",
        buffers: { y },
        params: { b: 0.5, c: 0.25 },
        workgroups: groups,
        constants: { WG, ITERATIONS, Elem },
      });
    });
  let groups = 128;
  await round(groups);
  while (await round(groups) < LEAST_MILLISECONDS && groups < MOST_GROUPS) groups *= 2;
  return OPERATIONS * WG * groups / (await shortest(() => round(groups))) * 1000;
}

/** Bytes read and written a second. */
async function copiedBytes(gpu: Gpu): Promise<number> {
  const size = Math.min(SIZES[gpu.adapterClass].copied * 2 ** 20, gpu.limits.maxStorageBufferBindingSize);
  const x = Tensor.empty(gpu, [Math.floor(size / 4)]);
  const milliseconds = await shortest(() => deviceMilliseconds(gpu, () => copy(x)));
  x.dispose();
  return 2 * x.bytes / milliseconds * 1000;
}

async function shortest(round: () => Promise<number>): Promise<number> {
  let milliseconds = Infinity;
  for (let i = 0; i < ROUNDS; i++) milliseconds = Math.min(milliseconds, await round());
  return milliseconds;
}
