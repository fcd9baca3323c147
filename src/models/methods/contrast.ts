/** The contract of losses between representations: what they get, and the settings that they heed. */
import type { RandomKeys } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { FieldValue } from "../encoders/fields.ts";
import type { ByModality, ModalityPair } from "../losses/pairs.ts";

/**
 * The settings of losses that some methods alone heed, by their names in configurations: `idle` is the value that changes
 * nothing, `does` says what the other one does.
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

/** The places where losses of the published code depart from the paper, by their names in `semantics` of configurations. */
export const DEPARTURES = {
  first_row_only:
    "contrasts row 0 of the similarities of a batch, divided by |P∪S|: `firstRow` in losses/unis_contrast.ts",
  unsupervised_positives_only:
    "has the positive pair alone in the denominator, and so is 0: `batchContrast` in losses/batch_contrast.ts",
  supervised_positives_only:
    "has positive pairs alone in the denominator: `batchContrast` in losses/batch_contrast.ts",
} as const;
export type Departure = keyof typeof DEPARTURES;

/** The temperature τ, those switches and departures that are not to be as in the paper, and all of the method's own fields, or none. */
export type ContrastSettings =
  & { readonly temperature: number; readonly options?: Readonly<Record<string, FieldValue>> }
  & { readonly [K in Switch | Departure]?: boolean };

/** The point of training that a loss is computed at. */
export interface Moment {
  /** Epochs that are over, and those there will be at most. */
  readonly epoch: number;
  readonly epochs: number;
  /** The random keys of the micro-batch, of which dropout has taken its own; undefined where nothing is random. */
  readonly keys: RandomKeys | undefined;
}

/** A loss outside of training is that of its end. */
export const AFTER_TRAINING: Moment = { epoch: 1, epochs: 1, keys: undefined };

/**
 * Computes a loss [] between the representations [batch, width] of pairs of modalities; targets are those of the task, in
 * classification labels u32 [batch]. It compares representations, so all must be of one width.
 */
export type Contrast = (
  representations: ByModality<Tensor>,
  pairs: readonly ModalityPair[],
  settings: ContrastSettings,
  targets: Tensor,
  moment: Moment,
) => Tensor;
