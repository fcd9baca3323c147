/** Writes the section of a page on one run. */
import type { PredictionTable } from "../../runs/predictions.ts";
import type { Evaluation } from "../../runs/records.ts";
import { MEASURES } from "../console.ts";
import { formatCount, formatSeconds, formatShare } from "../units.ts";
import { patterns } from "./predictions.ts";
import { PAIR_TYPES } from "./curves.ts";
import type { SampleStore } from "./samples.ts";
import { html, type Markup } from "./markup.ts";
import { figuresMarkup, notesMarkup, table } from "./parts.ts";
import { type RunReport, SHOWN_TURNS } from "./run_report.ts";

export function runSection(report: RunReport, samples: SampleStore, isOneOfMany: boolean): Markup {
  const { key, title, run, evaluation, figures, notes, table: predictions } = report;
  return html`<section id="${key}" aria-labelledby="${key}-title">
<h2 id="${key}-title">${isOneOfMany ? title : "Run"}</h2>
${facts(report)}
${notesMarkup(notes)}
${evaluation && evaluationTables(evaluation)}
${figuresMarkup(figures.filter(({ run }) => run === undefined))}
${figuresMarkup(figures.filter(({ run }) => run !== undefined), "maps")}
${predictions && predictions.heads.length > 2 && turnsMarkup(report, predictions, samples)}
<details><summary>Configuration</summary><pre tabindex="0">${
    JSON.stringify(run.config, null, 2)
  }</pre></details>
</section>`;
}

function facts({ run, records, evaluation, environment }: RunReport): Markup {
  const { config } = run;
  const sessions = environment?.sessions ?? [];
  const adapters = [
    ...new Set(sessions.map(({ adapter, adapter_class }) => `${adapter} (${adapter_class})`)),
  ];
  const training = records.reduce((sum, { seconds }) => sum + seconds, 0);
  const all = sessions.reduce((sum, { seconds }) => sum + seconds, 0);
  const entries: [string, string | undefined][] = [
    ["folder", run.path],
    ["method", config.method],
    ["data", config.data.name],
    ["seed", String(config.seed)],
    ["epochs", records.length === 0 ? undefined : `${records.length} of ${config.training.epochs}`],
    ["weights tested", evaluation && `epoch ${evaluation.epoch}`],
    ["batch", `${config.training.batch} in micro-batches of ${config.training.micro_batch}`],
    [
      "duration",
      `${formatSeconds(all)} in ${sessions.length} session${sessions.length === 1 ? "" : "s"}, of which ${
        formatSeconds(training)
      } epochs`,
    ],
    ["adapter", adapters.join("; ")],
    ["versions", environment && `unis ${environment.unis}, Deno ${environment.deno}, ${environment.system}`],
  ];
  return html`<dl>${
    entries.map(([name, value]) =>
      value !== undefined && html`
        <dt>${name}</dt>
        <dd>${value}</dd>
      `
    )
  }</dl>`;
}

function evaluationTables(evaluation: Evaluation): Markup {
  const { accuracy, loss, pairs, samples, split } = evaluation;
  const measures = MEASURES.filter(([key]) => evaluation[key] !== undefined);
  const heads = Object.keys(accuracy);
  const pairNames = Object.keys(pairs);
  return html`${
    table(
      `Measures of the ${split} split, ${formatCount(samples)} samples`,
      ["head", ...measures.map(([, name]) => name), "loss"],
      heads.map((head) => [
        head,
        ...measures.map(([key]) => formatShare(evaluation[key]![head])),
        loss[head]!.toFixed(3),
      ]),
    )
  }${
    pairNames.length > 0 && table(
      "Predictions of two modalities against the label",
      ["pair", ...PAIR_TYPES.map(([, name]) => name)],
      pairNames.map((pair) => [pair, ...PAIR_TYPES.map(([key]) => formatShare(pairs[pair]![key]))]),
    )
  }`;
}

function turnsMarkup(
  { key, turns, source }: RunReport,
  predictions: PredictionTable,
  samples: SampleStore,
): Markup {
  const { heads, classes, labels, predicted, ids } = predictions;
  const fused = heads.at(-1)!;
  const one = (row: number) => {
    const number = samples.find(source, ids[row]!);
    const sample = number === undefined ? undefined : samples.all[number];
    return html`<li class="sample">${sample?.image && html`<img src="${sample.image}" alt="">`}<div>
<p class="muted">${ids[row]!}</p><p>label: ${classes[labels[row]!]!}</p>${
      sample?.text && html`<p>${sample.text}</p>`
    }
${
      heads.map((head) => {
        const prediction = predicted.get(head)![row]!;
        return html`<p class="${
          prediction === labels[row] ? "right" : "wrong"
        }">${head}: ${classes[prediction]!}</p>`;
      })
    }</div></li>`;
  };
  const list = (rows: readonly number[], title: string, what: string) =>
    html`
      <h3>${title}</h3>
      <p>${formatCount(rows.length)} of ${formatCount(
        labels.length,
      )} test samples: ${what}.${rows.length > SHOWN_TURNS && ` ${SHOWN_TURNS} of them:`}</p>
      <ul class="samples">${rows.slice(0, SHOWN_TURNS).map(one)}</ul>
    `;
  return html`
    <section
      aria-labelledby="${key}-turns"><h2 id="${key}-turns">Where ${fused} and the modalities differ</h2>
    ${tableOfPatterns(predictions)}${list(
      turns.rescued,
      "Rescued by fusion",
      `${fused} is right although a modality is wrong`,
    )}
    ${list(turns.ruined, "Ruined by fusion", `${fused} is wrong although a modality is right`)}</section>
  `;
}

function tableOfPatterns(predictions: PredictionTable): Markup {
  const all = predictions.labels.length;
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
