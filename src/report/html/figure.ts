/** Draws figures: each is a drawing, and the rows that it shows. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { harmlessCell } from "../../io/csv.ts";
import { escapeHtml } from "./markup.ts";
import { LIGHT, withColours } from "./palette.ts";

export type Row = Readonly<Record<string, string | number>>;

export interface LegendEntry {
  readonly name: string;
  readonly colour: string;
  /** The `stroke-dasharray` of lines. */
  readonly dash?: string;
}

export interface Figure {
  /** The name of its files and its anchor; unique in a report. */
  readonly name: string;
  readonly title: string;
  readonly caption: string;
  /** The drawing, coloured by the variables of `palette.ts`. */
  readonly svg: string;
  /** The rows that are drawn, which all have the same keys. */
  readonly rows: readonly Row[];
  readonly legend: readonly LegendEntry[];
  /** True where it is wider than a phone, so that it is scrolled and not shrunk. */
  readonly isWide?: boolean;
  /** Where points stand for samples: the key of the run whose predictions are shown with them. */
  readonly run?: string;
}

/** The part of a drawn element that is used here. */
export interface Drawn {
  readonly outerHTML: string;
  readonly children: Iterable<Drawn>;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  querySelectorAll(selector: string): Iterable<Drawn>;
}

/** Plot draws into a document; this one needs no browser. */
const { document } = parseHTML("<!doctype html><html></html>") as unknown as {
  readonly document: NonNullable<Plot.PlotOptions["document"]>;
};

/**
 * Draws a plot as SVG that says `label` to those who cannot see it. `change` may alter its elements before they are
 * written out.
 */
export function draw(
  options: Plot.PlotOptions,
  label: string,
  change: (svg: Drawn) => void = () => {},
): string {
  const svg = Plot.plot({
    ...options,
    document,
    style: { background: "transparent" },
  }) as unknown as Drawn;
  change(svg);
  // The drawing is one image: names of its parts would not be read.
  for (const part of svg.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  // Only tags are changed: the text between them is meant as it is.
  return svg.outerHTML.replaceAll(/<[^>]*>/g, (tag) => tag.replaceAll(/\d+\.\d{3,}/g, shortNumber));
}

function shortNumber(number: string): string {
  return String(Number(Number(number).toFixed(2)));
}

/** The rows as CSV, with a header. */
export function toCsv(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = [names, ...rows.map((row) => names.map((name) => String(row[name] ?? "")))];
  return lines.map((cells) => cells.map(harmlessCell).join(",") + "\n").join("");
}

const CHARACTER = 6.2, ENTRY = 26, LINE = 18;

/** The drawing as a file of its own: light, with title and legend. */
export function svgFile({ svg, title, legend }: Figure): string {
  const [, , width, height] = /viewBox="(\S+) (\S+) (\S+) (\S+)"/.exec(svg)!.slice(1).map(Number);
  let [x, y] = [10, height! + LINE];
  const entries = legend.map(({ name, colour, dash }) => {
    const taken = ENTRY + CHARACTER * name.length;
    if (x > 10 && x + taken > width!) [x, y] = [10, y + LINE];
    const stroke = dash === undefined ? "" : ` stroke-dasharray="${dash}"`;
    const entry =
      `<line x1="${x}" x2="${x + 14}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="3"${stroke}/>` +
      `<text x="${x + 18}" y="${y}" dy="0.32em">${escapeHtml(name)}</text>`;
    x += taken;
    return entry;
  });
  const end = (legend.length > 0 ? y + LINE : height!) + LINE;
  const body = svg.replace(
    /^<svg ([^>]*)>/,
    (_, attributes: string) =>
      `<svg y="${LINE}" ${attributes.replaceAll(/(role|aria-label|xmlns)="[^"]*"/g, "")}>`,
  );
  return withColours(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${end}" width="${width}" height="${end}" ` +
      `font-family="system-ui, sans-serif" font-size="11" fill="var(--text)" color="var(--text)">` +
      `<title>${escapeHtml(title)}</title><rect width="100%" height="100%" fill="var(--page)"/>` +
      `<text x="10" y="${LINE / 2}" dy="0.32em" font-weight="bold">${escapeHtml(title)}</text>${body}` +
      `<g transform="translate(0,${LINE})">${entries.join("")}</g></svg>\n`,
    LIGHT,
  );
}
