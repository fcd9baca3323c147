/** Explains answers to test samples: some of them one by one, and what modalities add on average to those of each class. */
import { placeIn } from "../../data/batch.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { PredictionTable } from "../../runs/predictions.ts";
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

/** Right answers that are explained one by one, and wrong ones: the most confident of each. */
const SHOWN = 6;
/** Pixels of the longer side of a picture, and tokens of a text, at most. */
const SIDE = 96, TOKENS = 60;

/** An answer to a test sample, explained, with pictures as data URIs by modality. */
export interface ExplainedSample {
  readonly row: number;
  readonly explanation: Explanation;
  readonly pictures: Readonly<Record<string, string>>;
}

export interface Explained {
  /** The most confident of the wrong answers, and of the right ones. */
  readonly wrong: readonly ExplainedSample[];
  readonly right: readonly ExplainedSample[];
  /** Of samples drawn at random, those that are shown not among them. */
  readonly drawn: readonly Explanation[];
}

/** Explains the answers to some test samples; `rows` are the drawn ones. `signal` ends it by an `Interrupted`. */
export async function explainRows(
  explainer: Explainer,
  data: Dataset,
  { labels, predicted, heads, confidence }: PredictionTable,
  rows: Uint32Array,
  signal?: AbortSignal,
): Promise<Explained> {
  const answers = predicted.get(heads.at(-1)!)!;
  const ranked = (isRight: boolean) =>
    Array.from(labels.keys()).filter((row) => (answers[row] === labels[row]) === isRight)
      .sort((a, b) => confidence[b]! - confidence[a]!).slice(0, SHOWN);
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
  const head = predictions.heads.at(-1)!;
  const list = (samples: readonly ExplainedSample[], title: string) =>
    samples.length > 0 &&
    html`
      <h3>${title}</h3>
      <ul class="samples explained">${samples.map((one) => sampleMarkup(one, predictions))}</ul>
    `;
  return html`<section aria-labelledby="${key}-why"><h2 id="${key}-why">Why ${head} answers so</h2>
<p>Shares are Shapley values over modalities: how much of the probability of the answer each one adds, with the others at
their means or not. Pictures and words are the stronger in colour the more of them comes into what their encoder makes, by
attention rollout.</p>
${sharesTable(explained.drawn, predictions.classes)}
${list(wrong, "Wrong with most confidence")}${list(right, "Right with most confidence")}</section>`;
}

/** Means over the drawn samples, by the class that is answered. */
function sharesTable(drawn: readonly Explanation[], classes: readonly string[]): Markup | undefined {
  const modalities = drawn[0]?.modalities ?? [];
  if (modalities.length === 0) return undefined;
  const told = drawn.flatMap((one) => one.told);
  const byAnswer = Map.groupBy(told, ({ answer }) => answer);
  const row = (name: string, own: readonly Told[]) => {
    const mean = (value: (one: Told) => number) =>
      formatShare(own.reduce((sum, one) => sum + value(one), 0) / own.length);
    return [
      name,
      formatCount(own.length),
      mean(({ base }) => base!),
      ...modalities.map((modality) => mean(({ shares }) => shares![modality]!)),
      mean(({ value }) => value),
    ];
  };
  return table(
    `What each modality adds to the probability of the answer, by the class that is answered; means over ${
      formatCount(drawn.length)
    } test samples`,
    ["answer", "samples", "base", ...modalities, "probability"],
    [
      ...[...byAnswer].toSorted(([a], [b]) => a - b).map(([answer, own]) => row(classes[answer]!, own)),
      row("all", told),
    ],
  );
}

function sampleMarkup({ row, explanation, pictures }: ExplainedSample, predictions: PredictionTable): Markup {
  const { tokens, told: [said] } = explanation;
  const { answer, value, base, shares = {} } = said!;
  const { classes, labels, ids } = predictions;
  const isRight = labels[row] === answer;
  return html`<li class="sample">${
    Object.entries(pictures).map(([name, uri]) => html`<img src="${uri}" alt="where ${name} is attended to">`)
  }<div><p class="muted">${ids[row]!}</p><p>label: ${classes[labels[row]!]!}</p>
<p class="${isRight ? "right" : "wrong"}">${classes[answer]!} ${formatShare(value)}</p>${
    base !== undefined && html`<p>${formatShare(base)}${
      Object.entries(shares).map(([name, share]) =>
        ` ${share < 0 ? "−" : "+"} ${formatShare(Math.abs(share))} ${name}`
      )
    }</p>`
  }${Object.values(tokens).map(tokensMarkup)}</div></li>`;
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
