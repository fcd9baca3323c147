/** What the rows of a table are to be told: the cells of its label columns, by the task. */
import { UserError } from "../../base/user_error.ts";
import { BadRow, labelOf, numbersOf } from "../index/index_builder.ts";
import { cleanName, sortedClasses } from "../index/names.ts";
import { numberIn } from "../index/numbers.ts";
import type { Target, TaskName } from "../targets.ts";
import { cellOf, type StreamedRow, textOf } from "./table_format.ts";

export interface TargetOptions {
  /** Classification if not given. */
  readonly task?: TaskName;
  /** The column of the class or of the number, or of labels; several columns of labels hold 1 or 0 each. */
  readonly label: string | readonly string[];
  /** What parts the labels of one cell. */
  readonly labelsSeparator?: string;
  /** The names of the classes in order; null to take those of the training samples, sorted. */
  readonly classes: readonly string[] | null;
  /** Classes that are known already and come first, in this order, where `classes` is null. */
  readonly knownClasses?: readonly string[];
  /** What stands before fractions; a point if not given. */
  readonly decimal?: "." | ",";
}

/** How targets are read. */
export interface TargetReader {
  readonly classes: readonly string[];
  /** Throws a `BadRow` where a row has none. */
  read(row: StreamedRow): Target;
  /** Sentences about targets that may be wrong. */
  readonly warnings: readonly string[];
}

/** The reader of a task; classes that nobody named are those of the rows that are for training. */
export function targetReader(
  rows: readonly StreamedRow[],
  isTraining: (row: StreamedRow) => boolean,
  options: TargetOptions,
): TargetReader {
  return READERS[options.task ?? "classification"](rows, isTraining, options);
}

type MakeReader = typeof targetReader;

const READERS: Readonly<Record<TaskName, MakeReader>> = {
  classification(rows, isTraining, options) {
    const label = oneColumn(options, "a class");
    const nameIn = (row: StreamedRow) => className(cellOf(row, label), label);
    const classes = namedClasses(rows, isTraining, options, (row) => [cleanName(nameIn(row))]);
    const numbers = numbersOf(classes);
    const why = unlisted(options);
    return {
      classes,
      read: (row) => ({ label: labelOf(nameIn(row), numbers, why) }),
      warnings: [],
    };
  },

  multi_label(rows, isTraining, options) {
    const { label, labelsSeparator = "," } = options;
    if (typeof label !== "string" && label.length > 1) return columnsOfLabels(label, options);
    const column = oneColumn(options, "labels");
    const namesIn = (row: StreamedRow) => labelNames(cellOf(row, column), labelsSeparator);
    const classes = namedClasses(rows, isTraining, options, namesIn);
    const numbers = numbersOf(classes);
    const why = unlisted(options);
    return {
      classes,
      read(row) {
        const labels = namesIn(row).map((name) => labelOf(name, numbers, why));
        return { label: 0, target: [...new Set(labels)].sort((a, b) => a - b) };
      },
      warnings: otherSeparators(classes, labelsSeparator),
    };
  },

  regression(_rows, _isTraining, options) {
    const { classes, decimal = "." } = options;
    if (classes !== null) {
      throw new UserError(
        '"data.classes" must be null where "data.task" is regression, which has no classes',
      );
    }
    const column = oneColumn(options, "a number");
    return {
      classes: [column],
      read(row) {
        const cell = cellOf(row, column);
        const value = typeof cell === "number" ? cell : numberIn(textOf(cell), decimal) ?? NaN;
        if (Number.isFinite(value)) return { label: 0, target: [value] };
        throw new BadRow("label", `"${column}" must be a number, got "${textOf(cell)}"`);
      },
      warnings: [],
    };
  },
};

/** Columns that hold 1 where a sample has the label that they are called by, else 0. */
function columnsOfLabels(columns: readonly string[], { classes }: TargetOptions): TargetReader {
  if (classes !== null && classes.join("\n") !== columns.join("\n")) {
    throw new UserError(
      `"data.classes" must be null where "data.label" names several columns: these are the labels, ${
        columns.join(", ")
      }`,
    );
  }
  const repeated = columns.find((column, at) => columns.indexOf(column) !== at);
  if (repeated !== undefined) throw new UserError(`"data.label" names the column "${repeated}" twice`);
  return {
    classes: columns,
    read: (row) => ({
      label: 0,
      target: columns.flatMap((column, number) =>
        saysYes(textOf(cellOf(row, column)), column) ? [number] : []
      ),
    }),
    warnings: [],
  };
}

function saysYes(cell: string, column: string): boolean {
  const said = cell.trim().toLowerCase();
  if (/^(?:1|1\.0|true)$/.test(said)) return true;
  if (/^(?:0|0\.0|false)$/.test(said)) return false;
  throw new BadRow("label", `"${column}" must be 1 or 0, got "${cell}"`);
}

/** The column, where there is one. Throws a UserError where several are named. */
function oneColumn({ label, task = "classification" }: TargetOptions, what: string): string {
  const [column, ...others] = [label].flat();
  if (others.length === 0) return column!;
  throw new UserError(
    `"data.label" must be one column where "data.task" is ${task}, which holds ${what}: got ${
      [label].flat().join(", ")
    }`,
  );
}

/** The name of a class in a cell. Throws a BadRow where it holds several. */
function className(cell: unknown, column: string): string {
  if (!Array.isArray(cell)) return textOf(cell);
  throw new BadRow(
    "label",
    `holds ${
      JSON.stringify(cell)
    } in "${column}", where a class should be: lists are for data.task=multi_label`,
  );
}

/** The names in a cell: a list, or a text whose names are parted. Without any, a sample has no labels. */
export function labelNames(cell: unknown, separator: string): string[] {
  const parts = Array.isArray(cell) ? cell.map(textOf) : textOf(cell).split(separator);
  return parts.map(cleanName).filter((name) => name !== "");
}

function unlisted({ classes }: TargetOptions): string {
  return classes === null ? ", which no training sample has" : ', which "data.classes" lacks';
}

/**
 * The classes of a table: those that are named, else those that are known and those of the rows for training, sorted. Where
 * there are no such rows, those of all: that training rows are missing is the fault then, not each label.
 */
function namedClasses(
  rows: readonly StreamedRow[],
  isTraining: (row: StreamedRow) => boolean,
  { classes, knownClasses = [] }: TargetOptions,
  namesIn: (row: StreamedRow) => readonly string[],
): readonly string[] {
  if (classes !== null) return classes;
  const found = rows.flatMap((row) => {
    try {
      return [{ names: namesIn(row).filter((name) => name !== ""), isOwn: isTraining(row) }];
    } catch (error) {
      if (error instanceof BadRow) return []; // told when the row is listed
      throw error;
    }
  });
  const training = found.filter(({ names, isOwn }) => isOwn && names.length > 0);
  const named = training.length === 0 && knownClasses.length === 0 ? found : training;
  return [...new Set([...knownClasses, ...sortedClasses(named.flatMap(({ names }) => names))])];
}

/** Labels that hold what others part labels by may be several. */
function otherSeparators(classes: readonly string[], separator: string): string[] {
  return [",", ";", "|"].filter((other) => other !== separator).flatMap((other) => {
    const some = classes.filter((name) => name.includes(other));
    if (some.length === 0 || some.length * 2 < classes.length) return [];
    return [
      `${some.length} of ${classes.length} labels hold "${other}", such as "${
        some[0]
      }": if that parts labels, say ` +
      `data.labels_separator="${other}"`,
    ];
  });
}
