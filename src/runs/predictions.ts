/** predictions.csv: what every head of a run answers for samples, written and read back. */
import { UserError } from "../base/user_error.ts";
import type { Split } from "../data/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import { harmlessCell, readCsv, withoutHarm } from "../io/csv.ts";

/** The predictions of every head for the samples of a split, in order. */
export interface Predictions {
  readonly split: Split;
  readonly labels: Uint32Array; // [samples]
  readonly classes: number;
  /** By head. */
  readonly predicted: ReadonlyMap<string, Uint32Array>; // [samples]
  readonly probabilities: ReadonlyMap<string, Float64Array>; // [samples, classes]
}

/** The predictions of every head for the samples of a split, as the file has them. */
export interface PredictionTable {
  readonly ids: readonly string[];
  readonly classes: readonly string[];
  /** The encoders, then the fused head where there is one. */
  readonly heads: readonly string[];
  readonly labels: Uint32Array; // [samples]
  /** By head. */
  readonly predicted: ReadonlyMap<string, Uint32Array>; // [samples]
  readonly probabilities: ReadonlyMap<string, Float64Array>; // [samples, classes]
  /** The last head's probability of its answer. */
  readonly confidence: Float64Array; // [samples]
}

const FIRST = ["id", "path", "label"];
const CLASS = "_class";

/**
 * A line a sample: its id, the path of its image where it has one, its label, `<head>_class` for every head, and
 * `<head>_p(<class>)`, the probability of every class by every head.
 */
export function predictionsCsv(predictions: Predictions, data: Dataset): string {
  const { split, labels, classes, predicted, probabilities } = predictions;
  const heads = [...predicted.keys()];
  const header = [
    ...FIRST,
    ...heads.map((head) => head + CLASS),
    ...heads.flatMap((head) => data.classes.map((name) => `${head}_p(${name})`)),
  ];
  const lines = Array.from(labels, (label, row) => [
    data.id(split, row),
    data.path?.(split, row) ?? "",
    data.classes[label]!,
    ...heads.map((head) => data.classes[predicted.get(head)![row]!]!),
    ...heads.flatMap((head) =>
      Array.from(
        probabilities.get(head)!.subarray(row * classes, (row + 1) * classes),
        (p) => p.toPrecision(6),
      )
    ),
  ]);
  return [header, ...lines].map((cells) => cells.map(harmlessCell).join(",") + "\n").join("");
}

/** Reads what `predictionsCsv` wrote. Throws a UserError, naming the line, where it is something else. */
export function readPredictions(path: string): PredictionTable {
  const [header, ...rows] = readCsv(path).map(({ line, cells }) => ({ line, cells: cells.map(withoutHarm) }));
  const names = header?.cells ?? [];
  const heads = names.slice(FIRST.length).filter((name) => name.endsWith(CLASS)).map((name) =>
    name.slice(0, -CLASS.length)
  );
  const firstShare = FIRST.length + heads.length;
  const count = (names.length - firstShare) / heads.length;
  const classes = names.slice(firstShare, firstShare + count).map((name) =>
    name.slice(`${heads[0]}_p(`.length, -1)
  );
  const isTable = FIRST.every((name, at) => names[at] === name) && heads.length > 0 && count >= 1 &&
    Number.isInteger(count);
  if (!isTable) {
    throw new UserError(
      `Cannot read ${path}: its first line is not that of a table of predictions, as this version of unis writes them`,
    );
  }
  const numberOf = new Map(classes.map((name, number) => [name, number]));
  const column = (at: number) =>
    Uint32Array.from(rows, ({ line, cells }) => {
      const number = numberOf.get(cells[at] ?? "");
      if (number !== undefined) return number;
      throw new UserError(`Cannot read ${path}, line ${line}: "${cells[at] ?? ""}" is none of its classes`);
    });
  const predicted = new Map(heads.map((head, i) => [head, column(FIRST.length + i)]));
  const last = predicted.get(heads.at(-1)!)!;
  const probabilities = new Map(heads.map((head, i) => {
    const start = firstShare + i * count;
    return [head, Float64Array.from(rows.flatMap(({ cells }) => cells.slice(start, start + count)), Number)];
  }));
  const lastShares = probabilities.get(heads.at(-1)!)!;
  return {
    ids: rows.map(({ cells }) => cells[0]!),
    classes,
    heads,
    labels: column(FIRST.indexOf("label")),
    predicted,
    probabilities,
    confidence: Float64Array.from(last, (answer, row) => lastShares[row * count + answer]!),
  };
}
