/** Groups of parameters that share a learning rate and a weight decay. */
import type { Parameter } from "../nn/parameters.ts";
import type { AdamGroup, AdamOptions } from "./adam.ts";

export type PartOptions = {
  /** Learning rates by part, which is how names begin: `image`, `text`, `heads`. */
  readonly rates: Readonly<Record<string, number>>;
  readonly weightDecay: number;
  /** True: biases and norms decay too. False if not given. */
  readonly decayVectors?: boolean;
};

const UNDECAYED = " (no decay)";

/**
 * Two groups a part, `<part>` and `<part> (no decay)`; the second has the parameters of one dimension, biases and norms,
 * unless `decayVectors`. A part without a rate makes Adam throw.
 */
export function groupByPart(
  { rates, weightDecay, decayVectors = false }: PartOptions,
): Pick<AdamOptions, "groups" | "groupOf"> {
  const groups: Record<string, AdamGroup> = {};
  for (const [part, learningRate] of Object.entries(rates)) {
    groups[part] = { learningRate, weightDecay };
    groups[part + UNDECAYED] = { learningRate, weightDecay: 0 };
  }
  const groupOf = ({ name, shape }: Parameter) => {
    const [part] = name.split(".");
    return decayVectors || shape.length > 1 ? part! : part + UNDECAYED;
  };
  return { groups, groupOf };
}
