/** Where the time of a training step goes. */
import type { Dataset } from "../data/dataset.ts";
import type { DispatchTime } from "../gpu/profiler.ts";
import { UserError } from "../base/user_error.ts";
import { measureCeilings } from "../ops/ceilings.ts";
import type { KernelProfile, Profile } from "../runs/records.ts";
import type { Learner } from "./learner.ts";
import { type MicroBatch, microBatches } from "./micro_batches.ts";

/** Everything is compiled, and the pool filled, after so many steps. */
const WARM_UP_STEPS = 2;

/**
 * Trains for some steps, first as always and then with every dispatch timed; the learner has learned from them. Throws a
 * UserError where the adapter tells no times.
 */
export async function profileTraining(learner: Learner, data: Dataset, steps: number): Promise<Profile> {
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
      learner.accumulate(microBatch.batch, microBatch.weight, microBatch.number);
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

async function* endlessly(learner: Learner, data: Dataset): AsyncGenerator<MicroBatch, void> {
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
