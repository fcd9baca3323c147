/** MT-MML: AggMM + L_uni in the paper's Table 4. */
import { concatenation } from "./fusion.ts";
import type { Method } from "./method.ts";

export const mtMml: Method = {
  name: "mt-mml",
  description: "fused and unimodal losses",
  fusion: concatenation,
  skipsMissing: true,
  unimodalHeadsAreProbes: false,
};
