/** The contract of methods: which losses a model learns from, and how it fuses what its encoders make. */
import type { Tensor } from "../../tensor/tensor.ts";
import type { ByModality, ModalityPair } from "../losses/pairs.ts";
import type { Fusion } from "./fusion.ts";

/**
 * Settings of losses that some methods alone heed, by their names in configurations: the value that changes nothing, and
 * what the other one does.
 */
export const SWITCHES = {
  semi_positive: {
    idle: true,
    does: "without semi-positive pairs in the numerator; they stay in the denominator",
  },
  negative: { idle: true, does: "without negative pairs in the denominator" },
  symmetric: {
    idle: false,
    does: "contrast both ways between two modalities and take the mean, not the first's contrast alone",
  },
} as const;
export type Switch = keyof typeof SWITCHES;

/** Where the published code's losses depart from the paper, by the names of `semantics` in configurations. */
export const DEPARTURES = {
  first_row_only:
    "contrasts row 0 of the similarities of a batch, divided by |P∪S|: `firstRow` in losses/unis_contrast.ts",
  unsupervised_positives_only:
    "has the positive pair alone in the denominator, and so is 0: `batchContrast` in losses/batch_contrast.ts",
  supervised_positives_only:
    "has positive pairs alone in the denominator: `batchContrast` in losses/batch_contrast.ts",
} as const;
export type Departure = keyof typeof DEPARTURES;

/** τ, and of the rest what is to differ from the paper. */
export type ContrastSettings =
  & { readonly temperature: number }
  & { readonly [K in Switch | Departure]?: boolean };

/**
 * A loss [] between the representations [batch, width] of pairs of modalities; labels are u32 [batch]. It compares
 * representations, so all must be of one width.
 */
export type Contrast = (
  representations: ByModality<Tensor>,
  pairs: readonly ModalityPair[],
  settings: ContrastSettings,
  labels: Tensor,
) => Tensor;

export interface Method {
  /** The name in configurations. */
  readonly name: string;
  /** What it learns from, in one line for help texts. */
  readonly description: string;
  /** How representations become the input of the fused head; without it, there is one encoder and nothing to fuse. */
  readonly fusion?: Fusion;
  /**
   * True: the unimodal heads learn on detached representations. They tell how good each representation is, and encoders
   * and fusion learn from the fused loss alone, as if those heads did not exist. (A norm over all gradients sees them.)
   */
  readonly unimodalHeadsAreProbes: boolean;
  readonly contrast?: Contrast;
  /** What of the settings it heeds; none if not given. */
  readonly switches?: readonly Switch[];
  readonly departures?: readonly Departure[];
}
