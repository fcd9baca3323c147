/** Groups of parameters that share a learning rate and a weight decay. */
import type { Parameter } from "../nn/parameter.ts";
import type { GroupOptions, ParameterGroup } from "./optimizer_options.ts";

export type PartOptions = {
  /**
   * Learning rates by part: the beginning of parameters' names, in whole words, such as `image`, `heads` or `heads.text`. The
   * longest that fits counts.
   */
  readonly rates: Readonly<Record<string, number>>;
  /**
   * Learning rates by patterns of parameters' names, in which * stands for anything: a name that begins so, in whole words, has
   * the rate of the last that matches, before that of its part. None if not given.
   */
  readonly patterns?: Readonly<Record<string, number>>;
  readonly weightDecay: number;
  /** Weight decays of parts that differ from it, by beginnings as well. */
  readonly weightDecays?: Readonly<Record<string, number>>;
  /** True: biases and norms, which have one dimension, decay too; or the parts where they do. False if not given. */
  readonly decayVectors?: boolean | readonly string[];
  /** Steps for which parameters are held, see `ParameterGroup`, by beginnings likewise. None if not given. */
  readonly heldSteps?: Readonly<Record<string, number>>;
};

/** The end of the names of groups that do not decay. */
const UNDECAYED = ".vectors";

/**
 * Two groups a part, `<part>` and `<part>.vectors`; the second has the parameters of one dimension, biases and norms,
 * unless these decay. Parameters that are held at first have groups of their own, `<part>.held<steps>` likewise, and those
 * whose rate a pattern says, `<part> <pattern>`. A parameter
 * without a part makes an optimizer throw.
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
  { rates, patterns = {}, weightDecay, weightDecays = {}, decayVectors = false, heldSteps = {} }: PartOptions,
): GroupOptions {
  const decays = (part: string) =>
    Array.isArray(decayVectors) ? beginningOf(part, decayVectors) !== undefined : decayVectors === true;
  const groups: Record<string, ParameterGroup> = {};
  for (const steps of new Set([0, ...Object.values(heldSteps)])) {
    for (const [part, rate] of Object.entries(rates)) {
      const decay = beginningOf(part, Object.keys(weightDecays));
      const held = steps === 0 ? {} : { heldSteps: steps };
      for (const [pattern, learningRate] of Object.entries({ "": rate, ...patterns })) {
        const group = { learningRate, weightDecay: decay === undefined ? weightDecay : weightDecays[decay]! };
        const name = part + patternName(pattern) + heldName(steps);
        groups[name] = { ...group, ...held };
        groups[name + UNDECAYED] = { ...group, weightDecay: 0, ...held };
      }
    }
  }
  const groupOf = ({ name, shape }: Parameter) => {
    const part = beginningOf(name, Object.keys(rates)) ?? name.split(".")[0]!;
    const held = beginningOf(name, Object.keys(heldSteps));
    const steps = held === undefined ? 0 : heldSteps[held]!;
    const pattern = Object.keys(patterns).findLast((one) => matches(name, one)) ?? "";
    return part + patternName(pattern) + heldName(steps) +
      (shape.length > 1 || decays(part) ? "" : UNDECAYED);
  };
  return { groups, groupOf };
}

function patternName(pattern: string): string {
  return pattern === "" ? "" : ` ${pattern}`;
}

/** Whether a name begins as a pattern says, in whole words; * stands for anything. */
export function matches(name: string, pattern: string): boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[^\w]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}(\\.|$)`).test(name);
}

function heldName(steps: number): string {
  return steps === 0 ? "" : `.held${steps}`;
}

/** The longest of some beginnings that a name has, in whole words. */
export function beginningOf(name: string, beginnings: readonly string[]): string | undefined {
  return beginnings.filter((one) => name === one || name.startsWith(`${one}.`))
    .sort((a, b) => b.length - a.length)[0];
}
