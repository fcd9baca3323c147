/** predictions.csv, read back. */
import { readCsv } from "../io/csv.ts";
import { UserError } from "../base/user_error.ts";

/** What every head answered for the samples of a split, in order. */
export interface PredictionTable {
  readonly ids: readonly string[];
  readonly classes: readonly string[];
  /** The modalities, then the fused head where there is one. */
  readonly heads: readonly string[];
  readonly labels: Uint32Array; // [samples]
  /** By head. */
  readonly predicted: ReadonlyMap<string, Uint32Array>; // [samples]
  /** The last head's probability of its answer. */
  readonly confidence: Float64Array; // [samples]
}

/** Reads what `predictionsCsv` wrote. Throws a UserError, naming the line, where it is something else. */
export function readPredictions(path: string): PredictionTable {
  const [header, ...rows] = readCsv(path);
  const names = header?.cells ?? [];
  const firstClass = names.findIndex((name) => /^p\(.*\)$/s.test(name));
  if (names[0] !== "id" || names[1] !== "label" || firstClass < 3) {
    throw new UserError(`Cannot read ${path}: its first line is not that of a table of predictions`);
  }
  const heads = names.slice(2, firstClass);
  const classes = names.slice(firstClass).map((name) => name.slice(2, -1));
  const numberOf = new Map(classes.map((name, number) => [name, number]));
  const column = (at: number) =>
    Uint32Array.from(rows, ({ line, cells }) => {
      const number = numberOf.get(cells[at] ?? "");
      if (number !== undefined) return number;
      throw new UserError(`Cannot read ${path}, line ${line}: "${cells[at] ?? ""}" is none of its classes`);
    });
  const predicted = new Map(heads.map((head, i) => [head, column(2 + i)]));
  const last = predicted.get(heads.at(-1)!)!;
  return {
    ids: rows.map(({ cells }) => cells[0]!),
    classes,
    heads,
    labels: column(1),
    predicted,
    confidence: Float64Array.from(rows, ({ cells }, row) => Number(cells[firstClass + last[row]!])),
  };
}
