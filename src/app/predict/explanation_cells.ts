/** Explanations of answers as they are written: cells of a table, an object, or a few words. */
import type { TaskName } from "../../data/targets.ts";
import type { TokenWeight, Told } from "../../train/explainer.ts";
import type { ShownExplanation } from "./explanations.ts";

/** What is explained: answers of a task, with the names of its classes or labels. */
interface Explained {
  readonly task?: TaskName | undefined;
  readonly classes: readonly string[];
}

/** Tokens that a cell names, and that a few words do. */
const NAMED = 5, SHOWN = 3;

function heaviest(tokens: readonly TokenWeight[], count: number): TokenWeight[] {
  return tokens.toSorted((a, b) => b.weight - a.weight).slice(0, count);
}

/**
 * `<head>_base` and, by modality, `<head>_share(…)`, which sum to the probability of the answer, or to the number; of labels
 * both for each that is given, `cat 0.31; dog 0.02`. Then `tokens(…)`, the five that weigh most, and `heat_map(…)`, the path of a
 * picture.
 */
export function explanationCells(
  { head, modalities, told, tokens, heatMaps }: ShownExplanation,
  { task, classes }: Explained,
): Record<string, string> {
  const cells: Record<string, string> = {};
  const cell = (value: (one: Told) => number) =>
    told.map((one) =>
      `${task === "multi_label" ? `${classes[one.answer]!} ` : ""}${value(one).toPrecision(6)}`
    )
      .join("; ");
  if (modalities.length > 0) cells[`${head}_base`] = cell(({ base }) => base!);
  for (const name of modalities) cells[`${head}_share(${name})`] = cell(({ shares }) => shares![name]!);
  for (const [name, own] of Object.entries(tokens)) {
    cells[`tokens(${name})`] = heaviest(own, NAMED).map(({ token, weight }) =>
      `${token} ${weight.toFixed(3)}`
    )
      .join("; ");
  }
  for (const [name, path] of Object.entries(heatMaps)) cells[`heat_map(${name})`] = path;
  return cells;
}

/** All of it: every token of a text and every patch of an image, the latter row by row. */
export function explanationObject(
  { head, told, tokens, patches, heatMaps }: ShownExplanation,
  { task, classes }: Explained,
): object {
  const rounded = (weight: number) => Number(weight.toPrecision(4));
  const map = <A, B>(all: Readonly<Record<string, A>>, change: (one: A) => B) =>
    Object.fromEntries(Object.entries(all).map(([name, one]) => [name, change(one)]));
  const said = told.map(({ answer, base, shares }) => ({
    ...(task !== "regression" && { class: classes[answer] }),
    ...(shares && { base, shares }),
  }));
  return {
    head,
    ...(task === "multi_label" ? { labels: said } : said[0]),
    tokens: map(tokens, (own) => own.map(({ token, weight }) => ({ token, weight: rounded(weight) }))),
    patches: map(patches, ({ weights, ...grid }) => ({ ...grid, weights: weights.map(rounded) })),
    ...(Object.keys(heatMaps).length > 0 && { heat_maps: heatMaps }),
  };
}

/** `image +.31, text +.42; red, thing` */
export function explanationText({ told, tokens }: ShownExplanation, { task, classes }: Explained): string {
  const parts = told.map(({ answer, shares = {} }) => {
    const signed = Object.entries(shares).map(([name, share]) =>
      `${name} ${signOf(share)}${sizeOf(share, task)}`
    );
    return `${task === "multi_label" ? `${classes[answer]!}: ` : ""}${signed.join(", ")}`;
  });
  const words = Object.values(tokens).flatMap((own) => heaviest(own, SHOWN).map(({ token }) => token));
  return [...parts, words.join(", ")].filter((text) => text !== "").join("; ");
}

const signOf = (share: number) => share < 0 ? "−" : "+";

/** A part of a probability as `.31`, a part of a number by three digits. */
function sizeOf(share: number, task: TaskName | undefined): string {
  const size = Math.abs(share);
  return task === "regression" ? String(Number(size.toPrecision(3))) : size.toFixed(2).replace(/^0/, "");
}
