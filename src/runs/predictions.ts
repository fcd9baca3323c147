/** predictions.csv: what every head of a run answers for samples, written and read back. */
import { UserError } from "../base/user_error.ts";
import type { Split } from "../data/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import { type TaskName, TASKS, widthOf } from "../data/targets.ts";
import { type Answers, equals, type Values } from "../metrics/answers.ts";
import { CELLS, NO_ANSWER } from "./answer_cells.ts";
import { harmlessCell, readCsv, withoutHarm } from "../io/csv.ts";

/** The predictions of every head for the samples of a split, in order. */
export interface Predictions extends Pick<Answers, "labels" | "classes" | "scale"> {
  readonly split: Split;
  /** Classification if not given. */
  readonly task?: TaskName;
  /** By head, here and below; see `Answers`. */
  readonly predicted: ReadonlyMap<string, Values>;
  readonly probabilities: ReadonlyMap<string, Float64Array>; // [samples, classes]
  /** 1 where a head is right: [samples]. Where it gives the label if not given. */
  readonly right?: ReadonlyMap<string, Uint8Array>;
  /** 1 for each sample that has the modality of a head, else 0, by the heads whose modality some lack: these say nothing then. */
  readonly present?: ReadonlyMap<string, Uint8Array>; // [samples]
}

/** How many samples were predicted. */
export function samplesIn(
  { task, labels, classes }: Pick<Predictions, "task" | "labels" | "classes">,
): number {
  return labels.length / widthOf(task, classes);
}

/** The numbers of the samples that heads all say something of. */
export function answeredBy(predictions: Predictions, ...heads: readonly string[]): readonly number[] {
  const known = heads.map((head) => predictions.present?.get(head));
  return Array.from({ length: samplesIn(predictions) }, (_, row) => row)
    .filter((row) => known.every((own) => own?.[row] !== 0));
}

/** What each head says of the samples that have its modality; nothing of a head where no sample has. */
export function answersByHead(predictions: Predictions): ReadonlyMap<string, Answers> {
  const all = [...predictions.predicted.keys()].map((head) => {
    const own = predictionsOf(predictions, answeredBy(predictions, head));
    const { labels, classes, scale } = own;
    const predicted = own.predicted.get(head)!, probabilities = own.probabilities.get(head)!;
    return [head, { labels, classes, predicted, probabilities, right: rightOf(own, head), scale }] as const;
  });
  return new Map(all.filter(([, own]) => own.labels.length > 0 || predictions.labels.length === 0));
}

/** The predictions for some samples of those that were predicted. */
export function predictionsOf<P extends Predictions>(predictions: P, rows: readonly number[]): P {
  const { task, labels, classes, predicted, probabilities, right, present } = predictions;
  if (rows.length === samplesIn(predictions)) return predictions;
  const width = widthOf(task, classes);
  const some = <T extends Values | Uint8Array>(values: T, width = 1): T => {
    const chosen = values.slice(0, rows.length * width) as T;
    rows.forEach((row, i) => chosen.set(values.subarray(row * width, (row + 1) * width), i * width));
    return chosen;
  };
  return {
    ...predictions,
    labels: some(labels, width),
    predicted: mapValues(predicted, (own) => some(own, width)),
    probabilities: mapValues(probabilities, (own) => some(own, classes)),
    ...(right && { right: mapValues(right, (own) => some(own)) }),
    ...(present && { present: mapValues(present, (own) => some(own)) }),
  };
}

function mapValues<A, B>(map: ReadonlyMap<string, A>, change: (value: A) => B): ReadonlyMap<string, B> {
  return new Map(Array.from(map, ([key, value]) => [key, change(value)]));
}

/** 1 where a head is right, else 0: [samples]. */
export function rightOf(
  { labels, predicted, right }: Pick<Predictions, "labels" | "predicted" | "right">,
  head: string,
): Uint8Array {
  return right?.get(head) ?? equals(labels, predicted.get(head)!);
}

