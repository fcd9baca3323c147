/** Explains answers to test samples: some of them one by one, and what modalities add on average to those of each class. */
import { placeIn } from "../../data/batch.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { TaskName } from "../../data/targets.ts";
import { type PredictionTable, rightOf, saidAt, textAt } from "../../runs/predictions.ts";
import {
  EXPLAINED_AT_ONCE,
  type Explainer,
  type Explanation,
  type TokenWeight,
  type Told,
} from "../../train/explainer.ts";
import { pause, throwIfInterrupted } from "../../base/interrupt.ts";
import { heatMap } from "../heat_map.ts";
import { formatCount, formatShare } from "../units.ts";
import { dataUri, html, type Markup } from "./markup.ts";
import { table } from "./parts.ts";
import { shrunk } from "./samples.ts";

/** Right answers that are explained one by one, and wrong ones. */
const SHOWN = 6;
/** Pixels of the longer side of a picture, and tokens of a text, at most. */
const SIDE = 96, TOKENS = 60;

/** How the answers of a task are told. */
interface Telling {
  /** The noun for what shares add up to. */
  readonly what: string;
  readonly titles: { readonly wrong: string; readonly right: string };
  /** Samples with the least of it are shown. */
  order(predictions: PredictionTable, row: number, isRight: boolean): number;
  format(value: number): string;
  /** Whether means of shares tell something: those of numbers go up and down. */
  readonly isSigned: boolean;
}

const BY_CONFIDENCE = {
  titles: { wrong: "Wrong with most confidence", right: "Right with most confidence" },
  order: ({ confidence }: PredictionTable, row: number) => -confidence[row]!,
  format: formatShare,
  isSigned: true,
};

const TOLD: Readonly<Record<TaskName, Telling>> = {
  classification: { what: "the probability of the answer", ...BY_CONFIDENCE },
  multi_label: { what: "the probability of a label that is given", ...BY_CONFIDENCE },
  regression: {
    what: "the number",
    titles: { wrong: "Furthest off", right: "Nearest" },
    order({ labels, predicted, heads }, row, isRight) {
      const error = Math.abs(predicted.get(heads.at(-1)!)![row]! - labels[row]!);
      return isRight ? error : -error;
    },
    format: (value) => String(Number(value.toPrecision(4))),
    isSigned: false,
  },
};

/** An answer to a test sample, explained, with pictures as data URIs by modality. */
export interface ExplainedSample {
  readonly row: number;
  readonly explanation: Explanation;
  readonly pictures: Readonly<Record<string, string>>;
}

export interface Explained {
  /** The most confident of the wrong answers, and of the right ones; of numbers the furthest off and the nearest. */
  readonly wrong: readonly ExplainedSample[];
  readonly right: readonly ExplainedSample[];
  /** Of samples drawn at random, those that are shown not among them. */
  readonly drawn: readonly Explanation[];
}

/** Explains the answers to some test samples; `rows` are the drawn ones. `signal` ends it by an `Interrupted`. */
export async function explainRows(
  explainer: Explainer,
  data: Dataset,
  predictions: PredictionTable,
  rows: Uint32Array,
  signal?: AbortSignal,
): Promise<Explained> {
  const { task = "classification", heads } = predictions;
  const right = rightOf(predictions, heads.at(-1)!);
  const { order } = TOLD[task];
  const ranked = (isRight: boolean) =>
    Array.from(right.keys()).filter((row) => (right[row] === 1) === isRight)
      .sort((a, b) => order(predictions, a, isRight) - order(predictions, b, isRight)).slice(0, SHOWN);
  const explain = async (rows: readonly number[], withPictures: boolean) => {
    const explained: ExplainedSample[] = [];
    for (let start = 0; start < rows.length; start += EXPLAINED_AT_ONCE) {
      await pause();
      throwIfInterrupted(signal);
      const batch = await data.batch("test", Uint32Array.from(rows.slice(start, start + EXPLAINED_AT_ONCE)));
      for (const [i, explanation] of (await explainer.explain(batch)).entries()) {
        const pictures = Object.entries(withPictures ? explanation.patches : {}).flatMap(
          ([name, weights]) => {
            const input = batch.modalities[name]!;
            const place = placeIn(input, i);
            if (input.kind !== "image" || place === undefined) return [];
            return [[name, dataUri("image/png", heatMap(shrunk(input, place, SIDE), weights, SIDE))]];
          },
        );
        explained.push({ row: rows[start + i]!, explanation, pictures: Object.fromEntries(pictures) });
      }
    }
    return explained;
  };
  const drawn = explainer.hasShares ? await explain([...rows], false) : [];
  return {
    wrong: await explain(ranked(false), true),
    right: await explain(ranked(true), true),
    drawn: drawn.map(({ explanation }) => explanation),
  };
}

