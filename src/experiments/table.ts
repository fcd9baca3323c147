/** Fills the tables of an experiment, whose rows and columns its file chooses. */
import type { ByHead } from "../runs/records.ts";
import {
  axesOf,
  ERRORS,
  type ExperimentFile,
  type Measure,
  MEASURES,
  type TableSpec,
} from "./experiment_file.ts";
import { combinations, type Levels, type PlannedRun } from "./plan_runs.ts";

/** The measures of a finished run, by head; the last head makes the prediction of the whole model. */
export type Measured = Readonly<Partial<Record<Measure, ByHead>>>;

/** A planned run, with its measures if it has finished. */
export interface MeasuredRun extends Pick<PlannedRun, "variant" | "levels" | "seed"> {
  readonly measured: Measured | undefined;
}

export interface Cell {
  /** The place of the cell: a value for each axis of the rows, and of the columns. */
  readonly row: readonly string[];
  readonly column: readonly string[];
  readonly variant: string;
  readonly levels: Levels;
  readonly head: string;
  readonly measure: Measure;
  readonly mean: number;
  /** The sample standard deviation, by n − 1; null for a single run. */
  readonly std: number | null;
  /** The number of runs that have finished, of those planned. */
  readonly runs: number;
  readonly planned: number;
  /** True where no variant in its place has a better mean, and there is another variant. */
  best: boolean;
}

export interface Table {
  readonly title: string;
  readonly note?: string;
  /** The names of the axes. */
  readonly row_axes: readonly string[];
  readonly column_axes: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly columns: readonly (readonly string[])[];
  readonly cells: readonly Cell[];
}

/** A value of an axis: its rank among the others, and its name. */
type Place = readonly [order: number, name: string];

/** Fills a table; it has no cell where no run has finished. */
export function fillTable(spec: TableSpec, file: ExperimentFile, runs: readonly MeasuredRun[]): Table {
  const { rows: rowAxes, columns: columnAxes } = axesOf(spec, file);
  const axes = [...rowAxes, ...columnAxes];
  const variants = spec.variants ?? file.variants.map(({ name }) => name);
  const heads = headsOf(runs);
  const factors = Object.keys(file.factors);
  const cells = new Map<string, Cell>();
  /** The cells of each place in which variants compete. */
  const rivals = new Map<string, Set<Cell>>();
  const rows = new Map<string, Place[]>(), columns = new Map<string, Place[]>();

  for (const combination of combinations(file.factors)) {
    for (const [order, variant] of variants.entries()) {
      const own = runs.filter((run) => run.variant === variant && isAt(run, combination));
      if (own.length === 0) continue;
      const { levels } = own[0]!;
      for (const head of axes.includes("head") ? heads : [undefined]) {
        for (const measure of spec.measures) {
          const placeOn = (axis: string): Place => {
            if (axis === "variant") return [order, spec.labels[variant] ?? variant];
            if (axis === "head") return [heads.indexOf(head!), head!];
            if (axis === "measure") return [spec.measures.indexOf(measure), MEASURES[measure]];
            // A variant that does not depend on a factor needs no row or column for each of its levels.
            const sameSide = rowAxes.includes(axis) === rowAxes.includes("variant");
            if (!(axis in levels) && sameSide) return [-1, ""];
            const level = combination[axis]!;
            return [Object.keys(file.factors[axis]!).indexOf(level), level];
          };
          const [row, column] = [rowAxes.map(placeOn), columnAxes.map(placeOn)];
          rows.set(keyOf(row), row);
          columns.set(keyOf(column), column);
          const values = own.flatMap(({ measured }) => valueOf(measured, measure, head) ?? []);
          if (values.length === 0) continue;
          const key = keyOf([...row, ...column]);
          const cell = cells.get(key) ?? {
            row: row.map(([, name]) => name),
            column: column.map(([, name]) => name),
            variant,
            levels: Object.fromEntries(
              factors.filter((factor) => factor in levels || placeOn(factor)[1] !== "")
                .map((factor) => [factor, combination[factor]!]),
            ),
            head: head ?? mainHeadOf(own)!,
            measure,
            ...spread(values),
            planned: own.length,
            best: false,
          };
          cells.set(key, cell);
          const contest = JSON.stringify([combination, head, measure]);
          rivals.set(contest, (rivals.get(contest) ?? new Set()).add(cell));
        }
      }
    }
  }
  const contests = [...rivals.values()].filter(({ size }) => size > 1);
  for (const cell of cells.values()) {
    const own = contests.filter((contest) => contest.has(cell));
    const sign = ERRORS.has(cell.measure) ? -1 : 1;
    cell.best = own.length > 0 &&
      own.every((contest) => [...contest].every(({ mean }) => sign * mean <= sign * cell.mean));
  }
  return {
    title: spec.title,
    ...(spec.note !== undefined && { note: spec.note }),
    row_axes: rowAxes,
    column_axes: columnAxes,
    rows: inOrder(rows),
    columns: inOrder(columns),
    cells: [...cells.values()],
  };
}

/** Whether a run is made at these levels; factors that it does not depend on do not count. */
export function isAt(run: { readonly levels: Levels }, combination: Levels): boolean {
  return Object.entries(run.levels).every(([factor, level]) => combination[factor] === level);
}

/** The heads of all runs: modalities first, the fused one last. */
function headsOf(runs: readonly MeasuredRun[]): string[] {
  const lists = runs.map(({ measured }) => Object.keys(measured?.accuracy ?? {}));
  // The longest lists come first, since a model of one modality has that head alone.
  return [...new Set(lists.toSorted((a, b) => b.length - a.length).flat())];
}

function mainHeadOf(runs: readonly MeasuredRun[]): string | undefined {
  return runs.flatMap(({ measured }) => Object.keys(measured?.accuracy ?? {}).at(-1) ?? [])[0];
}

function valueOf(
  measured: Measured | undefined,
  measure: Measure,
  head: string | undefined,
): number | undefined {
  const byHead = measured?.[measure];
  if (byHead === undefined) return undefined;
  return head === undefined ? Object.values(byHead).at(-1) : byHead[head];
}

function spread(values: readonly number[]): { mean: number; std: number | null; runs: number } {
  const runs = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / runs;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: runs < 2 ? null : Math.sqrt(squares / (runs - 1)), runs };
}

function keyOf(places: readonly Place[]): string {
  return JSON.stringify(places);
}

function inOrder(places: ReadonlyMap<string, readonly Place[]>): string[][] {
  return [...places.values()].toSorted((a, b) => {
    const at = a.findIndex(([order], i) => order !== b[i]![0]);
    return at < 0 ? 0 : a[at]![0] - b[at]![0];
  }).map((place) => place.map(([, name]) => name));
}
