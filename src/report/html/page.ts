/** Writes a report as one HTML file that needs nothing else. */
import { saidAt } from "../../runs/predictions.ts";
import type { Evaluation } from "../../runs/records.ts";
import { formatMeasure, measuresIn } from "../measures.ts";
import {
  byGroup,
  type ExperimentComparison,
  experimentFigures,
  type GroupedRun,
  spreadOf,
} from "./experiment_report.ts";
import type { Figure } from "./figure.ts";
import type { SampleStore } from "./samples.ts";
import { html, Markup } from "./markup.ts";
import styles from "./page.css" with { type: "text" };
import script from "./page.js" with { type: "text" };
import { DARK, declarations, LIGHT } from "./palette.ts";
import { figuresMarkup, notesMarkup, table } from "./parts.ts";
import { policyFor } from "./policy.ts";
import type { RunReport } from "./run_report.ts";
import { runSection } from "./run_section.ts";

export interface Page {
  readonly html: string;
  /** All figures in it, to be written as files too. */
  readonly figures: readonly Figure[];
}

/**
 * The report of one run, or of several in groups. `samples` are those that figures point to, `notes` say which runs of an
 * experiment are left out.
 */
export function reportPage(
  title: string,
  runs: readonly { readonly group: string; readonly view: RunReport }[],
  samples: SampleStore,
  { isExperiment = false, notes = [], now = new Date(), comparison: results }: {
    isExperiment?: boolean;
    /** What an experiment says of its variants against a baseline. */
    comparison?: ExperimentComparison;
    notes?: readonly string[];
    now?: Date;
  } = {},
): Page {
  const shared = isExperiment ? experimentFigures(runs) : [];
  const sections = runs.map(({ view }) => runSection(view, samples, isExperiment));
  const body = html`
    <header>
      <h1>${title}</h1>
      <p class="muted">Made by unis on ${now.toISOString().slice(0, 16).replace("T", " ")} UTC.</p>
    </header>
    <main>${notesMarkup(notes)}${isExperiment && comparison(runs, shared, results)}${sections}</main>
    <div id="card" class="sample" role="status" hidden></div>
  `;
  return {
    html: document(title, body, pageData(runs, samples)),
    figures: [...shared, ...runs.flatMap(({ view }) => view.figures)],
  };
}

const POLICY = policyFor(script, ["img-src data:", "form-action 'none'"]);

function document(title: string, body: Markup, data: unknown): string {
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  const themes = `:root{${declarations(LIGHT)}}@media (prefers-color-scheme:dark){:root{${
    declarations(DARK)
  }}}`;
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="${POLICY}">
        <title>${title}</title>
        <style>${new Markup(themes)}
    ${new Markup(styles)}</style>
      </head>
      <body>
    ${body}
    <script type="application/json" id="data">${new Markup(json)}</script>
    <script type="module">${new Markup(script)}</script>
      </body>
    </html>
  `.text;
}

/** The data that the script needs: samples, and the predictions that the heads of each run made for them. */
function pageData(runs: readonly { readonly view: RunReport }[], samples: SampleStore): unknown {
  const predictionsOf = ({ table, source }: RunReport) =>
    Object.fromEntries((table?.ids ?? []).flatMap((id, row) => {
      const number = samples.find(source, id);
      if (number === undefined) return [];
      return [[number, table!.heads.map((head) => saidAt(table!, head, row))]];
    }));
  return {
    samples: samples.all,
    runs: Object.fromEntries(
      runs.map((
        { view },
      ) => [view.key, { heads: view.table?.heads ?? [], predictions: predictionsOf(view) }]),
    ),
  };
}

/** The section that compares runs: mean ± standard deviation by method, links to the runs, and their common figures. */
function comparison(
  runs: readonly GroupedRun[],
  figures: readonly Figure[],
  results: ExperimentComparison | undefined,
): Markup {
  const evaluations = byGroup(runs, (view) => view.evaluation);
  const all = [...evaluations.values()].flat();
  const measures = measuresIn(...all);
  const heads = [...new Set(all.flatMap(({ accuracy }) => Object.keys(accuracy)))];
  const cell = (values: readonly (number | undefined)[], key = "accuracy") => {
    const known = values.filter((value) => value !== undefined);
    if (known.length === 0) return "-";
    const { mean, std } = spreadOf(known);
    const shown = (value: number) => formatMeasure(key, value);
    return std === undefined ? shown(mean) : `${shown(mean)} ± ${shown(std)}`;
  };
  const last = ({ accuracy }: Evaluation) => Object.keys(accuracy).at(-1)!;
  return html`<section aria-labelledby="comparison"><h2 id="comparison">Comparison</h2>
${
    table(
      "Test measures of the fused head (of a single modality, its own), mean ± standard deviation over the runs",
      ["method", "runs", ...measures.map(([, name]) => name)],
      Array.from(evaluations, ([group, own]) => [
        group,
        String(own.length),
        ...measures.map(([key]) => cell(own.map((one) => one[key]?.[last(one)]), key)),
      ]),
    )
  }
${
    table(
      "Test accuracy of every head",
      ["method", ...heads],
      Array.from(evaluations, ([group, own]) => [
        group,
        ...heads.map((head) => cell(own.map((one) => one.accuracy[head]))),
      ]),
    )
  }
${results && differences(results)}
<p>Runs: ${runs.map(({ view }, i) => html`${i > 0 && ", "}<a href="#${view.key}">${view.title}</a>`)}</p>
${figuresMarkup(figures)}</section>`;
}

/** A row for each variant but the baseline, at all levels. */
function differences({ baseline, comparison }: ExperimentComparison): Markup | undefined {
  if (baseline === null || comparison.length === 0) return undefined;
  const points = (share: number) => `${share < 0 ? "−" : "+"}${(100 * Math.abs(share)).toFixed(1)}`;
  const factors = [...new Set(comparison.flatMap(({ levels }) => Object.keys(levels)))];
  return table(
    `Points of test accuracy against ${baseline}, with 95 % intervals of a paired bootstrap over the test samples`,
    ["variant", ...factors, "difference", "interval", "seeds", ""],
    comparison.map(({ variant, levels, difference, low, high, seeds }) => [
      variant,
      ...factors.map((factor) => levels[factor] ?? ""),
      points(difference),
      `${points(low)} to ${points(high)}`,
      String(seeds.length),
      low > 0 ? "better" : high < 0 ? "worse" : "no difference can be told",
    ]),
  );
}
