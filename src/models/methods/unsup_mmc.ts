/** UnSupMMC: the two modalities of one sample are the positive pair. */
import { Tensor } from "../../tensor/tensor.ts";
import { scope } from "../../tensor/scope.ts";
import { batchContrasts } from "../losses/batch_contrast.ts";
import { concatenation } from "./fusion.ts";
import type { Contrast } from "./contrast.ts";
import type { Method } from "./method.ts";

const contrast: Contrast = (representations, pairs, settings, targets) =>
  scope(() => {
    const { temperature, symmetric = false, unsupervised_positives_only: positivesOnly = false } = settings;
    const batch = targets.shape[0]!;
    const groups = Tensor.from(targets.gpu, Uint32Array.from({ length: batch }, (_, i) => i), [batch]);
    return batchContrasts(representations, pairs, groups, { temperature, symmetric, positivesOnly });
  });

export const unsupMmc: Method = {
  name: "unsup-mmc",
  description: "the fused loss, and λ times the contrast of a sample's modalities within the batch",
  fusion: concatenation,
  skipsMissing: true,
  unimodalHeadsAreProbes: true,
  contrast,
  switches: ["symmetric"],
  departures: ["unsupervised_positives_only"],
};
