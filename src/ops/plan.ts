/** How kernels are cut for an adapter. */
import { SOFTWARE_LANES } from "../gpu/adapter.ts";
import type { Gpu } from "../gpu/gpu.ts";

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
