/** Workgroups whose lanes work on one row or one sum together: how many lanes, how long their loops, how they reduce. */
import { SOFTWARE_LANES } from "../gpu/adapter.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { TwoVersions } from "../gpu/kernel.ts";
import subgroup from "../../wgsl/lib/subgroup.wgsl" with { type: "text" };
import workgroup_ from "../../wgsl/lib/workgroup.wgsl" with { type: "text" };

/** Sums and maxima over the lanes of a workgroup, for kernels to link. */
export const workgroup: TwoVersions = { workgroup: workgroup_, subgroup };

/**
 * Invocations of a workgroup that works on one row together. A software adapter runs a few in one instruction, and
 * pays for every barrier between more.
 */
export function rowWorkgroup(gpu: Gpu): number {
  return gpu.adapterClass === "software" ? SOFTWARE_LANES : 256;
}

/**
 * The most iterations a loop of one invocation may take. Mesa's llvmpipe before version 23 ends any loop, silently,
 * after 65,535 iterations; longer work is split over invocations.
 */
export const MAX_ITERATIONS = 32768;

/** The lanes of the one workgroup that walks all rows. Throws RangeError for rows that its loops would not reach. */
export function mustFitWorkgroup(op: string, gpu: Gpu, rows: number): number {
  const WG = rowWorkgroup(gpu);
  if (rows > WG * MAX_ITERATIONS) {
    throw new RangeError(`Cannot ${op} of ${rows} rows: it takes ${WG * MAX_ITERATIONS} at most`);
  }
  return WG;
}
