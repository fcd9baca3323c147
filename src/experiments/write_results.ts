/** Writes what an experiment has found: results.json, results.md, results.csv and comparison.csv in its folder. */
import { join } from "node:path";
import { csvCell } from "../io/csv.ts";
import { writeTextFile } from "../io/new_file.ts";
import { writeJsonFile } from "../io/json_file.ts";
import { resultsMarkdown } from "./markdown.ts";
import type { ListedRun, Results } from "./results.ts";

/** Writes all files of the results, and gives the text of results.md. */
export function writeResults(folder: string, results: Results): string {
  const markdown = resultsMarkdown(results);
  writeJsonFile(join(folder, "results.json"), results);
  writeTextFile(join(folder, "results.csv"), tablesCsv(results));
  writeTextFile(join(folder, "comparison.csv"), comparisonCsv(results));
  writeTextFile(join(folder, "results.md"), markdown);
  return markdown;
}

/** A line for every cell of every table; numbers are fractions. */
export function tablesCsv({ tables, runs }: Results): string {
  const factors = factorsOf(runs);
  return toCsv([
    ["table", "variant", ...factors, "head", "measure", "mean", "std", "runs", "best"],
    ...tables.flatMap(({ title, cells }) =>
      cells.map(({ variant, levels, head, measure, mean, std, runs, best }) => [
        title,
        variant,
        ...factors.map((factor) => levels[factor] ?? ""),
        head,
        measure,
        String(mean),
        std === null ? "" : String(std),
        String(runs),
        best ? "yes" : "",
      ])
    ),
  ]);
}

/** A line for every variant but the baseline, at all levels; numbers are fractions. */
export function comparisonCsv({ comparison, baseline, runs }: Results): string {
  const factors = factorsOf(runs);
  return toCsv([
    ["variant", ...factors, "baseline", "difference", "low", "high", "runs"],
    ...comparison.map(({ variant, levels, difference, low, high, seeds }) => [
      variant,
      ...factors.map((factor) => levels[factor] ?? ""),
      baseline ?? "",
      ...[difference, low, high, seeds.length].map(String),
    ]),
  ]);
}

function factorsOf(runs: readonly ListedRun[]): string[] {
  return [...new Set(runs.flatMap(({ levels }) => Object.keys(levels)))];
}

/** Lines of cells as a file. */
export function toCsv(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => cells.map(csvCell).join(",") + "\n").join("");
}
