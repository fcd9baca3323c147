/** What heads learn of samples whose images are mixtures: the targets of all that is in them. */
import type { Tensor } from "../../tensor/tensor.ts";
import type { Encoder } from "../encoders/encoder.ts";
import type { ByModality } from "../losses/pairs.ts";
import { FUSION } from "./architecture.ts";

/** Several targets for each sample: each is learned as far as its row weights f32 [batch] say. */
export type MixedTargets = readonly { readonly targets: Tensor; readonly rowWeights: Tensor }[];

/** Mixed targets, and the heads that learn them in place of the targets proper, by which alone a head is right. */
export type Mixture = { readonly heads: readonly string[]; readonly targets: MixedTargets };

/** Mixed targets for the heads that see images: those of encoders that do, and the fused one where any does. */
export function mixtureOf(encoders: ByModality<Encoder>, targets: MixedTargets): Mixture {
  const seeing = Object.keys(encoders).filter((name) =>
    Object.values(encoders[name]!.inputs).includes("image")
  );
  return { heads: seeing.length > 0 ? [...seeing, FUSION] : [], targets };
}
