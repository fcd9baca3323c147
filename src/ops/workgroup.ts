/** Sums and maxima over the lanes of a workgroup, for kernels to link. */
import type { TwoVersions } from "../gpu/kernel.ts";
import subgroup from "../../wgsl/lib/subgroup.wgsl" with { type: "text" };
import workgroup_ from "../../wgsl/lib/workgroup.wgsl" with { type: "text" };

export const workgroup: TwoVersions = { workgroup: workgroup_, subgroup };
