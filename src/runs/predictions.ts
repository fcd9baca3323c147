/** predictions.csv: what every head of a run answers for samples, written and read back. */
import { UserError } from "../base/user_error.ts";
import type { Split } from "../data/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Answers } from "../metrics/chosen_metric.ts";
import { harmlessCell, readCsv, withoutHarm } from "../io/csv.ts";

/** The predictions of every head for the samples of a split, in order. */
export interface Predictions {
  readonly split: Split;
  readonly labels: Uint32Array; // [samples]
  readonly classes: number;
  /** By head. */
  readonly predicted: ReadonlyMap<string, Uint32Array>; // [samples]
  readonly probabilities: ReadonlyMap<string, Float64Array>; // [samples, classes]
  /** 1 for each sample that has the modality of a head, else 0, by the heads whose modality some lack: these say nothing then. */
  readonly present?: ReadonlyMap<string, Uint8Array>; // [samples]
}

/** In place of the class that a head answers, where a sample lacks its modality. */
export const NO_ANSWER = 2 ** 32 - 1;

/** The numbers of the samples that heads all say something of. */
export function answeredBy({ labels, present }: Predictions, ...heads: readonly string[]): readonly number[] {
  const known = heads.map((head) => present?.get(head));
  return [...labels.keys()].filter((row) => known.every((own) => own?.[row] !== 0));
}

/** What each head says of the samples that have its modality; nothing of a head where no sample has. */
export function answersByHead(predictions: Predictions): ReadonlyMap<string, Answers> {
  const { labels, classes, predicted } = predictions;
  const all = [...predicted.keys()].map((head) => {
    const { labels, predicted, probabilities } = predictionsOf(predictions, answeredBy(predictions, head));
    return [
      head,
      { labels, classes, predicted: predicted.get(head)!, probabilities: probabilities.get(head)! },
    ] as const;
  });
  return new Map(all.filter(([, own]) => own.labels.length > 0 || labels.length === 0));
}

/** The predictions for some samples of those that were predicted. */
export function predictionsOf<P extends Predictions>(predictions: P, rows: readonly number[]): P {
  const { labels, classes, predicted, probabilities, present } = predictions;
  if (rows.length === labels.length) return predictions;
  return {
    ...predictions,
    labels: Uint32Array.from(rows, (row) => labels[row]!),
    predicted: mapValues(predicted, (own) => Uint32Array.from(rows, (row) => own[row]!)),
    probabilities: mapValues(probabilities, (own) => {
      const some = new Float64Array(rows.length * classes);
      rows.forEach((row, i) => some.set(own.subarray(row * classes, (row + 1) * classes), i * classes));
      return some;
    }),
    ...(present && { present: mapValues(present, (own) => Uint8Array.from(rows, (row) => own[row]!)) }),
  };
}

function mapValues<A, B>(map: ReadonlyMap<string, A>, change: (value: A) => B): ReadonlyMap<string, B> {
  return new Map(Array.from(map, ([key, value]) => [key, change(value)]));
}

/** The predictions of every head for the samples of a split, as the file has them. */
export interface PredictionTable {
  readonly ids: readonly string[];
  readonly classes: readonly string[];
  /** The encoders, then the fused head where there is one. */
  readonly heads: readonly string[];
  readonly labels: Uint32Array; // [samples]
  /** By head; `NO_ANSWER` where the sample lacks its modality. */
  readonly predicted: ReadonlyMap<string, Uint32Array>; // [samples]
  readonly probabilities: ReadonlyMap<string, Float64Array>; // [samples, classes]
  /** The last head's probability of its answer. */
  readonly confidence: Float64Array; // [samples]
}

const FIRST = ["id", "path", "label"];
const CLASS = "_class";

/**
 * A line a sample: its id, the path of its image where it has one, its label, `<head>_class` for every head, and
 * `<head>_p(<class>)`, the probability of every class by every head. Cells of a head whose modality a sample lacks are empty.
 */
export function predictionsCsv(predictions: Predictions, data: Dataset): string {
  const { split, labels, classes, predicted, probabilities, present } = predictions;
  const isSilent = (head: string, row: number) => present?.get(head)?.[row] === 0;
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
    ...heads.map((head) => isSilent(head, row) ? "" : data.classes[predicted.get(head)![row]!]!),
    ...heads.flatMap((head) =>
      Array.from(
        probabilities.get(head)!.subarray(row * classes, (row + 1) * classes),
        (p) => isSilent(head, row) ? "" : p.toPrecision(6),
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
  const column = (at: number, others: Iterable<[string, number]> = []) => {
    const numbers = new Map([...numberOf, ...others]);
    return Uint32Array.from(rows, ({ line, cells }) => {
      const number = numbers.get(cells[at] ?? "");
      if (number !== undefined) return number;
      throw new UserError(`Cannot read ${path}, line ${line}: "${cells[at] ?? ""}" is none of its classes`);
    });
  };
  const silent: [string, number][] = [["", NO_ANSWER]];
  const predicted = new Map(heads.map((head, i) => [head, column(FIRST.length + i, silent)]));
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
