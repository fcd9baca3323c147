/** Writes the results of an experiment as Markdown. */
import { RESAMPLES } from "../metrics/bootstrap.ts";
import type { Comparison } from "./comparison.ts";
import { ERRORS, MEASURES } from "./experiment_file.ts";
import type { Results } from "./results.ts";
import type { Cell, Table } from "./table.ts";

const AXES: Readonly<Record<string, string>> = { variant: "Model", head: "Head", measure: "Measure" };
export const NOTHING = "–";

/** All results as a page of Markdown. */
export function resultsMarkdown(results: Results): string {
  const { name, seeds, runs, tables, comparison, baseline } = results;
  const failed = runs.filter(({ status }) => status === "failed");
  const open = runs.filter(({ status }) => status === "open");
  const blocks = [
    [`# ${name}`],
    [
      `In ${unitsOf(tables)}${spreadText(seeds, foldsOf(runs))} The best of each comparison is bold.`,
    ],
    ...tables.flatMap((table) => [
      [`## ${table.title}`],
      ...(table.note === undefined ? [] : [[table.note]]),
      tableLines(table),
    ]),
    ...(baseline === null || comparison.length === 0 ? [] : [
      [`## Difference from ${baseline}`],
      [
        "In points of test accuracy, over runs of equal seeds on the same samples (of all folds, if any), with the 95 % interval of a paired " +
        `bootstrap over the test samples (${RESAMPLES} resamples).`,
      ],
      comparisonLines(comparison),
    ]),
    ...(failed.length === 0 ? [] : [
      ["## Failed runs"],
      failed.map(({ name, message }) => `- ${name}: ${message}`),
    ]),
    ...(open.length === 0 ? [] : [[`${open.length} of ${runs.length} runs have not been made yet.`]]),
  ];
  return blocks.map((lines) => lines.join("\n") + "\n").join("\n");
}

/** What the numbers of tables are in. */
export function unitsOf(tables: readonly Table[]): string {
  const hasErrors = tables.some(({ cells }) => cells.some(({ measure }) => ERRORS.has(measure)));
  return `per cent${hasErrors ? ", errors in the units of the data" : ""}`;
}

/** The number of folds of a cross-validation; 1 without one. */
function foldsOf(runs: Results["runs"]): number {
  return Math.max(1, ...runs.map(({ fold }) => fold ?? 1));
}

function spreadText(seeds: readonly number[], folds: number): string {
  const ofSeeds = seeds.length > 1 ? `the seeds ${seeds.join(", ")}` : `the seed ${seeds[0]}`;
  if (folds === 1 && seeds.length === 1) return `, of one run each, with ${ofSeeds}.`;
  const what = folds === 1
    ? `${seeds.length} runs, with ${ofSeeds}`
    : `${folds * seeds.length} runs: the ${folds} folds of a cross-validation, with ${ofSeeds}`;
  return `: mean ± standard deviation (n − 1) of ${what}.`;
}

/** A table as lines of Markdown. */
export function tableLines({ row_axes: rowAxes, rows, columns, cells }: Table): string[] {
  const at = new Map(cells.map((cell) => [JSON.stringify([cell.row, cell.column]), cell]));
  // Where the columns have no names there is a single one, and any of its cells says what it holds.
  const unnamed = cells[0] === undefined ? "" : MEASURES[cells[0].measure];
  const header = [
    ...rowAxes.map((axis) => AXES[axis] ?? axis),
    ...columns.map((column) => column.filter((part) => part !== "").join(", ") || unnamed),
  ];
  const body = rows.map((row) => [
    ...row,
    ...columns.map((column) => cellText(at.get(JSON.stringify([row, column])))),
  ]);
  return pipeTable([header, ...body], rowAxes.length);
}

function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return NOTHING;
  const { measure, mean, std, runs, planned, best } = cell;
  const shown = ERRORS.has(measure) ? (value: number) => String(Number(value.toPrecision(4))) : percent;
  const text = shown(mean) + (std === null ? "" : ` ± ${shown(std)}`);
  return (best ? `**${text}**` : text) + (runs < planned ? ` (${runs} of ${planned})` : "");
}

function comparisonLines(comparison: readonly Comparison[]): string[] {
  const factors = [...new Set(comparison.flatMap(({ levels }) => Object.keys(levels)))];
  const header = [AXES.variant!, ...factors, "difference", "95 % interval", "runs"];
  const body = comparison.map(({ variant, levels, difference, low, high, seeds }) => [
    variant,
    ...factors.map((factor) => levels[factor] ?? ""),
    points(difference),
    `${points(low)} to ${points(high)}`,
    String(seeds.length),
  ]);
  return pipeTable([header, ...body], 1 + factors.length);
}

/** A table of Markdown whose columns line up; the first `left` columns are names, the others numbers. */
export function pipeTable(rows: readonly (readonly string[])[], left: number): string[] {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")));
  const widths = escaped[0]!.map((_, i) => Math.max(3, ...escaped.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join(" | ")} |`;
  const rule = widths.map((width, i) => i < left ? "-".repeat(width) : "-".repeat(width - 1) + ":");
  const [header, ...body] = escaped;
  return [line(header!), line(rule), ...body.map(line)];
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}

/** A number with its sign, such as `+1.2` or `−0.3`; zero is `0.0`. */
function points(difference: number): string {
  const text = (100 * Math.abs(difference)).toFixed(1);
  return text === "0.0" ? text : (difference < 0 ? "−" : "+") + text;
}
