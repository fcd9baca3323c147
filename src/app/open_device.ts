/** Opening the device of a command. */
import { defaultCacheDirectory } from "../data/images/image_store.ts";
import type { DeviceKind } from "../gpu/adapter.ts";
import { Gpu } from "../gpu/gpu.ts";
import { tunedPlans } from "../ops/gemm_plan.ts";
import { selfTest } from "../ops/self_test.ts";
import { output } from "../report/output.ts";
import { formatBytes } from "../report/units.ts";
import { describePlans, loadPlans } from "../tuning/plan_cache.ts";
import { type BackendName, findBackend } from "./backend.ts";

/** Which device to open: the flags --device and --backend. */
export interface DeviceChoice {
  device: DeviceKind;
  /** Deno's own WebGPU if not given. */
  backend?: BackendName;
}

/**
 * Opens a device, makes sure that it computes what it should, and gives it the plans tuned for it, if there are any.
 * Throws an AdapterError where there is none, a UserError where its backend is not at hand.
 */
export async function openDevice(
  choice: DeviceKind | DeviceChoice,
  note: (message: string) => void = (message) => output.aside(message),
): Promise<Gpu> {
  const begin = performance.now();
  const { device, backend = "deno" } = typeof choice === "string" ? { device: choice } : choice;
  const gpu = await Gpu.open(device, { webgpu: await findBackend(backend, note) });
  const opened = performance.now();
  await selfTest(gpu);
  const tested = performance.now();
  tunedPlans.set(gpu, loadPlans(defaultCacheDirectory(), gpu, note));
  for (const line of deviceLines(gpu)) output.detail(line);
  output.detail(`Opened      in ${secondsFrom(begin, opened)}, tested in ${secondsFrom(opened, tested)}`);
  return gpu;
}

function secondsFrom(begin: number, end: number): string {
  return `${((end - begin) / 1000).toFixed(1)} s`;
}

/** What a report of a fault should say of a device. */
function deviceLines(gpu: Gpu): string[] {
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
  const plans = describePlans(gpu);
  const units = gpu.matrixUnits.map(({ m, n, k, subgroup }) => `${m}×${n}×${k} by ${subgroup} lanes`);
  return [
    `Device      ${gpu.name} (${gpu.adapterClass}): ${gpu.identity}`,
    `Features    ${[...gpu.features].sort().join(", ")}; subgroups of ${gpu.subgroup}`,
    `Matrices    ${units.join(", ") || "no matrix units"}`,
    `Limits      buffers of ${formatBytes(maxBufferSize)}, bindings of ${
      formatBytes(maxStorageBufferBindingSize)
    }`,
    `Plans       ${
      plans === undefined ? "as they come" : `tuned for ${plans.shapes} shapes (${plans.sha256})`
    }`,
  ];
}