/** The predictions of every head for the samples of a split, as the file has them. */
export interface PredictionTable {
  /** Classification if not given. */
  readonly task?: TaskName;
  readonly ids: readonly string[];
  readonly classes: readonly string[];
  /** The encoders, then the fused head where there is one. */
  readonly heads: readonly string[];
  readonly labels: Values;
  /**
   * By head, here and below; see `Answers`. Where a sample lacks the modality of a head it is `NO_ANSWER`, no label, or NaN.
   */
  readonly predicted: ReadonlyMap<string, Values>;
  readonly probabilities: ReadonlyMap<string, Float64Array>; // [samples, classes]; NaN where there is no answer
  /** 1 where a head is right: [samples]. Where it gives the label if not given. */
  readonly right?: ReadonlyMap<string, Uint8Array>;
  /** 1 for each sample that has the modality of a head, else 0; told where some lack one, of labels and numbers. */
  readonly present?: ReadonlyMap<string, Uint8Array>;
  /** The last head's probability of its answer; of labels the mean of that of each; of numbers nothing is known, 0. */
  readonly confidence: Float64Array; // [samples]
}

const FIRST = ["id", "path", "label"];
const RIGHT = "_right";

/** What a sample is, or a head says of it, in a text: its class, its labels or its number. */
export function textAt(
  { task = "classification", classes }: Pick<PredictionTable, "task" | "classes">,
  values: Values,
  row: number,
): string {
  const { text } = CELLS[task];
  const own = widthOf(task, classes.length);
  return text(values.subarray(row * own, (row + 1) * own), classes);
}

/** What a head says of a sample, as `textAt` has it; undefined where the sample lacks its modality. */
export function saidAt(table: PredictionTable, head: string, row: number): string | undefined {
  const own = table.predicted.get(head)!;
  const isSilent = (table.task ?? "classification") === "classification"
    ? own[row] === NO_ANSWER
    : table.present?.get(head)?.[row] === 0;
  return isSilent ? undefined : textAt(table, own, row);
}

/**
 * A line a sample: its id, the path of its image where it has one, its label, `<head>_class` for every head, and
 * `<head>_p(<class>)`, the probability of every class by every head. Of labels the second is `<head>_labels`, names parted by
 * "|", of numbers `<head>_value`; then `<head>_right` comes after it, 1 or 0, and numbers have no probabilities. Cells of a
 * head whose modality a sample lacks are empty.
 */
export function predictionsCsv(predictions: Predictions, data: Dataset): string {
  const { split, task = "classification", labels, classes, predicted, probabilities, present } = predictions;
  const isSilent = (head: string, row: number) => present?.get(head)?.[row] === 0;
  const { suffix, hasShares } = CELLS[task];
  const { classes: names } = data;
  const heads = [...predicted.keys()];
  const right = task === "classification" ? [] : heads.map((head) => rightOf(predictions, head));
  const header = [
    ...FIRST,
    ...heads.map((head) => head + suffix),
    ...right.map((_, i) => heads[i]! + RIGHT),
    ...hasShares ? heads.flatMap((head) => names.map((name) => `${head}_p(${name})`)) : [],
  ];
  const shown = (values: Values, row: number) => textAt({ task, classes: names }, values, row);
  const lines = Array.from({ length: samplesIn(predictions) }, (_, row) => [
    data.id(split, row),
    data.path?.(split, row) ?? "",
    shown(labels, row),
    ...heads.map((head) => isSilent(head, row) ? "" : shown(predicted.get(head)!, row)),
    ...right.map((own, i) => isSilent(heads[i]!, row) ? "" : String(own[row])),
    ...hasShares
      ? heads.flatMap((head) =>
        Array.from(
          probabilities.get(head)!.subarray(row * classes, (row + 1) * classes),
          (p) => isSilent(head, row) ? "" : p.toPrecision(6),
        )
      )
      : [],
  ]);
  return [header, ...lines].map((cells) => cells.map(harmlessCell).join(",") + "\n").join("");
}

