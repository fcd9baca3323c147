/** Writes answers as CSV, as JSON lines, or as a table for people. */
import { StoredBytes } from "../../data/stored_bytes.ts";
import { harmlessCell } from "../../io/csv.ts";
import { formatTable } from "../../report/table.ts";
import type { Answer } from "./answers.ts";
import { explanationCells, explanationObject, explanationText } from "./explanation_cells.ts";

export type OutputFormat = "csv" | "jsonl" | "table";

export interface WriterOptions {
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

/** The likeliest classes and their probabilities, the first of equals first. */
export function likeliest(
  probabilities: Float64Array,
  classes: readonly string[],
  count: number,
): { readonly class: string; readonly probability: number }[] {
  return Array.from(probabilities.keys())
    .sort((a, b) => probabilities[b]! - probabilities[a]!).slice(0, count)
    .map((k) => ({ class: classes[k]!, probability: probabilities[k]! }));
}

/**
 * The row's own columns; of each head `<head>_class` and `<head>_p`, with `_2` and so on those of the next likeliest, and
 * `<head>_p(<class>)`; then those of explanations. Cells of a head whose modality the row lacks are empty.
 */
function csvWriter({ classes, top, all }: WriterOptions): AnswerWriter {
  let columns: string[] | undefined;
  const line = (cells: readonly string[]) => cells.map(harmlessCell).join(",") + "\n";
  const places = Array.from({ length: Math.min(top, classes.length) }, (_, i) => i === 0 ? "" : `_${i + 1}`);
  const header = (own: readonly string[], heads: readonly string[], explained: readonly string[]) => [
    ...own,
    ...heads.flatMap((head) => places.flatMap((place) => [`${head}_class${place}`, `${head}_p${place}`])),
    ...(all ? heads.flatMap((head) => classes.map((name) => `${head}_p(${name})`)) : []),
    ...explained,
  ];
  return {
    write({ row: { values }, probabilities, explanation }) {
      const isFirst = columns === undefined;
      const explained = explanation ? explanationCells(explanation) : {};
      columns ??= Object.keys(values);
      const cells = columns.map((name) => textOf(values[name]));
      for (const own of probabilities.values()) {
        const found = likeliest(own, classes, top);
        for (const i of places.keys()) {
          cells.push(...(found[i] ? [found[i].class, shown(found[i].probability)] : ["", ""]));
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
function jsonWriter({ classes, top, all }: WriterOptions): AnswerWriter {
  return {
    write({ row: { values }, probabilities, explanation }) {
      const byHead = <T>(make: (own: Float64Array) => T) =>
        Object.fromEntries(Array.from(probabilities, ([head, own]) => [head, make(own)]));
      const object = {
        ...values,
        predictions: byHead((own) => likeliest(own, classes, top)),
        ...(all && {
          probabilities: byHead((own) => Object.fromEntries(classes.map((name, k) => [name, own[k]]))),
        }),
        ...(explanation && { explanation: explanationObject(explanation, classes) }),
      };
      return JSON.stringify(object) + "\n";
    },
    end: () => "",
  };
}

/** Characters of a cell that a table shows. */
const SHOWN = 40;

function tableWriter({ classes, top, all }: WriterOptions): AnswerWriter {
  const rows: string[][] = [];
  let header: string[] | undefined;
  const count = all ? classes.length : top;
  return {
    write({ row: { values }, probabilities, explanation }) {
      header ??= [
        ...Object.keys(values),
        ...Array.from(probabilities.keys(), (head) => `${head}_class`),
        ...(explanation ? ["why"] : []),
      ];
      const answers = [...probabilities.values()].map((own) =>
        likeliest(own, classes, count).map((one) => `${one.class} ${one.probability.toFixed(3)}`).join(", ")
      );
      const why = explanation ? [explanationText(explanation)] : [];
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
