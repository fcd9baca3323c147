/** Groups of parameters that share a learning rate and a weight decay. */
import type { Parameter } from "../nn/parameter.ts";
import type { AdamGroup, AdamOptions } from "./adam_options.ts";

export type PartOptions = {
  /** Learning rates by part, the first word of parameters' names: `image`, `text`, `heads`. */
  readonly rates: Readonly<Record<string, number>>;
  readonly weightDecay: number;
  /** Weight decays of parts that differ from it. */
  readonly weightDecays?: Readonly<Record<string, number>>;
  /** True: biases and norms, which have one dimension, decay too. False if not given. */
  readonly decayVectors?: boolean;
};

/** The end of the names of groups that do not decay. */
export const UNDECAYED = ".vectors";

/**
 * Two groups a part, `<part>` and `<part>.vectors`; the second has the parameters of one dimension, biases and norms,
 * unless `decayVectors`. A part without a rate makes Adam throw.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { groupByPart } from "unis/engine";
 *
 * const { groups } = groupByPart({ rates: { image: 1e-4, text: 2e-5 }, weightDecay: 0.01 });
 * assert.deepEqual(Object.keys(groups), ["image", "image.vectors", "text", "text.vectors"]);
 * assert.equal(groups["text.vectors"]!.weightDecay, 0);
 * ```
 */
export function groupByPart(
  { rates, weightDecay, weightDecays = {}, decayVectors = false }: PartOptions,
): Pick<AdamOptions, "groups" | "groupOf"> {
  const groups: Record<string, AdamGroup> = {};
  for (const [part, learningRate] of Object.entries(rates)) {
    groups[part] = { learningRate, weightDecay: weightDecays[part] ?? weightDecay };
    groups[part + UNDECAYED] = { learningRate, weightDecay: 0 };
  }
  const groupOf = ({ name, shape }: Parameter) => {
    const [part] = name.split(".");
    return decayVectors || shape.length > 1 ? part! : part + UNDECAYED;
  };
  return { groups, groupOf };
}
