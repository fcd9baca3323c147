/** UniS-MMC: equation 5 of the paper. */
import { unisContrast } from "../losses/unis_contrast.ts";
import { concatenation } from "./fusion.ts";
import type { Method } from "./method.ts";

export const unisMmc: Method = {
  name: "unis-mmc",
  description: "fused and unimodal losses, and λ times the contrast supervised by unimodal predictions",
  fusion: concatenation,
  skipsMissing: true,
  unimodalHeadsAreProbes: false,
  contrast: unisContrast,
  switches: ["semi_positive", "negative"],
  departures: ["first_row_only"],
};
