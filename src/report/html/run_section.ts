/** Writes the section of a page on one run. */
import type { TaskName } from "../../data/targets.ts";
import { type PredictionTable, rightOf, saidAt, textAt } from "../../runs/predictions.ts";
import type { Evaluation } from "../../runs/records.ts";
import { CALIBRATION_HEADER, calibrationRows } from "../console.ts";
import { formatMeasure, measuresIn } from "../measures.ts";
import { PATTERN_TITLE, patternTable, samplesOf } from "../pattern_table.ts";
import { formatCount, formatInterval, formatShare } from "../units.ts";
import { wilson } from "../../metrics/intervals.ts";
import { labelTable } from "./label_figures.ts";
import { patterns } from "./predictions.ts";
import { PAIR_TYPES } from "./curves.ts";
import type { SampleStore } from "./samples.ts";
import { facts } from "./run_facts.ts";
import { explanationsMarkup } from "./explanations.ts";
import { html, type Markup } from "./markup.ts";
import { figuresMarkup, notesMarkup, table } from "./parts.ts";
import { type ClassCounts, type RunReport, SHOWN_TURNS } from "./run_report.ts";

export function runSection(report: RunReport, samples: SampleStore, isOneOfMany: boolean): Markup {
  const { key, title, run, evaluation, figures, notes, table: predictions } = report;
  return html`<section id="${key}" aria-labelledby="${key}-title">
<h2 id="${key}-title">${isOneOfMany ? title : "Run"}</h2>
${facts(report)}
${notesMarkup(notes)}
${gainMarkup(report)}
${evaluation && evaluationTables(evaluation)}
${predictions && TABLES[predictions.task ?? "classification"](predictions, report.classCounts)}
${figuresMarkup(figures.filter(({ run }) => run === undefined))}
${figuresMarkup(figures.filter(({ run }) => run !== undefined), "maps")}
${predictions && predictions.heads.length > 2 && turnsMarkup(report, predictions, samples)}
${predictions && report.explained && explanationsMarkup(key, report.explained, predictions)}
<details><summary>Configuration</summary><pre tabindex="0">${
    JSON.stringify(run.config, null, 2)
  }</pre></details>
</section>`;
}

function evaluationTables(evaluation: Evaluation): Markup {
  const { accuracy, loss, pairs, samples, split } = evaluation;
  const measures = measuresIn(evaluation);
  const heads = Object.keys(accuracy);
  const calibration = calibrationRows(evaluation);
  const pairNames = Object.keys(pairs);
  const byPattern = patternTable(evaluation);
  return html`${
    table(
      `Measures of the ${split} split, ${formatCount(samples)} samples`,
      [
        "head",
        ...measures.flatMap(([key, name]) => key === "accuracy" ? [name, "95 % interval"] : [name]),
        "loss",
      ],
      heads.map((head) => [
        head,
        ...measures.flatMap(([key]) => {
          const value = evaluation[key]![head];
          if (key !== "accuracy") return [formatMeasure(key, value)];
          const own = samplesOf(evaluation, head);
          return [formatShare(value), formatInterval(wilson(Math.round(value! * own), own))];
        }),
        loss[head]!.toFixed(3),
      ]),
    )
  }${
    calibration.length > 0 && table(
      "How far probabilities can be believed: expected calibration error (ECE) and cross entropy (NLL), as heads give " +
        "them and after division of logits by a temperature that was fitted in validation",
      ["head", ...CALIBRATION_HEADER.slice(1)],
      calibration,
    )
  }${
    pairNames.length > 0 && table(
      "Predictions of two modalities against the label",
      ["pair", ...PAIR_TYPES.map(([, name]) => name)],
      pairNames.map((pair) => [pair, ...PAIR_TYPES.map(([key]) => formatShare(pairs[pair]![key]))]),
    )
  }${byPattern && table(PATTERN_TITLE, byPattern.header, byPattern.rows)}`;
}

