/** The table of measures by which modalities a model was given, for the console and the page. */
import type { Evaluation, PatternEvaluation } from "../runs/records.ts";
import { formatCount, formatShare } from "./units.ts";

export const PATTERN_TITLE =
  "Measures by what samples have, and with modalities withheld from those that have all";

/** The samples that the measures of a head are of: those that have its modality. */
export function samplesOf({ samples, patterns }: Evaluation, head: string): number {
  const own = patterns?.filter(({ accuracy }) => head in accuracy);
  return own === undefined ? samples : own.reduce((sum, one) => sum + one.samples, 0);
}

/** The header and its rows, one for each set of modalities; undefined of an evaluation without any. */
export function patternTable(
  { accuracy, patterns = [], withheld = [] }: Evaluation,
): { readonly header: string[]; readonly rows: string[][] } | undefined {
  if (patterns.length + withheld.length === 0) return undefined;
  const heads = Object.keys(accuracy);
  // Numbers have no F1.
  const [second, name] = [...patterns, ...withheld].some(({ macro_f1 }) => macro_f1 !== undefined)
    ? ["macro_f1", "macro F1"] as const
    : ["loss", "loss"] as const;
  const row = (how: string, { modalities, samples, ...measures }: PatternEvaluation) => [
    `${how} ${modalities.join(" + ")}`,
    formatCount(samples),
    ...heads.flatMap((head) => [
      formatShare(measures.accuracy[head]),
      formatShare(measures[second]?.[head]),
    ]),
  ];
  return {
    header: ["modalities", "samples", ...heads.flatMap((head) => [`${head} accuracy`, `${head} ${name}`])],
    rows: [
      ...patterns.map((one) => row("has", one)),
      ...withheld.map((one) => row("left with", one)),
    ],
  };
}
