/** SupMMC: all cross-modal pairs of one label are positive. */
import { batchContrasts } from "../losses/batch_contrast.ts";
import { concatenation } from "./fusion.ts";
import type { Contrast } from "./contrast.ts";
import type { Method } from "./method.ts";

const contrast: Contrast = (representations, pairs, settings, labels) => {
  const { temperature, symmetric = false, supervised_positives_only: positivesOnly = false } = settings;
  return batchContrasts(representations, pairs, labels, { temperature, symmetric, positivesOnly });
};

export const supMmc: Method = {
  name: "sup-mmc",
  description: "the fused loss, and λ times the contrast of labels within the batch",
  fusion: concatenation,
  skipsMissing: true,
  unimodalHeadsAreProbes: true,
  contrast,
  tasks: ["classification"],
  switches: ["symmetric"],
  departures: ["supervised_positives_only"],
};
