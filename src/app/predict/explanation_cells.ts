/** Explanations of answers as they are written: cells of a table, an object, or a few words. */
import type { TokenWeight } from "../../train/explainer.ts";
import type { ShownExplanation } from "./explanations.ts";

/** Tokens that a cell names, and that a few words do. */
const NAMED = 5, SHOWN = 3;

function heaviest(tokens: readonly TokenWeight[], count: number): TokenWeight[] {
  return tokens.toSorted((a, b) => b.weight - a.weight).slice(0, count);
}

/**
 * `<head>_base` and, by modality, `<head>_share(…)`, which sum to the probability of the answer; `tokens(…)`, the five that
 * weigh most, and `heat_map(…)`, the path of a picture.
 */
export function explanationCells(
  { head, base, shares, tokens, heatMaps }: ShownExplanation,
): Record<string, string> {
  const cells: Record<string, string> = {};
  if (base !== undefined) cells[`${head}_base`] = base.toPrecision(6);
  for (const [name, share] of Object.entries(shares ?? {})) {
    cells[`${head}_share(${name})`] = share.toPrecision(6);
  }
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
  { head, answer, base, shares, tokens, patches, heatMaps }: ShownExplanation,
  classes: readonly string[],
): object {
  const rounded = (weight: number) => Number(weight.toPrecision(4));
  const map = <A, B>(all: Readonly<Record<string, A>>, change: (one: A) => B) =>
    Object.fromEntries(Object.entries(all).map(([name, one]) => [name, change(one)]));
  return {
    head,
    class: classes[answer],
    ...(shares && { base, shares }),
    tokens: map(tokens, (own) => own.map(({ token, weight }) => ({ token, weight: rounded(weight) }))),
    patches: map(patches, ({ weights, ...grid }) => ({ ...grid, weights: weights.map(rounded) })),
    ...(Object.keys(heatMaps).length > 0 && { heat_maps: heatMaps }),
  };
}

/** `image +.31, text +.42; red, thing` */
export function explanationText({ shares = {}, tokens }: ShownExplanation): string {
  const parts = Object.entries(shares).map(([name, share]) => {
    const size = Math.abs(share).toFixed(2).replace(/^0/, "");
    return `${name} ${share < 0 ? "−" : "+"}${size}`;
  });
  const words = Object.values(tokens).flatMap((own) => heaviest(own, SHOWN).map(({ token }) => token));
  return [parts.join(", "), words.join(", ")].filter((text) => text !== "").join("; ");
}
