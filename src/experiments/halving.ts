/** Successive halving: which trials go on from each rung to the next. */
import { isBetter, type MetricName } from "../metrics/chosen_metric.ts";
import type { SweepFile } from "./sweep_file.ts";

/** What a trial has come to after the epochs of a rung: its score, that it failed, or nothing yet. */
export type Standing = number | "failed" | undefined;

export interface Rung {
  /** Epochs that its trials have trained in all. */
  readonly epochs: number;
  /** The trials that are trained so far, best of the rung before first, and how they stand. */
  readonly standings: ReadonlyMap<number, Standing>;
}

/** The epochs of the rungs: all of them for random search, and for halving each `eta` times the one before. */
export function rungsOf(
  { strategy, halving }: Pick<SweepFile, "strategy" | "halving">,
  epochs: number,
): number[] {
  const rungs: number[] = [];
  if (strategy === "halving") {
    for (let rung = halving.min_epochs; rung < epochs; rung *= halving.eta) rungs.push(rung);
  }
  return [...rungs, epochs];
}

/**
 * The rungs as far as they are decided: the n trials train to the first, and the best n / etaⁱ of those that did not fail, at
 * least one, from rung i - 1 to rung i, once all there have a standing (Jamieson and Talwalkar 2016). Of equals, the first
 * drawn goes on.
 */
export function rungsSoFar(
  trials: readonly number[],
  rungs: readonly number[],
  eta: number,
  metric: MetricName,
  standingOf: (trial: number, epochs: number) => Standing,
): Rung[] {
  let going = trials;
  const decided: Rung[] = [];
  for (const [i, epochs] of rungs.entries()) {
    const standings = new Map(going.map((trial) => [trial, standingOf(trial, epochs)]));
    decided.push({ epochs, standings });
    if ([...standings.values()].includes(undefined)) break;
    going = ranked(standings, metric).slice(0, Math.max(1, Math.floor(trials.length / eta ** (i + 1))));
  }
  return decided;
}

/** The trials that have a score, best first. */
export function ranked(standings: ReadonlyMap<number, Standing>, metric: MetricName): number[] {
  const scored = [...standings].filter((entry): entry is [number, number] => typeof entry[1] === "number");
  return scored.toSorted(([a, of], [b, other]) => of === other ? a - b : isBetter(metric, of, other) ? -1 : 1)
    .map(([trial]) => trial);
}

/** All trials that have a score, best first: those of the last rung, then those that stopped at the one before, and so on. */
export function ranking(rungs: readonly Rung[], metric: MetricName): number[] {
  return [...new Set(rungs.toReversed().flatMap(({ standings }) => ranked(standings, metric)))];
}
