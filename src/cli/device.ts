/** Opening the device of a command. */
import type { DeviceKind } from "../gpu/adapter.ts";
import { Gpu } from "../gpu/gpu.ts";
import { selfTest } from "../ops/self_test.ts";

/** Opens a device and makes sure that it computes what it should. Throws an AdapterError where there is none. */
export async function openDevice(kind: DeviceKind): Promise<Gpu> {
  const gpu = await Gpu.open(kind);
  await selfTest(gpu);
  return gpu;
}
