/** Finds out by trying whether a device computes by subgroups, and which lanes are of one: WGSL does not say. */
import probeFile from "../../wgsl/lib/subgroup_probe.wgsl" with { type: "text" };
import shuffleFile from "../../wgsl/lib/shuffle_probe.wgsl" with { type: "text" };
import type { Backend } from "./backend.ts";
import { readConstant, specialise } from "./kernel.ts";
import { probe, type Wanted } from "./probe.ts";

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

/** Lanes that the probe exchanges among: no kernel makes use of more. */
const MOST_LANES = 64;

/**
 * The most lanes of a workgroup, a power of two, that are of one subgroup and in order when they are counted from a multiple
 * of their number: as seen in a large workgroup, and no more than the least subgroup that the driver may choose for another
 * kernel. 0 where there are no subgroups.
 */
export async function lanesInOrder(
  device: GPUDevice,
  { subgroupMinSize }: Pick<GPUAdapterInfo, "subgroupMinSize">,
  backend: Backend,
  wanted: Wanted,
): Promise<number> {
  if (!device.features.has("subgroups")) return 0;
  const most = Math.min(MOST_LANES, subgroupMinSize);
  if (wanted === "listed") return most;
  const workgroup = readConstant(shuffleFile, "WG");
  const masks = Math.log2(MOST_LANES);
  const found = await probe(device, backend, shuffleFile, workgroup * masks * 16);
  if (!found) return 0;
  const values = new Float32Array(found);
  const isRight = (mask: number) => {
    for (let lane = 0; lane < workgroup; lane++) {
      const other = lane ^ 2 ** mask;
      for (let i = 0; i < 4 && other < workgroup; i++) {
        if (values[4 * (masks * lane + mask) + i] !== other + 1000 * i) return false;
      }
    }
    return true;
  };
  let lanes = 1;
  for (let mask = 0; 2 * lanes <= most && isRight(mask); mask++) lanes *= 2;
  return lanes > 1 ? lanes : 0;
}
