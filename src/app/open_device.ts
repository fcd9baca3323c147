/** Opening the device of a command. */
import { defaultCacheDirectory } from "../data/images/image_store.ts";
import type { DeviceKind } from "../gpu/adapter.ts";
import { Gpu } from "../gpu/gpu.ts";
import { tunedPlans } from "../ops/gemm_plan.ts";
import { selfTest } from "../ops/self_test.ts";
import { loadPlans } from "../tuning/plan_cache.ts";

/**
 * Opens a device, makes sure that it computes what it should, and gives it the plans tuned for it, if there are any.
 * Throws an AdapterError where there is none.
 */
export async function openDevice(
  kind: DeviceKind,
  note: (message: string) => void = console.warn,
): Promise<Gpu> {
  const gpu = await Gpu.open(kind);
  await selfTest(gpu);
  tunedPlans.set(gpu, loadPlans(defaultCacheDirectory(), gpu, note));
  return gpu;
}