/** Reads what `predictionsCsv` wrote. Throws a UserError, naming the line, where it is something else. */
export function readPredictions(path: string): PredictionTable {
  const [header, ...rows] = readCsv(path).map(({ line, cells }) => ({ line, cells: cells.map(withoutHarm) }));
  const names = header?.cells ?? [];
  const task = TASKS.find((one) => names[FIRST.length]?.endsWith(CELLS[one].suffix)) ?? "classification";
  const { suffix, hasShares, read, silent } = CELLS[task];
  const heads = names.slice(FIRST.length).filter((name) => name.endsWith(suffix)).map((name) =>
    name.slice(0, -suffix.length)
  );
  const isRightTold = task !== "classification";
  const firstRight = FIRST.length + heads.length;
  const firstShare = firstRight + (isRightTold ? heads.length : 0);
  const count = hasShares ? (names.length - firstShare) / heads.length : 0;
  const classes = hasShares
    ? names.slice(firstShare, firstShare + count).map((name) => name.slice(`${heads[0]}_p(`.length, -1))
    : ["value"];
  const isTable = FIRST.every((name, at) => names[at] === name) && heads.length > 0 &&
    (!hasShares || count >= 1 && Number.isInteger(count));
  if (!isTable) {
    throw new UserError(
      `Cannot read ${path}: its first line is not that of a table of predictions, as this version of unis writes them`,
    );
  }
  const numbers = new Map(classes.map((name, number) => [name, number]));
  const isSilent = (cells: readonly string[], head: number) =>
    (cells[isRightTold ? firstRight + head : FIRST.length + head] ?? "") === "";
  const column = (at: number, head?: number): Values => {
    const values = rows.flatMap(({ line, cells }) => {
      if (head !== undefined && isSilent(cells, head)) return silent(classes.length);
      const cell = cells[at] ?? "";
      const own = read(cell, classes, numbers);
      if (own !== undefined) return own;
      throw new UserError(
        `Cannot read ${path}, line ${line}: "${cell}" is ${hasShares ? "none of its classes" : "no number"}`,
      );
    });
    return task === "regression" ? Float64Array.from(values) : Uint32Array.from(values);
  };
  const byHead = <T>(make: (i: number) => T) => new Map(heads.map((head, i) => [head, make(i)]));
  const predicted = byHead((i) => column(FIRST.length + i, i));
  const probabilities = byHead((i) => {
    const start = firstShare + i * count;
    return hasShares
      ? Float64Array.from(rows.flatMap(({ cells }) => cells.slice(start, start + count)), shareIn)
      : Float64Array.from(predicted.get(heads[i]!)!);
  });
  const [last, lastShares] = [predicted, probabilities].map((of) => of.get(heads.at(-1)!)!) as [
    Values,
    Float64Array,
  ];
  return {
    ...(isRightTold && {
      task,
      right: byHead((i) => Uint8Array.from(rows, ({ cells }) => Number(cells[firstRight + i]))),
      ...(rows.some(({ cells }) => heads.some((_, i) => isSilent(cells, i))) && {
        present: byHead((i) => Uint8Array.from(rows, ({ cells }) => Number(!isSilent(cells, i)))),
      }),
    }),
    ids: rows.map(({ cells }) => cells[0]!),
    classes,
    heads,
    labels: column(FIRST.indexOf("label")),
    predicted,
    probabilities,
    confidence: Float64Array.from(rows, (_, row) => confidenceOf(task, last, lastShares, row, count)),
  };
}

/** A probability; NaN where there is none, as of a head whose modality the sample lacks. */
function shareIn(cell: string): number {
  return cell === "" ? NaN : Number(cell);
}

function confidenceOf(
  task: TaskName,
  answers: Values,
  shares: Float64Array,
  row: number,
  count: number,
): number {
  if (task === "regression") return 0;
  if (task === "classification") return shares[row * count + answers[row]!]!;
  const own = shares.subarray(row * count, (row + 1) * count);
  return own.reduce((sum, p) => sum + Math.max(p, 1 - p), 0) / count;
}
