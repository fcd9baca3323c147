/** The contract of methods: which losses a model learns from, and how it fuses what its encoders make. */
import { nearest } from "../../base/nearest.ts";
import { UserError } from "../../base/user_error.ts";
import { type Fields, type FieldValue, readFields } from "../encoders/fields.ts";
import type { InputKind } from "../encoders/inputs.ts";
import type { Architecture } from "./architecture.ts";
import type { Contrast, Departure, Switch } from "./contrast.ts";
import type { Fusion } from "./fusion.ts";
import { separateHeads } from "./separate_heads.ts";

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
  /** Its weight, where that is not λ of the configuration. */
  readonly contrastWeight?: number;
  /** True where the architecture has a buffer of distances between classes, for which a sentence encoder may be named. */
  readonly usesClassDistances?: boolean;
  /** The names of the tasks that it is defined for; all if not given. */
  readonly tasks?: readonly string[];
  /**
   * True where samples that lack modalities are learned from as far as they go: its contrast is of the samples in `rows` of a
   * pair. False if not given.
   */
  readonly skipsMissing?: boolean;
  /** The settings that it heeds; none if not given. */
  readonly switches?: readonly Switch[];
  readonly departures?: readonly Departure[];
  /** The kinds of inputs that it is for: one encoder of each. Any encoders if not given. */
  readonly reads?: readonly InputKind[];
  /**
   * The `model_type` of the one encoder that it learns by. A configuration that has encoders of single modalities in its place
   * gets one in their place, of their sizes.
   */
  readonly encoder?: string;
  /** The width that its architecture brings modalities to, in words, where `model.projection` cannot be another. */
  readonly projects?: string;
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
