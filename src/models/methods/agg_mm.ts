/** AggMM, the paper's baseline. */
import { concatenation } from "./fusion.ts";
import type { Method } from "./method.ts";

export const aggMm: Method = {
  name: "agg-mm",
  description: "the fused loss alone",
  fusion: concatenation,
  skipsMissing: true,
  unimodalHeadsAreProbes: true,
};
