/** Reads the numbers of a feature vector from the cells of a table. */
import { BadRow } from "./index_builder.ts";
import type { Origin } from "./sample_index.ts";

/** Cells as the `width` numbers of a feature vector. Throws a `BadRow` for another count, and for a cell that is no number. */
export function featuresOf(cells: readonly unknown[], width: number, at?: Origin): Float32Array {
  if (cells.length !== width) {
    throw new BadRow("features", `has ${cells.length} numbers where others have ${width}`, at);
  }
  return Float32Array.from(cells, (cell, column) => {
    const value = typeof cell === "string" && cell.trim() !== "" ? Number(cell) : cell;
    if (typeof value === "number" && Number.isFinite(Math.fround(value))) return value;
    const advice = typeof cell === "string" && /^\s*-?\d+,\d+\s*$/.test(cell)
      ? ": fractions take a point"
      : "";
    throw new BadRow("features", `number ${column + 1} is ${JSON.stringify(cell) ?? "missing"}${advice}`, at);
  });
}
