/** Draws the trials of a sweep from its space, and plans them as the variants of an experiment. */
import { keyOf, Random } from "../base/random.ts";
import { type ExperimentFile, parseExperiment } from "./experiment_file.ts";
import type { Parameter, Range, SweepFile } from "./sweep_file.ts";

export interface Trial {
  /** From 1. */
  readonly number: number;
  /** `Trial 7` */
  readonly title: string;
  /** A value for every key of the space. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/**
 * The first `count` distinct draws from a space, or all that it has. Every value is drawn by a random number of its own, which
 * the seed, the number of the draw and the name of the key pick: a trial is the same however many there are, and a key draws
 * the same values whatever the others are.
 */
export function drawTrials(
  { space, draw_seed }: Pick<SweepFile, "space" | "draw_seed">,
  count: number,
): Trial[] {
  const parameters = Object.entries(space);
  const size = parameters.reduce((product, [, parameter]) => product * sizeOf(parameter), 1);
  const drawn = new Map<string, Trial>();
  for (let draw = 0; drawn.size < Math.min(count, size); draw++) {
    const values = Object.fromEntries(
      parameters.map(([key, parameter]) => [key, valueAt(parameter, uniformOf(draw_seed, draw, key))]),
    );
    const text = JSON.stringify(values);
    const number = drawn.size + 1;
    if (!drawn.has(text)) drawn.set(text, { number, title: `Trial ${number}`, parameters: values });
  }
  return [...drawn.values()];
}

/** The sweep as an experiment whose variants are trials; `method` is that of trials that draw none. */
export function asExperiment(
  { name, preset, config, data, skip_bad, seeds, semantics, encoders, set, metric }: SweepFile,
  trials: readonly Trial[],
  method: string,
  source: string,
): ExperimentFile {
  const optional = Object.fromEntries(
    Object.entries({ preset, config, data, semantics }).filter(([, value]) => value !== undefined),
  );
  return parseExperiment({
    ...optional,
    ...{ name, skip_bad, seeds, encoders },
    set: { ...set, ...(metric !== undefined && { "training.metric": metric }) },
    variants: trials.map(({ title, parameters }) => ({
      name: title,
      method: String(parameters.method ?? method),
      set: parameters,
    })),
    baseline: null,
  }, source);
}

/** Uniform in [0, 1). */
function uniformOf(seed: number, draw: number, key: string): number {
  return new Random(keyOf(seed, draw, ...new TextEncoder().encode(key))).uniform();
}

/** The values that a parameter may have; infinity for a range that is not of whole numbers. */
function sizeOf(parameter: Parameter): number {
  if (Array.isArray(parameter)) return parameter.length;
  return parameter.integer ? parameter.max - parameter.min + 1 : Infinity;
}

function valueAt(parameter: Parameter, uniform: number): unknown {
  if (Array.isArray(parameter)) return parameter[Math.floor(uniform * parameter.length)];
  return numberAt(parameter, uniform);
}

/** Of whole numbers n, each has what lies between n and n + 1. */
function numberAt({ min, max, scale, integer }: Range, uniform: number): number {
  const end = integer ? max + 1 : max;
  const value = scale === "log" ? min * (end / min) ** uniform : min + (end - min) * uniform;
  return Math.min(max, integer ? Math.floor(value) : value);
}
