/** Writes a profile as tables for the console. */
import { SUBMISSION_MILLISECONDS } from "../gpu/submission_size.ts";
import type { KernelProfile, Profile } from "../runs/records.ts";
import { formatTable } from "./table.ts";
import { formatBytes, formatCount } from "./units.ts";

/** The number of rows of the table by shape. */
const SHAPES_SHOWN = 15;

/** The lines shown for a profile: the step, then its kernels, then the shapes that take most of it. */
export function profileLines(profile: Profile): string[] {
  const { ceilings, memory, kernels, steps } = profile;
  const peaks = [
    `${giga(ceilings.f32)} GFLOP/s in f32`,
    ...(ceilings.f16 === undefined ? [] : [`${giga(ceilings.f16)} in f16`]),
    `copies ${giga(ceilings.bytes)} GB/s`,
  ];
  const ratio = profile.step_milliseconds / profile.product_milliseconds;
  const held = memory.peak_held / memory.peak_live;
  return [
    `Adapter     ${profile.adapter} (${profile.adapter_class}); measured ceilings: ${peaks.join(", ")}`,
    `Step        ${ms(profile.step_milliseconds)} ms for ${formatCount(profile.samples_per_step)} samples, ` +
    `mean of ${steps}; ${ratio.toFixed(2)} × its matrix products and attention`,
    `Kernels     ${ms(profile.kernel_milliseconds)} ms, each timed by itself; ` +
    `${ms(profile.product_milliseconds)} of them matrix products and attention`,
    `Host        ${ms(profile.host_milliseconds)} ms to encode ${
      formatCount(Math.round(profile.dispatches))
    } dispatches; waited ${ms(profile.input_wait_milliseconds)} ms for batches`,
    `Memory      ${formatBytes(memory.peak_live)} in use at most, ${formatBytes(memory.peak_held)} held (${
      held.toFixed(2)
    } ×)`,
    "",
    ...kernelTable(profile, byName(kernels), "kernel", ({ kernel }) => kernel),
    "",
    ...kernelTable(
      profile,
      kernels.slice(0, SHAPES_SHOWN),
      `the ${Math.min(SHAPES_SHOWN, kernels.length)} of ${kernels.length} that take most, by shape`,
      ({ kernel, shape }) => `${kernel} ${shape}`.trim(),
    ),
    ...longCalls(kernels),
  ];
}

/** Lines for calls that take longer by themselves than a submission of several should. */
function longCalls(kernels: readonly KernelProfile[]): string[] {
  const long = kernels
    .map(({ kernel, shape, calls, milliseconds }) => ({
      name: `${kernel} ${shape}`.trim(),
      each: milliseconds / calls,
    }))
    .filter(({ each }) => each > SUBMISSION_MILLISECONDS);
  if (long.length === 0) return [];
  return [
    "",
    `Long        ${
      long.map(({ name, each }) => `a call of ${name} takes ${ms(each)} ms`).join(", ")
    }. Drivers of GPUs ` +
    `may reset a device that works on one for seconds: a smaller micro-batch makes calls shorter`,
  ];
}

function kernelTable(
  { ceilings, kernel_milliseconds }: Profile,
  kernels: readonly KernelProfile[],
  title: string,
  nameOf: (kernel: KernelProfile) => string,
): string[] {
  const rows = kernels.map((kernel) => {
    const { calls, operations, bytes } = kernel;
    const time = kernel.milliseconds + kernel.copying_milliseconds;
    const rate = operations / time * 1000;
    const bandwidth = bytes / time * 1000;
    return [
      nameOf(kernel),
      calls.toFixed(calls % 1 === 0 ? 0 : 1),
      ms(time),
      percent(time / kernel_milliseconds),
      ...(operations > 0 ? [giga(rate), percent(rate / ceilings.f32)] : ["", ""]),
      giga(bandwidth),
      percent(bandwidth / ceilings.bytes),
    ];
  });
  return formatTable([[title, "calls", "ms", "share", "GFLOP/s", "of f32", "GB/s", "of copy"], ...rows]);
}

function byName(kernels: readonly KernelProfile[]): KernelProfile[] {
  const sums = new Map<string, KernelProfile>();
  for (const kernel of kernels) {
    const sum = sums.get(kernel.kernel);
    if (sum === undefined) sums.set(kernel.kernel, { ...kernel, shape: "" });
    else {
      sum.calls += kernel.calls;
      sum.milliseconds += kernel.milliseconds;
      sum.copying_milliseconds += kernel.copying_milliseconds;
      sum.operations += kernel.operations;
      sum.bytes += kernel.bytes;
    }
  }
  const time = (kernel: KernelProfile) => kernel.milliseconds + kernel.copying_milliseconds;
  return [...sums.values()].sort((a, b) => time(b) - time(a));
}

function ms(milliseconds: number): string {
  return milliseconds.toFixed(milliseconds < 10 ? 2 : milliseconds < 100 ? 1 : 0);
}

function giga(rate: number): string {
  return (rate / 1e9).toFixed(rate < 1e10 ? 2 : rate < 1e11 ? 1 : 0);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}