/** How much fusion is worth, in a sentence. */
function gainMarkup({ turns: { best, gain }, table }: RunReport): Markup | undefined {
  if (best === undefined || gain === undefined || table === undefined) return undefined;
  const fused = table.heads.at(-1)!;
  const points = (share: number) => `${share < 0 ? "−" : "+"}${(100 * Math.abs(share)).toFixed(1)}`;
  const isSure = gain.low > 0 || gain.high < 0;
  return html`<p>${fused} against ${best}, the best single modality: <strong>${
    points(gain.difference)
  } points</strong> of test accuracy (95 % interval ${points(gain.low)} to ${
    points(gain.high)
  }, paired bootstrap)${isSure ? "" : ": with so many samples no difference can be told from chance"}.</p>`;
}

/** What is told of every class or label. */
const TABLES: Readonly<
  Record<TaskName, (predictions: PredictionTable, counts: ClassCounts | undefined) => Markup | undefined>
> = { classification: classTable, multi_label: labelTable, regression: () => undefined };

/** How many samples each class has, and how often its test samples are predicted as they should. */
function classTable(predictions: PredictionTable, counts: ClassCounts | undefined): Markup {
  const { classes, labels, heads } = predictions;
  const test = new Uint32Array(classes.length);
  const right = heads.map(() => new Uint32Array(classes.length));
  const correct = heads.map((head) => rightOf(predictions, head));
  for (const [row, label] of labels.entries()) {
    test[label]!++;
    correct.forEach((own, i) => right[i]![label]! += own[row]!);
  }
  return html`<details><summary>Samples of each class</summary>${
    table(
      "Samples of each class, and the share of its test samples that each head gets right",
      ["class", ...(counts ? ["train", "validation"] : []), "test", ...heads],
      classes.map((name, k) => [
        name,
        ...(counts ? [counts.get(name)?.train ?? 0, counts.get(name)?.validation ?? 0].map(formatCount) : []),
        formatCount(test[k]!),
        ...right.map((own) => test[k] === 0 ? "-" : formatShare(own[k]! / test[k]!)),
      ]),
    )
  }</details>`;
}

function turnsMarkup(
  { key, turns, source }: RunReport,
  predictions: PredictionTable,
  samples: SampleStore,
): Markup {
  const { heads, labels, ids } = predictions;
  const right = new Map(heads.map((head) => [head, rightOf(predictions, head)]));
  const fused = heads.at(-1)!;
  const one = (row: number) => {
    const number = samples.find(source, ids[row]!);
    const sample = number === undefined ? undefined : samples.all[number];
    return html`<li class="sample">${sample?.image && html`<img src="${sample.image}" alt="">`}<div>
<p class="muted">${ids[row]!}</p><p>label: ${textAt(predictions, labels, row) || "none"}</p>${
      sample?.text && html`<p>${sample.text}</p>`
    }
${
      heads.map((head) => {
        const said = saidAt(predictions, head, row);
        if (said === undefined) return html`<p class="muted">${head}: not there</p>`;
        return html`<p class="${right.get(head)![row] === 1 ? "right" : "wrong"}">${head}: ${
          said || "none"
        }</p>`;
      })
    }</div></li>`;
  };
  const list = (rows: readonly number[], title: string, what: string) =>
    html`
      <h3>${title}</h3>
      <p>${formatCount(rows.length)} of ${formatCount(
        ids.length,
      )} test samples: ${what}.${rows.length > SHOWN_TURNS && ` ${SHOWN_TURNS} of them:`}</p>
      <ul class="samples">${rows.slice(0, SHOWN_TURNS).map(one)}</ul>
    `;
  return html`
    <section
      aria-labelledby="${key}-turns"><h2 id="${key}-turns">Where ${fused} and the modalities differ</h2>
    ${tableOfPatterns(predictions)}${list(
      turns.rescued,
      "Rescued by fusion",
      `${fused} is right although ${turns.best!}, the best single modality, is wrong`,
    )}
    ${list(turns.ruined, "Ruined by fusion", `${fused} is wrong although ${turns.best!} is right`)}</section>
  `;
}

function tableOfPatterns(predictions: PredictionTable): Markup {
  const all = predictions.ids.length;
  return table(
    "Test samples by which heads are right",
    ["share", "samples", ...predictions.heads],
    patterns(predictions).map(({ right, count }) => [
      formatShare(count / all),
      formatCount(count),
      ...right.map((is) => is ? "right" : "wrong"),
    ]),
  );
}
