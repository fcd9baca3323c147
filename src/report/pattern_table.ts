/** The table of measures by which modalities a model was given, for the console and the page. */
import type { Evaluation, PatternEvaluation } from "../runs/records.ts";
import { formatMeasure, measuresIn } from "./measures.ts";
import { formatCount } from "./units.ts";

export const PATTERN_TITLE =
  "Measures by what samples have, and with modalities withheld from those that have all";

/** The measures of a task among these are shown. */
const SHOWN = ["accuracy", "macro_f1", "mae"] as const;

/** The samples that the measures of a head are of: those that have its modality. */
export function samplesOf({ samples, patterns }: Evaluation, head: string): number {
  const own = patterns?.filter(({ accuracy }) => head in accuracy);
  return own === undefined ? samples : own.reduce((sum, one) => sum + one.samples, 0);
}

/** The header and its rows, one for each set of modalities; undefined of an evaluation without any. */
export function patternTable(
  evaluation: Evaluation,
): { readonly header: string[]; readonly rows: string[][] } | undefined {
  const { accuracy, patterns = [], withheld = [] } = evaluation;
  const all = [...patterns, ...withheld];
  if (all.length === 0) return undefined;
  const heads = Object.keys(accuracy);
  const titles = new Map(measuresIn(evaluation));
  const shown = SHOWN.filter((key) => all.some((one) => one[key] !== undefined));
  const row = (how: string, one: PatternEvaluation) => [
    `${how} ${one.modalities.join(" + ")}`,
    formatCount(one.samples),
    ...heads.flatMap((head) => shown.map((key) => formatMeasure(key, one[key]?.[head]))),
  ];
  return {
    header: [
      "modalities",
      "samples",
      ...heads.flatMap((head) => shown.map((key) => `${head} ${titles.get(key)}`)),
    ],
    rows: [
      ...patterns.map((one) => row("has", one)),
      ...withheld.map((one) => row("left with", one)),
    ],
  };
}
