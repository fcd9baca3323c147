/** Where the time of a training step goes. */
import type { DataSet } from "../data/data_set.ts";
import type { DispatchTime } from "../gpu/profiler.ts";
import { UserError } from "../io/user_error.ts";
import { type Ceilings, measureCeilings } from "../ops/ceilings.ts";
import type { Learner } from "./learner.ts";
import { type MicroBatch, microBatches } from "./micro_batches.ts";

/** The dispatches of one kernel on one shape, per step. */
export interface KernelProfile {
  /** `kernel.entry` */
  kernel: string;
  /** As the op tells it; empty where it does not. */
  shape: string;
  calls: number;
  milliseconds: number;
  /** Beyond these, spent copying operands to textures. */
  copying_milliseconds: number;
  /** Floating-point operations; only matrix products and attention count theirs. */
  operations: number;
  /** Bytes read and written at least. */
  bytes: number;
}

/** profile.json. All that is "per step" is a mean over the steps. */
export interface Profile {
  adapter: string;
  adapter_class: string;
  steps: number;
  samples_per_step: number;
  /** The best the adapter did in this run: operations and bytes a second. */
  ceilings: Ceilings;
  /** Per step of ordinary training, with no kernel timed. */
  step_milliseconds: number;
  /** Of these: JavaScript that encodes the work, and waiting for batches. */
  host_milliseconds: number;
  input_wait_milliseconds: number;
  dispatches: number;
  /** Per step, with every kernel timed by itself. */
  kernel_milliseconds: number;
  /** Of these, matrix products and attention. */
  product_milliseconds: number;
  /** Bytes: the most in use, and the most held from the device. */
  memory: { peak_live: number; peak_held: number };
  /** Most time first. */
  kernels: KernelProfile[];
}

/** Everything is compiled, and the pool filled, after so many steps. */
const WARM_UP_STEPS = 2;

/**
 * Trains for some steps, first as always and then with every dispatch timed; the learner has learned from them. Throws a
 * UserError where the adapter tells no times.
 */
export async function profileTraining(learner: Learner, data: DataSet, steps: number): Promise<Profile> {
  const { gpu, config } = learner;
  if (!gpu.features.has("timestamp-query")) {
    throw new UserError(`Cannot use --profile on "${gpu.name}": the adapter has no timestamp queries`);
  }
  const source = endlessly(learner, data);
  const host = { encoding: 0, waiting: 0, step: 0 };
  const run = async (count: number) => {
    while (count > 0) {
      const { value: microBatch } = await source.next() as IteratorYieldResult<MicroBatch>;
      const start = performance.now();
      learner.accumulate(microBatch.batch, microBatch.weight, microBatch.number, microBatch.withDropout);
      if (microBatch.endsStep) {
        learner.step(host.step++);
        gpu.flush();
        count--;
      }
      host.encoding += performance.now() - start;
      host.waiting += 1000 * microBatch.waited;
    }
    await gpu.finish();
  };
  await run(WARM_UP_STEPS);
  const [{ encoding, waiting }, before, start] = [{ ...host }, gpu.dispatches, performance.now()];
  await run(steps);
  const ordinary = {
    step_milliseconds: (performance.now() - start) / steps,
    host_milliseconds: (host.encoding - encoding) / steps,
    input_wait_milliseconds: (host.waiting - waiting) / steps,
    dispatches: (gpu.dispatches - before) / steps,
  };
  const { peakLive, peakHeld } = gpu.memory;
  gpu.startProfiling();
  await run(steps);
  const kernels = perKernel(await gpu.stopProfiling(), steps);
  await source.return(undefined);
  // Last, for it takes memory of its own.
  const ceilings = await measureCeilings(gpu);
  return {
    adapter: gpu.name,
    adapter_class: gpu.adapterClass,
    steps,
    samples_per_step: config.training.batch,
    ceilings,
    ...ordinary,
    kernel_milliseconds: sumOfTimes(kernels),
    product_milliseconds: sumOfTimes(kernels.filter(({ operations }) => operations > 0)),
    memory: { peak_live: peakLive, peak_held: peakHeld },
    kernels,
  };
}

async function* endlessly(learner: Learner, data: DataSet): AsyncGenerator<MicroBatch, void> {
  for (let epoch = 0;; epoch++) yield* microBatches(data, learner.config, learner.trainingSamples, epoch);
}

/** Dispatches summed by kernel and shape and divided by the steps, most time first. */
export function perKernel(times: readonly DispatchTime[], steps: number): KernelProfile[] {
  const sums = new Map<string, KernelProfile>();
  for (const { label, shape, milliseconds, copying, operations, bytes } of times) {
    const key = `${label} ${shape}`;
    const sum = sums.get(key) ??
      { kernel: label, shape, calls: 0, milliseconds: 0, copying_milliseconds: 0, operations: 0, bytes: 0 };
    sums.set(key, sum);
    sum.calls += 1 / steps;
    sum.milliseconds += milliseconds / steps;
    sum.copying_milliseconds += copying / steps;
    sum.operations += operations / steps;
    sum.bytes += bytes / steps;
  }
  return [...sums.values()].sort((a, b) => timeOf(b) - timeOf(a));
}

function timeOf({ milliseconds, copying_milliseconds }: KernelProfile): number {
  return milliseconds + copying_milliseconds;
}

function sumOfTimes(kernels: readonly KernelProfile[]): number {
  return kernels.reduce((sum, kernel) => sum + timeOf(kernel), 0);
}
