/** How answers of each task stand in the cells of predictions.csv. */
import { joinNames, splitNames, type TaskName } from "../data/targets.ts";
import type { Values } from "../metrics/answers.ts";

/** In place of the class that a head answers, where a sample lacks its modality. */
export const NO_ANSWER = 2 ** 32 - 1;

/** How a task writes answers into cells, and reads them. */
export interface AnswerCells {
  /** What stands behind the name of a head. */
  readonly suffix: string;
  /** Whether the file says the probability of every class as well. */
  readonly hasShares: boolean;
  /** What stands for an answer where there is none. */
  silent(classes: number): readonly number[];
  text(values: Values, classes: readonly string[]): string;
  /** Undefined where a cell holds none. */
  read(
    cell: string,
    classes: readonly string[],
    numbers: ReadonlyMap<string, number>,
  ): readonly number[] | undefined;
}

/** By tasks. */
export const CELLS: Readonly<Record<TaskName, AnswerCells>> = {
  classification: {
    suffix: "_class",
    hasShares: true,
    silent: () => [NO_ANSWER],
    text: ([value], classes) => classes[value!]!,
    read(cell, _, numbers) {
      const number = numbers.get(cell);
      return number === undefined ? undefined : [number];
    },
  },
  multi_label: {
    suffix: "_labels",
    hasShares: true,
    silent: (classes) => new Array<number>(classes).fill(0),
    text: (values, classes) => joinNames(classes.filter((_, k) => values[k] === 1)),
    read(cell, classes, numbers) {
      const names = splitNames(cell);
      if (!names.every((name) => numbers.has(name))) return undefined;
      return classes.map((name) => Number(names.includes(name)));
    },
  },
  regression: {
    suffix: "_value",
    hasShares: false,
    silent: () => [NaN],
    text: ([value]) => String(value),
    read(cell) {
      const value = cell === "" ? NaN : Number(cell);
      return Number.isNaN(value) && cell !== "NaN" ? undefined : [value];
    },
  },
};
