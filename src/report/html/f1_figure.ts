/** Draws the F1 of every class or label by head. */
import * as Plot from "@observablehq/plot";
import { draw, type Figure } from "./figure.ts";
import { colour } from "./palette.ts";

const MOST_CHARACTERS = 22;
const CHARACTER = 6;

/** The measures of a head on a class or label, which stands under the key `By`. */
export type F1Row<By extends string> =
  & { readonly [Key in By]: string }
  & { readonly head: string; readonly f1: number; readonly support: number };

/** A dot for every row, in the order of the last head's F1. */
export function f1Figure<By extends "class" | "label">(
  rows: readonly F1Row<By>[],
  { by, names, heads, prefix }: {
    readonly by: By;
    readonly names: readonly string[];
    readonly heads: readonly string[];
    readonly prefix: string;
  },
): Figure {
  const title = `F1 by ${by}`;
  const caption =
    `Harmonic mean of precision and recall of each ${by}, by head; in the order of the last head.`;
  const last = rows.filter(({ head }) => head === heads.at(-1)).sort((a, b) => b.f1 - a.f1);
  const svg = draw({
    width: 380,
    height: 60 + 18 * names.length,
    marginLeft: marginFor(names),
    x: { domain: [0, 1], grid: true, label: "F1" },
    y: { domain: last.map((row) => row[by]), label: null, tickFormat: shortened, tickSize: 0 },
    color: { domain: heads, range: heads.map((_, i) => colour(i)) },
    symbol: { domain: heads },
    marks: [
      Plot.ruleY(names, { y: (name: string) => name, strokeOpacity: 0.12 }),
      Plot.dot(rows, {
        x: "f1",
        y: by,
        stroke: "head",
        symbol: "head",
        strokeWidth: 1.8,
        title: (row) => `${row[by]}, ${row.head}: F1 ${row.f1.toFixed(3)} of ${row.support} samples`,
      }),
    ],
  }, `${title}: ${caption}`);
  return { name: `${prefix}f1`, title, caption, svg, rows, legend: legendOf(heads) };
}

export function legendOf(heads: readonly string[]) {
  return heads.map((name, i) => ({ name, colour: colour(i) }));
}

export function marginFor(names: readonly string[]): number {
  return 16 + CHARACTER * Math.max(0, ...names.map((name) => shortened(name).length));
}

export function shortened(name: string): string {
  return name.length <= MOST_CHARACTERS ? name : `${name.slice(0, MOST_CHARACTERS - 1)}…`;
}
