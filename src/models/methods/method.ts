/** The contract of methods: which losses a model learns from, and how it fuses what its encoders make. */
import type { RandomKeys } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { nearest } from "../../base/nearest.ts";
import { UserError } from "../../base/user_error.ts";
import { type Fields, type FieldValue, readFields } from "../encoders/fields.ts";
import type { ByModality, ModalityPair } from "../losses/pairs.ts";
import type { Architecture } from "./architecture.ts";
import type { Fusion } from "./fusion.ts";
import { separateHeads } from "./separate_heads.ts";

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

/** The temperature τ, those switches and departures that are not to be as in the paper, and the method's own fields. */
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
 * Computes a loss [] between the representations [batch, width] of pairs of modalities; labels are u32 [batch]. It compares
 * representations, so all must be of one width.
 */
export type Contrast = (
  representations: ByModality<Tensor>,
  pairs: readonly ModalityPair[],
  settings: ContrastSettings,
  labels: Tensor,
  moment: Moment,
) => Tensor;

/**
 * A method of multimodal classification. One of one's own is an object like this: `MultimodalClassifier` takes it in place of
 * a name, and `registerMethod` gives it a name in configurations.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { mean, mul, scope, sub } from "unis/engine";
 * import { chooseMethod, concatenation, type Method, registerMethod } from "unis/models";
 *
 * const near: Method = {
 *   name: "near",
 *   description: "the fused loss, and λ times the squared distance of the first two representations",
 *   fusion: concatenation,
 *   unimodalHeadsAreProbes: true,
 *   contrast: (representations) =>
 *     scope(() => {
 *       const [a, b] = Object.values(representations);
 *       const difference = sub(a!, b!);
 *       return mean(mul(difference, difference));
 *     }),
 * };
 * registerMethod(near);
 * assert.equal(chooseMethod("near", ["image", "text"]).method, near);
 * ```
 */
export interface Method {
  /** The name in configurations. */
  readonly name: string;
  /** Says in one line for help texts which losses it learns from. */
  readonly description: string;
  /**
   * Makes the input of the fused head from all representations. Without it, and without an architecture, there is one encoder
   * and nothing to fuse.
   */
  readonly fusion?: Fusion;
  /** What stands between encoders and logits, where it is anything but heads on representations and on their fusion. */
  readonly architecture?: Architecture;
  /** False where the fused logits are made of the unimodal ones and no loss of theirs is learned; true if not given. */
  readonly learnsFusedLoss?: boolean;
  /**
   * True where the unimodal heads learn on detached representations. They tell how good each representation is, and
   * encoders and fusion learn from the fused loss alone, as if those heads did not exist. (A norm over all gradients sees
   * them.)
   */
  readonly unimodalHeadsAreProbes: boolean;
  /** The loss between representations that is added with the weight λ, where there is one. */
  readonly contrast?: Contrast;
  /** The settings that it heeds; none if not given. */
  readonly switches?: readonly Switch[];
  readonly departures?: readonly Departure[];
  /** Settings of its own, `model.options` in configurations: numbers, texts and flags with their defaults. */
  readonly fields?: Fields;
}

/** Whether a method brings modalities together; else it learns from one encoder. */
export function fuses({ fusion, architecture }: Method): boolean {
  return (fusion ?? architecture) !== undefined;
}

/** The architecture of a method: its own, or heads on representations and on their fusion. */
export function architectureOf({ architecture, fusion, unimodalHeadsAreProbes }: Method): Architecture {
  return architecture ?? separateHeads(fusion, unimodalHeadsAreProbes);
}

/** Reads a method's own fields, each as given or else by default. Throws a UserError for one that it has not, or a bad value. */
export function readOptions(
  { name, fields = {} }: Method,
  given: Readonly<Record<string, FieldValue>> = {},
): Readonly<Record<string, FieldValue>> {
  const known = Object.keys(fields);
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    const meant = nearest(key, known);
    const hint = meant === undefined ? "" : `did you mean "model.options.${meant}"? `;
    throw new UserError(
      `unknown key "model.options.${key}": ${hint}` +
        (known.length > 0 ? `${name} has ${known.join(", ")}` : `${name} has no settings of its own`),
    );
  }
  return readFields(`the method ${name}`, fields, [], given);
}
