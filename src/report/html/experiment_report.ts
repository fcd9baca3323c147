/** Draws the part of a report that is about several runs together. */
import * as Plot from "@observablehq/plot";
import { resolve } from "node:path";
import * as z from "zod";
import { readJsonFile } from "../../io/json_file.ts";
import { UserError } from "../../base/user_error.ts";
import { consistency, type CurvePoint, curves, PAIR_TYPES } from "./curves.ts";
import { draw, type Figure } from "./figure.ts";
import { colour } from "./palette.ts";
import type { RunView } from "./run_report.ts";

/** The file that makes a folder an experiment; it may hold more than is read here. */
export const RESULTS = "results.json";

const resultsSchema = z.looseObject({
  runs: z.array(z.looseObject({
    name: z.string(),
    /** The path of the run, relative to the folder. */
    path: z.string(),
    method: z.string(),
    seed: z.int(),
    /** The name of the group whose runs are averaged, as they differ in their seeds alone; the method if not given. */
    group: z.string().optional(),
  })),
});

const comparisonSchema = z.looseObject({
  baseline: z.string().nullable().default(null),
  comparison: z.array(z.looseObject({
    variant: z.string(),
    levels: z.record(z.string(), z.string()),
    difference: z.number(),
    low: z.number(),
    high: z.number(),
    seeds: z.array(z.int()),
  })).default([]),
});

/** Variants of an experiment against its baseline: differences of test accuracy, with their bootstrap intervals. */
export type ExperimentComparison = z.infer<typeof comparisonSchema>;

/** The comparisons that an experiment has written. Throws a UserError where they are damaged. */
export function readComparison(folder: string): ExperimentComparison {
  const file = resolve(folder, RESULTS);
  const found = comparisonSchema.safeParse(readJsonFile(file));
  if (found.success) return found.data;
  const { path, message } = found.error.issues[0]!;
  throw new UserError(`${file} is not the list of an experiment: ${path.join(".")}: ${message}`);
}

export interface RunReference {
  readonly name: string;
  readonly path: string;
  readonly method: string;
  readonly seed: number;
  readonly group: string;
}

/** The runs of an experiment, with their paths from here. Throws a UserError where its list is damaged. */
export function readRuns(folder: string): RunReference[] {
  const file = resolve(folder, RESULTS);
  const results = resultsSchema.safeParse(readJsonFile(file));
  if (!results.success) {
    const { path, message } = results.error.issues[0]!;
    throw new UserError(`${file} is not the list of an experiment: ${path.join(".")}: ${message}`);
  }
  return results.data.runs.map(({ name, path, method, seed, group = method }) => ({
    name,
    path: resolve(folder, path),
    method,
    seed,
    group,
  }));
}

/** A run and the group it is compared in. */
export interface GroupedRun {
  readonly group: string;
  readonly view: RunView;
}

/** The mean and the sample standard deviation of some values; `std` is undefined for a single one. */
export interface Spread {
  readonly mean: number;
  readonly std: number | undefined;
  readonly count: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    mean,
    std: values.length < 2 ? undefined : Math.sqrt(squares / (values.length - 1)),
    count: values.length,
  };
}

/** The values by group, in the order in which groups first come. */
export function byGroup<T>(
  runs: readonly GroupedRun[],
  valueOf: (view: RunView) => T | undefined,
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const { group, view } of runs) {
    const value = valueOf(view);
    if (value !== undefined) groups.set(group, [...groups.get(group) ?? [], value]);
  }
  return groups;
}

/** The pair types by method: over training (Figure 6) and in the test (Figure 7). */
export function experimentFigures(runs: readonly GroupedRun[]): Figure[] {
  const pairs = new Set(runs.flatMap(({ view }) => Object.keys(view.evaluation?.pairs ?? {})));
  return [...pairs].flatMap((pair) => [testShares(runs, pair), ...sharesOverTraining(runs, pair)]);
}

function testShares(runs: readonly GroupedRun[], pair: string): Figure {
  const shares = byGroup(runs, (view) => view.evaluation?.pairs[pair]);
  const rows = Array.from(
    shares,
    ([method, all]) =>
      PAIR_TYPES.map(([key, type]) => ({
        method,
        type,
        share: spreadOf(all.map((one) => one[key])).mean,
        runs: all.length,
      })),
  ).flat();
  const title = `Consistency of ${pair} by method`;
  const caption =
    "Share of test samples that both modalities get right, one of them (opposite), or neither; means over " +
    "the runs; the paper's Figure 7.";
  const types = PAIR_TYPES.map(([, name]) => name);
  const svg = draw({
    width: 380,
    height: 60 + 30 * shares.size,
    marginLeft: 20 + 6.2 * Math.max(...Array.from(shares.keys(), (name) => name.length)),
    x: { domain: [0, 1], label: "share" },
    y: { domain: [...shares.keys()], label: null, tickSize: 0 },
    color: { domain: types, range: types.map((_, i) => colour(i)) },
    marks: [
      Plot.barX(rows, {
        x: "share",
        y: "method",
        fill: "type",
        insetRight: 1,
        title: (row) => `${row.method}, ${row.type}: ${row.share.toFixed(3)}`,
      }),
      Plot.textX(
        rows,
        Plot.stackX({
          x: "share",
          y: "method",
          text: (row: { share: number }) => row.share < 0.1 ? "" : row.share.toFixed(3).replace(/^0/, ""),
          fill: "var(--page)",
          fontWeight: "bold",
        }),
      ),
    ],
  }, `${title}: ${caption}`);
  return {
    name: `methods-${pair}`,
    title,
    caption,
    svg,
    rows,
    legend: types.map((name, i) => ({ name, colour: colour(i) })),
  };
}

function sharesOverTraining(runs: readonly GroupedRun[], pair: string): Figure[] {
  // Older runs recorded no pairs of validation.
  const all = runs.flatMap(({ view }) => consistency(view.records, pair));
  const split = all.some((p) => p.split === "validation") ? "validation" : "training";
  const points = byGroup(runs, ({ records }) => consistency(records, pair).filter((p) => p.split === split));
  const methods = [...points.keys()];
  return PAIR_TYPES.flatMap(([key, type]) => {
    const spreads = methods.flatMap((method) => {
      const own = points.get(method)!.flat().filter(({ series }) => series === type);
      const epochs = [...new Set(own.map(({ epoch }) => epoch))].sort((a, b) => a - b);
      return epochs.map((epoch) => ({
        epoch,
        series: method,
        ...spreadOf(own.filter((p) => p.epoch === epoch).map(({ value }) => value)),
      }));
    });
    if (spreads.length === 0) return [];
    return [curves({
      name: `methods-${pair}-${key.replace("_", "-")}`,
      title: `${pair}: ${type}`,
      caption:
        `Share of ${split} samples by epoch, mean over the runs of a method, shaded by their standard deviation; ` +
        "the paper's Figure 6.",
      points: spreads.map(({ epoch, series, mean }) => ({
        epoch,
        series,
        split: split as CurvePoint["split"],
        value: mean,
      })),
      bands: spreads.flatMap(({ epoch, series, mean, std }) =>
        std === undefined ? [] : [{ epoch, series, low: mean - std, high: mean + std }]
      ),
      order: methods,
      // One axis for all three, so that they can be compared by eye.
      y: { label: "share", grid: true, domain: [0, 1] },
    })];
  });
}
