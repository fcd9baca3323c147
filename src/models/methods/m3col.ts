/**
 * M3CoL (Kumar et al., 2024): unimodal and fused losses, and a contrast of each modality with the next, the last with the
 * first. For the first part of the epochs the samples of the first of the two are mixed with others; after it, the
 * similarities within the second are what the similarities between both should be.
 */
import { Tensor } from "../../tensor/tensor.ts";
import { scope } from "../../tensor/scope.ts";
import { type Fields, positive, probability } from "../encoders/fields.ts";
import { drawMixing, mixedContrast, softContrast } from "../losses/mixed_contrast.ts";
import { sumOf } from "../losses/pairs.ts";
import { concatenation } from "./fusion.ts";
import type { Contrast } from "./contrast.ts";
import type { Method } from "./method.ts";

const FIELDS = {
  /** The part of the epochs in which samples are mixed. */
  mixed_epochs: probability(0.33),
  /** β is of Beta(mix_beta, mix_beta). */
  mix_beta: { ...positive(0.15), below: 1 },
  mix_temperature: positive(0.1),
  soft_temperature: positive(0.125),
} as const satisfies Fields;

const contrast: Contrast = (representations, _, { options }, targets, { epoch, epochs, keys }) =>
  scope(() => {
    const { mixed_epochs, mix_beta, mix_temperature, soft_temperature } = options as {
      readonly [K in keyof typeof FIELDS]: number;
    };
    const all = Object.values(representations);
    const isMixed = keys !== undefined && epoch < Math.floor(mixed_epochs * epochs);
    return sumOf(all.map((a, i) => {
      const b = all[(i + 1) % all.length]!;
      if (!isMixed) return softContrast(a, b, soft_temperature);
      const size = targets.shape[0]!;
      const mixing = Tensor.from(targets.gpu, drawMixing(size, keys.next(), mix_beta), [size, size]);
      return mixedContrast(a, b, mixing, mix_temperature);
    }));
  });

export const m3col: Method = {
  name: "m3col",
  description: "fused and unimodal losses, and λ times the contrast of mixed samples, later of soft targets",
  fusion: concatenation,
  unimodalHeadsAreProbes: false,
  contrast,
  fields: FIELDS,
};