export function explanationsMarkup(key: string, explained: Explained, predictions: PredictionTable): Markup {
  const { wrong, right } = explained;
  const { titles, what } = TOLD[predictions.task ?? "classification"];
  const head = predictions.heads.at(-1)!;
  const list = (samples: readonly ExplainedSample[], title: string) =>
    samples.length > 0 &&
    html`
      <h3>${title}</h3>
      <ul class="samples explained">${samples.map((one) => sampleMarkup(one, predictions))}</ul>
    `;
  return html`<section aria-labelledby="${key}-why"><h2 id="${key}-why">Why ${head} answers so</h2>
<p>Shares are Shapley values over modalities: how much of ${what} each one adds, with the others saying nothing or not.
Pictures and words are the stronger in colour the more of them comes into what their encoder makes, by attention rollout.</p>
${sharesTable(explained.drawn, predictions)}
${list(wrong, titles.wrong)}${list(right, titles.right)}</section>`;
}

/** Means over the drawn samples, by the class or label that is told. */
function sharesTable(drawn: readonly Explanation[], { task = "classification", classes }: PredictionTable) {
  const modalities = drawn[0]?.modalities ?? [];
  if (modalities.length === 0) return undefined;
  const { what, format, isSigned } = TOLD[task];
  const told = drawn.flatMap((one) => one.told);
  const row = (name: string, own: readonly Told[]) => {
    const mean = (value: (one: Told) => number) =>
      format(own.reduce((sum, one) => sum + value(one), 0) / own.length);
    const share = (modality: string) => ({ shares }: Told) =>
      isSigned ? shares![modality]! : Math.abs(shares![modality]!);
    return [
      name,
      formatCount(own.length),
      mean(({ base }) => base!),
      ...modalities.map((modality) => mean(share(modality))),
      mean(({ value }) => value),
    ];
  };
  const byAnswer = task === "regression" ? [] : [...Map.groupBy(told, ({ answer }) => answer)];
  return table(
    isSigned
      ? `What each modality adds to ${what}, by what is told; means over ${
        formatCount(drawn.length)
      } test samples`
      : `How far each modality moves ${what}, up or down; means over ${
        formatCount(drawn.length)
      } test samples`,
    ["answer", "samples", "base", ...modalities, "in all"],
    [
      ...byAnswer.toSorted(([a], [b]) => a - b).map(([answer, own]) => row(classes[answer]!, own)),
      ...told.length > 0 ? [row("all", told)] : [],
    ],
  );
}

function sampleMarkup({ row, explanation, pictures }: ExplainedSample, predictions: PredictionTable): Markup {
  const { head, tokens, told } = explanation;
  const { task = "classification", classes, labels, ids } = predictions;
  const { format } = TOLD[task];
  const isRight = rightOf(predictions, head)[row] === 1;
  const line = ({ answer, value, base, shares = {} }: Told) => {
    const sum = Object.entries(shares).map(([name, share]) =>
      ` ${share < 0 ? "−" : "+"} ${format(Math.abs(share))} ${name}`
    );
    const name = task === "multi_label" && `${classes[answer]!}: `;
    return html`<p>${name}${format(value)}${base !== undefined && ` = ${format(base)}`}${sum}</p>`;
  };
  return html`<li class="sample">${
    Object.entries(pictures).map(([name, uri]) => html`<img src="${uri}" alt="where ${name} is attended to">`)
  }<div><p class="muted">${ids[row]!}</p><p>label: ${textAt(predictions, labels, row)}</p>
<p class="${isRight ? "right" : "wrong"}">${saidAt(predictions, head, row)}</p>${told.map(line)}${
    Object.values(tokens).map(tokensMarkup)
  }</div></li>`;
}

function tokensMarkup(tokens: readonly TokenWeight[]): Markup {
  const most = Math.max(...tokens.map(({ weight }) => weight));
  return html`<p>${
    tokens.slice(0, TOKENS).map(({ token, weight }) =>
      html`
        <span class="token" style="--weight:${Math.round(100 * weight / most)}%">${token}</span>
      `
    )
  }${tokens.length > TOKENS && "…"}</p>`;
}
