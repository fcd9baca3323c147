/** Draws maps of representations: t-SNE of the unimodal ones together and of the fused ones, the paper's Figures 4 and 5. */
import * as Plot from "@observablehq/plot";
import { keyOf, Random } from "../../base/random.ts";
import { NO_ANSWER } from "../../runs/answer_cells.ts";
import type { PredictionTable } from "../../runs/predictions.ts";
import { FUSION } from "../../models/methods/architecture.ts";
import type { Representations } from "../../train/representations.ts";
import { draw, type Figure, type Row } from "./figure.ts";
import { colour, COLOURS } from "./palette.ts";
import { mapVectors, unit } from "./tsne.ts";

/** The number of classes shown: the first ten, as in the paper. */
const MOST_CLASSES = 10;
const SIDE = 480;
/** The symbols of modalities: + for text and × for images, as in the paper. */
const SYMBOL_OF: Record<string, string> = { text: "plus", image: "times" };
const OTHER_SYMBOLS = ["circle", "triangle", "square", "diamond", "star", "wye", "asterisk"];

/** Draws rows by seed, of classes those of the first ten, `most` of them at most. */
export function drawRows(
  { task = "classification", ids, labels }: PredictionTable,
  most: number,
  seed: number,
): Uint32Array {
  const rows = Array.from(ids.keys()).filter((row) =>
    task !== "classification" || labels[row]! < MOST_CLASSES
  );
  new Random(keyOf(seed)).shuffle(rows);
  return Uint32Array.from(rows.slice(0, most));
}

interface Place {
  readonly row: number;
  readonly modality: string;
  readonly vector: Float32Array;
}

/**
 * The maps of a run: its modalities on one plane where their representations are of one width, else on a plane each; and
 * what the fused head reads. `rows` are the samples represented, in order; a map has at most `most` points.
 */
export async function mapFigures(
  { table, rows, representations, numberOf, prefix, run, seed, most, signal }: {
    table: PredictionTable;
    rows: Uint32Array;
    representations: Representations;
    /** The number of a sample among those of the report, by its id. */
    numberOf: (id: string) => number | undefined;
    prefix: string;
    run: string;
    seed: number;
    most: number;
    signal?: AbortSignal;
  },
): Promise<Figure[]> {
  const modalities = [...representations.keys()].filter((name) => name !== FUSION);
  // The contrast compares directions: lengths, which differ between encoders, are left out.
  const placesOf = (modality: string, count: number): Place[] =>
    representations.get(modality)!.slice(0, count)
      .map((vector, i) => ({ row: rows[i]!, modality, vector: unit(vector) }))
      // What stands for a modality that is not there is no sample's own.
      .filter(({ row }) => table.predicted.get(modality)?.[row] !== NO_ANSWER);
  const widths = new Set(modalities.map((modality) => representations.get(modality)![0]?.length));
  const groups = widths.size === 1 ? [modalities] : modalities.map((modality) => [modality]);
  const draft = async (name: string, title: string, caption: string, places: readonly Place[]) => {
    const points = await mapVectors(places.map(({ vector }) => vector), seed, signal);
    return mapFigure({ name: `${prefix}${name}`, title, caption, places, points, table, numberOf, run });
  };
  const figures: Figure[] = [];
  for (const group of groups) {
    const count = Math.floor(most / group.length);
    figures.push(
      await draft(
        `map-${group.join("-")}`,
        `Representations of ${group.join(" and ")}`,
        `t-SNE of the unimodal representations, in unit length, of ${
          Math.min(count, rows.length)
        } test samples; the paper's Figure 4.`,
        group.flatMap((modality) => placesOf(modality, count)),
      ),
    );
  }
  const all = representations.get(FUSION);
  if (all !== undefined) {
    const fused = Array.from(rows.subarray(0, most), (row, i): Place => ({
      row,
      modality: FUSION,
      vector: all[i]!,
    }));
    figures.push(
      await draft(
        "map-fusion",
        "Fused representations",
        `t-SNE of the representations of all modalities together, as the fused head gets them, of ${fused.length} test samples; the ` +
          "paper's Figure 5.",
        fused,
      ),
    );
  }
  return figures;
}

function mapFigure({ name, title, caption, places, points, table, numberOf, run }: {
  name: string;
  title: string;
  caption: string;
  places: readonly Place[];
  points: readonly (readonly [number, number])[];
  table: PredictionTable;
  numberOf: (id: string) => number | undefined;
  run: string;
}): Figure {
  const modalities = [...new Set(places.map(({ modality }) => modality))];
  const symbols = modalities.map((modality, i) =>
    SYMBOL_OF[modality] ?? OTHER_SYMBOLS[i % OTHER_SYMBOLS.length]!
  );
  const rows = places.map(({ row, modality }, i): Row => ({
    x: points[i]![0],
    y: points[i]![1],
    modality,
    id: table.ids[row]!,
    label: table.classes[table.labels[row]!]!,
    ...Object.fromEntries(
      Array.from(
        table.predicted,
        ([head, own]) => [`${head} predicts`, table.classes[own[row]!] ?? "nothing"],
      ),
    ),
  }));
  const classes = table.classes.slice(0, MOST_CLASSES);
  const svg = draw(
    {
      width: SIDE,
      height: SIDE,
      margin: 12,
      axis: null,
      color: { domain: classes, range: classes.map((_, i) => colour(i % COLOURS)) },
      symbol: { domain: modalities, range: symbols },
      marks: [
        Plot.dot(rows, { x: "x", y: "y", stroke: "label", symbol: "modality", r: 3.6, strokeWidth: 1.6 }),
      ],
    },
    `${title}: ${caption}`,
    (svg) => {
      const [dots] = svg.querySelectorAll('[aria-label="dot"]');
      for (const [i, dot] of [...dots!.children].entries()) {
        const { row, modality } = places[i]!;
        dot.setAttribute("data-sample", String(numberOf(table.ids[row]!)));
        dot.setAttribute("data-class", String(table.labels[row]));
        dot.setAttribute("data-modality", modality);
      }
    },
  );
  const signs: Record<string, string> = { plus: "+", times: "×", circle: "○" };
  const note = modalities.length < 2
    ? ""
    : ` ${modalities.map((modality, i) => `${signs[symbols[i]!] ?? symbols[i]} ${modality}`).join(", ")}.`;
  return {
    name,
    title,
    caption: caption + note,
    svg,
    rows,
    legend: classes.map((name, i) => ({ name, colour: colour(i) })),
    run,
  };
}
