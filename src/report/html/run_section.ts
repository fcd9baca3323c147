/** Writes the section of a page on one run. */
import { METRICS } from "../../metrics/chosen_metric.ts";
import { hasInputs } from "../../config/data_config.ts";
import type { RunConfig } from "../../config/run_config.ts";
import { SPLITS } from "../../data/batch.ts";
import { NO_ANSWER, type PredictionTable } from "../../runs/predictions.ts";
import type { Evaluation } from "../../runs/records.ts";
import { CALIBRATION_HEADER, calibrationRows } from "../console.ts";
import { formatMeasure, measuresIn } from "../measures.ts";
import { PATTERN_TITLE, patternTable, samplesOf } from "../pattern_table.ts";
import { formatCount, formatInterval, formatSeconds, formatShare } from "../units.ts";
import { wilson } from "../../metrics/intervals.ts";
import { correctOf, patterns } from "./predictions.ts";
import { PAIR_TYPES } from "./curves.ts";
import type { SampleStore } from "./samples.ts";
import { explanationsMarkup } from "./explanations.ts";
import { html, type Markup } from "./markup.ts";
import { figuresMarkup, notesMarkup, table } from "./parts.ts";
import { type ClassCounts, type RunReport, SHOWN_TURNS } from "./run_report.ts";

const STRENGTHS = [
  "flip",
  "shift",
  "scale",
  "brightness",
  "contrast",
  "saturation",
  "mixup",
  "cutmix",
  "word_dropout",
  "unknown_words",
] as const;

export function runSection(report: RunReport, samples: SampleStore, isOneOfMany: boolean): Markup {
  const { key, title, run, evaluation, figures, notes, table: predictions } = report;
  return html`<section id="${key}" aria-labelledby="${key}-title">
<h2 id="${key}-title">${isOneOfMany ? title : "Run"}</h2>
${facts(report)}
${notesMarkup(notes)}
${gainMarkup(report)}
${evaluation && evaluationTables(evaluation)}
${predictions && classTable(predictions, report.classCounts)}
${figuresMarkup(figures.filter(({ run }) => run === undefined))}
${figuresMarkup(figures.filter(({ run }) => run !== undefined), "maps")}
${predictions && predictions.heads.length > 2 && turnsMarkup(report, predictions, samples)}
${predictions && report.explained && explanationsMarkup(key, report.explained, predictions)}
<details><summary>Configuration</summary><pre tabindex="0">${
    JSON.stringify(run.config, null, 2)
  }</pre></details>
</section>`;
}

function facts(report: RunReport): Markup {
  const { run, records, evaluation, environment } = report;
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
    ["data", dataText(report)],
    ["model", modelText(config)],
    ["loss", weightingText(config)],
    ["training samples", augmentationText(config)],
    ["missing modalities", missingText(config)],
    ["seed", String(config.seed)],
    ["epochs", records.length === 0 ? undefined : `${records.length} of ${config.training.epochs}`],
    ["weights tested", evaluation && `epoch ${evaluation.epoch}, ${chosenText(config)}`],
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

function chosenText({ training: { keep, metric } }: RunConfig): string {
  return keep === "last" ? "the last" : `the best in validation by ${METRICS[metric].title}`;
}

/** How the losses of heads weigh samples, where they do. */
function weightingText({ data, training }: RunConfig): string | undefined {
  const { class_weights: weights, label_smoothing, focal_gamma } = training;
  const parts = [
    ...(weights === "none"
      ? []
      : [`classes weighed (${weights === "balanced" ? weights : JSON.stringify(weights)})`]),
    ...(data.name === "table" && data.weight !== null ? [`samples weighed by "${data.weight}"`] : []),
    ...(label_smoothing > 0 ? [`label smoothing ${label_smoothing}`] : []),
    ...(focal_gamma > 0 ? [`focal, γ ${focal_gamma}`] : []),
  ];
  return parts.length === 0 ? undefined : `cross entropy, ${parts.join(", ")}`;
}

/** What stands for a modality that samples lack, and how often one is withheld; undefined where all must have all. */
function missingText({ data: { missing, withhold }, training }: RunConfig): string | undefined {
  if (missing === "refuse") return undefined;
  const withheld = SPLITS.filter((split) => withhold[split] > 0).map((split) =>
    `withheld from ${withhold[split]} of ${split}`
  );
  return [
    `${missing === "learned" ? "a learned vector stands" : "zeros stand"} for them`,
    ...(training.modality_dropout > 0 ? [`modality dropout ${training.modality_dropout}`] : []),
    ...withheld,
  ].join(", ");
}

/** How training samples are varied, by the keys of the configuration. */
function augmentationText({ data }: RunConfig): string | undefined {
  if (!hasInputs(data)) return undefined;
  const { random_resized_crop: crop, rand_augment: operations } = data;
  const parts = [
    ...STRENGTHS.filter((key) => data[key] > 0).map((key) => `${key} ${data[key]}`),
    ...(crop ? [`random_resized_crop ${crop.scale.join(" to ")}`] : []),
    ...(operations ? [`rand_augment ${operations.operations} of ${operations.magnitude}`] : []),
  ];
  return parts.length === 0 ? undefined : `varied by ${parts.join(", ")}`;
}

/** `emoji, 9 classes; 2,720 training, 554 validation, 538 test samples` */
function dataText({ run, table, classCounts }: RunReport): string {
  const { name } = run.config.data;
  if (classCounts === undefined) {
    return table === undefined ? name : `${name}, ${formatCount(table.classes.length)} classes`;
  }
  const sum = (split: "train" | "validation" | "test") =>
    formatCount([...classCounts.values()].reduce((total, counts) => total + counts[split], 0));
  return `${name}, ${formatCount(classCounts.size)} classes; ${sum("train")} training, ${
    sum("validation")
  } validation, ${sum("test")} test samples`;
}

/** `image: vit, 2 layers of 64; text: bert from bert-base-uncased, 12 layers of 768` */
function modelText({ model }: RunConfig): string {
  return Object.entries(model.encoders).map(([name, encoder]) => {
    const { model_type, pretrained } = encoder;
    const sizes = encoder as { num_hidden_layers?: unknown; hidden_size?: unknown };
    const layers = sizes.num_hidden_layers === undefined
      ? ""
      : `, ${sizes.num_hidden_layers} layers of ${sizes.hidden_size}`;
    return `${name}: ${model_type}${pretrained ? ` from ${pretrained.source}` : ""}${layers}`;
  }).join("; ");
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

/** How many samples each class has, and how often its test samples are predicted as they should. */
function classTable(predictions: PredictionTable, counts: ClassCounts | undefined): Markup {
  const { classes, labels, heads } = predictions;
  const test = new Uint32Array(classes.length);
  const right = heads.map(() => new Uint32Array(classes.length));
  const correct = heads.map((head) => correctOf(predictions, head));
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
        if (prediction === NO_ANSWER) return html`<p class="muted">${head}: not there</p>`;
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
      `${fused} is right although ${turns.best!}, the best single modality, is wrong`,
    )}
    ${list(turns.ruined, "Ruined by fusion", `${fused} is wrong although ${turns.best!} is right`)}</section>
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
