/** Writes answers as CSV, as JSON lines, or as a table for people. */
import { StoredBytes } from "../../data/stored_bytes.ts";
import { joinNames, type TaskName } from "../../data/targets.ts";
import type { Values } from "../../metrics/answers.ts";
import { harmlessCell } from "../../io/csv.ts";
import { formatTable } from "../../report/table.ts";
import type { Answer } from "./answers.ts";
import { explanationCells, explanationObject, explanationText } from "./explanation_cells.ts";

export type OutputFormat = "csv" | "jsonl" | "table";

export interface WriterOptions {
  /** Classification if not given. */
  readonly task?: TaskName;
  readonly classes: readonly string[];
  /** So many of the likeliest classes of each head, with their probabilities. */
  readonly top: number;
  /** Every class's probability as well. */
  readonly all: boolean;
}

/** Turns answers into text, piece by piece. */
export interface AnswerWriter {
  write(answer: Answer): string;
  /** The text that is left to be written after the last answer. */
  end(): string;
}

export function answerWriter(format: OutputFormat, options: WriterOptions): AnswerWriter {
  return { csv: csvWriter, jsonl: jsonWriter, table: tableWriter }[format](options);
}

/** A class, or a label, and its probability. */
export interface Likely {
  readonly class: string;
  readonly probability: number;
}

/** The likeliest classes and their probabilities, the first of equals first. */
export function likeliest(
  probabilities: Float64Array,
  classes: readonly string[],
  count: number,
): Likely[] {
  return Array.from(probabilities.keys())
    .sort((a, b) => probabilities[b]! - probabilities[a]!).slice(0, count)
    .map((k) => ({ class: classes[k]!, probability: probabilities[k]! }));
}

/**
 * What a head says of a sample: the likeliest classes, the labels that it gives, the likeliest first, or a number, null where
 * the sample lacks its modality.
 */
export function saidOf(
  { task = "classification", classes, top }: Pick<WriterOptions, "task" | "classes" | "top">,
  probabilities: Float64Array,
  predicted: Values,
): Likely[] | number | null {
  if (task === "regression") return predicted[0] ?? null;
  if (task === "classification") return likeliest(probabilities, classes, top);
  const given = new Set(classes.filter((_, k) => predicted[k] === 1));
  return likeliest(probabilities, classes, classes.length).filter((one) => given.has(one.class));
}

/**
 * The row's own columns; of each head `<head>_class` and `<head>_p`, with `_2` and so on those of the next likeliest, and
 * `<head>_p(<class>)`; then those of explanations. Of labels it is `<head>_labels`, their names parted by "|", of numbers
 * `<head>_value`. Cells of a head whose modality the row lacks are empty.
 */
function csvWriter(options: WriterOptions): AnswerWriter {
  const { task = "classification", classes, top } = options;
  const all = options.all && task !== "regression";
  let columns: string[] | undefined;
  const line = (cells: readonly string[]) => cells.map(harmlessCell).join(",") + "\n";
  const places = Array.from({ length: Math.min(top, classes.length) }, (_, i) => i === 0 ? "" : `_${i + 1}`);
  const columnsOf: Readonly<Record<TaskName, (head: string) => string[]>> = {
    classification: (head) => places.flatMap((place) => [`${head}_class${place}`, `${head}_p${place}`]),
    multi_label: (head) => [`${head}_labels`],
    regression: (head) => [`${head}_value`],
  };
  const header = (own: readonly string[], heads: readonly string[], explained: readonly string[]) => [
    ...own,
    ...heads.flatMap(columnsOf[task]),
    ...(all ? heads.flatMap((head) => classes.map((name) => `${head}_p(${name})`)) : []),
    ...explained,
  ];
  return {
    write({ row: { values }, probabilities, predicted, explanation }) {
      const isFirst = columns === undefined;
      const explained = explanation ? explanationCells(explanation, options) : {};
      columns ??= Object.keys(values);
      const cells = columns.map((name) => textOf(values[name]));
      for (const [head, own] of probabilities) {
        const answers = predicted.get(head)!;
        const said = saidOf(options, own, answers);
        if (task === "multi_label") cells.push(joinNames(classes.filter((_, k) => answers[k] === 1)));
        else if (said === null || typeof said === "number") cells.push(said === null ? "" : shown(said));
        else {
          for (const i of places.keys()) {
            cells.push(...(said[i] ? [said[i].class, shown(said[i].probability)] : ["", ""]));
          }
        }
      }
      if (all) {
        for (const own of probabilities.values()) {
          for (const k of classes.keys()) cells.push(own.length > 0 ? shown(own[k]!) : "");
        }
      }
      cells.push(...Object.values(explained));
      const names = header(columns, [...probabilities.keys()], Object.keys(explained));
      return (isFirst ? line(names) : "") + line(cells);
    },
    end: () => "",
  };
}

/** The row as it is, with `predictions` and, if wanted, `probabilities`, by head, and an `explanation`. */
function jsonWriter(options: WriterOptions): AnswerWriter {
  const { task, classes, all } = options;
  return {
    write({ row: { values }, probabilities, predicted, explanation }) {
      const byHead = <T>(make: (own: Float64Array, head: string) => T) =>
        Object.fromEntries(Array.from(probabilities, ([head, own]) => [head, make(own, head)]));
      const object = {
        ...values,
        predictions: byHead((own, head) => saidOf(options, own, predicted.get(head)!)),
        ...(all && task !== "regression" && {
          probabilities: byHead((own) => Object.fromEntries(classes.map((name, k) => [name, own[k]]))),
        }),
        ...(explanation && { explanation: explanationObject(explanation, options) }),
      };
      return JSON.stringify(object) + "\n";
    },
    end: () => "",
  };
}

/** Characters of a cell that a table shows. */
const SHOWN = 40;

/** What stands behind the name of a head. */
const SUFFIXES: Readonly<Record<TaskName, string>> = {
  classification: "_class",
  multi_label: "_labels",
  regression: "_value",
};

function tableWriter(options: WriterOptions): AnswerWriter {
  const { task = "classification", classes, top, all } = options;
  const rows: string[][] = [];
  let header: string[] | undefined;
  const shownOptions = { ...options, top: all ? classes.length : top };
  return {
    write({ row: { values }, probabilities, predicted, explanation }) {
      header ??= [
        ...Object.keys(values),
        ...Array.from(probabilities.keys(), (head) => head + SUFFIXES[task]),
        ...(explanation ? ["why"] : []),
      ];
      const answers = Array.from(probabilities, ([head, own]) => {
        const said = saidOf(shownOptions, own, predicted.get(head)!);
        if (said === null) return "";
        return typeof said === "number"
          ? shown(said)
          : said.map((one) => `${one.class} ${one.probability.toFixed(3)}`).join(", ");
      });
      const why = explanation ? [explanationText(explanation, options)] : [];
      rows.push([...Object.values(values).map((value) => shortened(textOf(value))), ...answers, ...why]);
      return "";
    },
    end: () => header === undefined ? "" : formatTable([header, ...rows]).join("\n") + "\n",
  };
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof StoredBytes) return value.name;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length > SHOWN ? `${line.slice(0, SHOWN - 1)}…` : line;
}

function shown(probability: number): string {
  return probability.toPrecision(6);
}
