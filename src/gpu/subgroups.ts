/** Finds out by trying whether a device computes by subgroups. */
import probeFile from "../../wgsl/lib/subgroup_probe.wgsl" with { type: "text" };
import type { Backend } from "./backend.ts";
import { specialise } from "./kernel.ts";
import { probe } from "./probe.ts";

/** True where a workgroup of `lanes` lanes is one subgroup, its lanes in order, and sums, maxima and broadcasts are right. */
export async function isOneSubgroup(device: GPUDevice, lanes: number, backend: Backend): Promise<boolean> {
  if (!device.features.has("subgroups")) return false;
  const found = await probe(
    device,
    backend,
    specialise("probe", probeFile, { WG: lanes }),
    lanes * 2 * 16,
  );
  if (!found) return false;
  const values = new Float32Array(found);
  return values.every((value, i) => i % 8 >= 4 || value === values[i + 4]);
}
