/** How kernels are cut for an adapter. */
import type { Gpu } from "../gpu/gpu.ts";

/**
 * Invocations of a workgroup that works on one row together. A software adapter runs eight in one instruction, and
 * pays for every barrier between more.
 */
export function rowWorkgroup(gpu: Gpu): number {
  return gpu.adapterClass === "software" ? 8 : 256;
}

/**
 * The most iterations a loop of one invocation may take. Mesa's llvmpipe before version 23 ends any loop, silently,
 * after 65,535 iterations; longer work is split over invocations.
 */
export const MAX_ITERATIONS = 32768;
