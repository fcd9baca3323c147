/** Writes what a sweep has found: results.json, results.md and trials.csv in its folder. */
import { join } from "node:path";
import { writeTextFile } from "../io/new_file.ts";
import { writeJsonFile } from "../io/json_file.ts";
import { METRICS } from "../metrics/chosen_metric.ts";
import type { Importance } from "./importance.ts";
import { NOTHING, pipeTable, tableLines, unitsOf } from "./markdown.ts";
import type { ListedTrial, SweepResults } from "./sweep_results.ts";
import { toCsv } from "./write_results.ts";

/** The configuration of the best trial, with the first seed, as `--config` takes it. */
export const BEST = "best.json";

/** Writes all files of the results, and gives the text of results.md. */
export function writeSweep(folder: string, results: SweepResults): string {
  const markdown = sweepMarkdown(results);
  writeJsonFile(join(folder, "results.json"), results);
  writeTextFile(join(folder, "trials.csv"), trialsCsv(results));
  writeTextFile(join(folder, "results.md"), markdown);
  return markdown;
}

/** A line for every trial, in the order of their numbers, with all digits. */
export function trialsCsv({ trials, rungs }: SweepResults): string {
  const keys = Object.keys(trials[0]!.parameters);
  return toCsv([
    [
      "trial",
      ...keys,
      ...rungs.map((epochs) => `score_after_${epochs}`),
      "rank",
      "epochs",
      "seconds",
      "failure",
    ],
    ...trials.map(({ trial, parameters, scores, rank, epochs, seconds, failure }) => [
      String(trial),
      ...keys.map((key) => plain(parameters[key])),
      ...rungs.map((_, i) => String(scores[i] ?? "")),
      String(rank ?? ""),
      ...[epochs, seconds].map(String),
      failure ?? "",
    ]),
  ]);
}

/** All results as a page of Markdown. */
export function sweepMarkdown(results: SweepResults): string {
  const { name, trials, importance, best } = results;
  const failed = trials.filter(({ failure }) => failure !== undefined);
  const blocks = [
    [`# ${name}`],
    [introduction(results)],
    ...(best === undefined ? [] : [
      [`## Best: trial ${best.trial}`],
      [`${
        Object.entries(best.parameters).map(([key, value]) => `${key}=${plain(value)}`).join(", ")
      }: ${BEST}`],
      ...(best.test === undefined
        ? []
        : [[`On the test split, in ${unitsOf([best.test])}:`], tableLines(best.test)]),
    ]),
    ["## Trials"],
    trialLines(results),
    ...(importance.length === 0 ? [] : [
      ["## Parameters"],
      [
        `By the scores after ${
          epochsText(results.rungs[0]!)
        }, each parameter by itself: of a range the rank ` +
        "correlation ρ with the score (above 0: larger values do better), of a list the share η of the ranks' standard deviation that " +
        "lies between its values. Among few trials both are often large by chance.",
      ],
      importanceLines(importance),
    ]),
    ...(failed.length === 0 ? [] : [
      ["## Failed trials"],
      failed.map(({ trial, failure }) => `- Trial ${trial}: ${failure}`),
    ]),
  ];
  return blocks.map((lines) => lines.join("\n") + "\n").join("\n");
}

function introduction({ strategy, eta, rungs, metric, seeds, trials }: SweepResults): string {
  const { title, mode } = METRICS[metric];
  const how = strategy === "random"
    ? `${trials.length} trials drawn at random, each trained for ${epochsText(rungs.at(-1)!)}`
    : `${trials.length} trials by successive halving: one in ${eta} goes on after ${
      rungs.slice(0, -1).join(" and ") || 0
    } of ${epochsText(rungs.at(-1)!)}`;
  const mean = seeds.length > 1 ? `, mean of the seeds ${seeds.join(", ")}` : "";
  return `${how}. Scores are the best ${title} in validation so far of the head that decides` +
    `${
      mode === "min" ? " (less is better)" : ""
    }${mean}; of the test split, only the best trial sees anything, at the end.`;
}

function epochsText(epochs: number): string {
  return epochs === 1 ? "1 epoch" : `${epochs} epochs`;
}

/** Best first, then those without a score. */
function trialLines({ trials, rungs }: SweepResults): string[] {
  const keys = Object.keys(trials[0]!.parameters);
  const header = ["trial", ...keys, ...rungs.map((epochs) => `after ${epochs}`), "epochs", "seconds"];
  const place = ({ rank, trial }: ListedTrial) => rank ?? trials.length + trial;
  const body = trials.toSorted((a, b) => place(a) - place(b)).map((
    { trial, parameters, scores, epochs, seconds, failure },
  ) => [
    String(trial),
    ...keys.map((key) => rounded(parameters[key])),
    ...rungs.map((_, i) =>
      scores[i]?.toFixed(4) ?? (i === scores.length && failure !== undefined ? "failed" : NOTHING)
    ),
    String(epochs),
    String(seconds),
  ]);
  return pipeTable([header, ...body], 1);
}

function importanceLines(importance: readonly Importance[]): string[] {
  return pipeTable([
    ["parameter", "ρ or η", "mean score with each value (trials)"],
    ...importance.map(({ parameter, importance, rho, means }) => [
      parameter,
      (rho ?? importance)?.toFixed(2).replace("-", "−") ?? NOTHING,
      means?.toSorted((a, b) => b.mean - a.mean)
        .map(({ value, mean, trials }) => `${plain(value)} ${mean.toFixed(4)} (${trials})`).join(", ") ?? "",
    ]),
  ], 1);
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A number with four digits, which a table has room for. */
function rounded(value: unknown): string {
  return typeof value === "number" ? String(Number(value.toPrecision(4))) : plain(value);
}
