/** Reads a feature vector from the cells of a table. */
import { type FeatureReading, type FeatureRow, PLAIN_NUMBERS } from "../feature_cells.ts";
import { BadRow } from "./index_builder.ts";
import { cleanName, looksMissing } from "./names.ts";
import type { Origin } from "./sample_index.ts";

/** Cells as a feature vector of `width`. Throws a `BadRow` for another count, and for a cell that is none of its kind. */
export function featuresOf(
  cells: readonly unknown[],
  width: number,
  { reading = PLAIN_NUMBERS, at }: { readonly reading?: FeatureReading; readonly at?: Origin } = {},
): FeatureRow {
  if (cells.length !== width) {
    throw new BadRow("features", `has ${cells.length} numbers where others have ${width}`, at);
  }
  const values = cells.map((cell, column) => {
    const fail = (advice: string) =>
      new BadRow("features", `number ${column + 1} is ${JSON.stringify(cell) ?? "missing"}${advice}`, at);
    const isMissing = cell === null || cell === undefined || Number.isNaN(cell) ||
      (typeof cell === "string" && saysMissing(cell));
    if (reading.categories.has(column)) {
      if (typeof cell === "object" && cell !== null) throw fail(", which is no name of a category");
      const name = cell === null || cell === undefined ? "" : cleanName(String(cell));
      if (name === "" && !reading.allowsMissing) throw fail(": the category is missing");
      return name;
    }
    if (isMissing && reading.allowsMissing) return NaN;
    const value = typeof cell === "string" ? numberIn(cell, reading.decimal) : cell;
    if (typeof value === "number" && Number.isFinite(Math.fround(value))) return value;
    throw fail(adviceFor(cell, reading));
  });
  return reading.categories.size > 0 ? values : Float32Array.from(values as number[]);
}

/** Whether a text says that there is no number. */
function saysMissing(text: string): boolean {
  return text.trim() === "" || looksMissing(text.trim());
}

/** The number that a text says; undefined where it says none, or writes fractions otherwise. */
export function numberIn(text: string, decimal: "." | ","): number | undefined {
  if (text.trim() === "" || (decimal === "," && text.includes("."))) return undefined;
  return Number(decimal === "," ? text.replace(",", ".") : text);
}

function adviceFor(cell: unknown, { decimal, allowsMissing }: FeatureReading): string {
  if (typeof cell !== "string") return "";
  if (decimal === "." && /^\s*-?\d+,\d+\s*$/.test(cell)) {
    return ": fractions take a point, unless data.decimal is a comma";
  }
  if (decimal === "," && cell.includes(".")) return ": fractions take a comma, as data.decimal says";
  return saysMissing(cell) && !allowsMissing ? ": data.missing_numbers=mean fills such cells in" : "";
}
