/**
 * How the cells of a feature vector become features: a number is one, and so is whether it was missing, where that
 * happened in training; a category is one for each name that training knew, of which at most one is 1.
 */

/** The cells of a sample: numbers, NaN where one is missing, and names of categories. */
export type FeatureRow = ArrayLike<number | string>;

/** How cells are understood. */
export interface FeatureReading {
  /** What stands before fractions in texts. */
  readonly decimal: "." | ",";
  /** Whether a cell may be empty, or say that its value is missing ("NA", "nan"). */
  readonly allowsMissing: boolean;
  /** Which cells are names of categories, by their place. */
  readonly categories: ReadonlySet<number>;
}

/** Numbers alone, all of them there. */
export const PLAIN_NUMBERS: FeatureReading = { decimal: ".", allowsMissing: false, categories: new Set() };

/** What training found out about a cell. */
export type FeatureCell = NumberCell | CategoryCell;

interface NumberCell {
  readonly column: string;
  /** In place of a number that is missing; null where none may be. */
  readonly mean: number | null;
  /** Whether a second feature says that the number was missing. */
  readonly indicator: boolean;
}

interface CategoryCell {
  readonly column: string;
  /** The names that training knew, sorted. Another one is none of them: all of its features are 0. */
  readonly categories: readonly string[];
}

/** Fits the cells of a feature vector to the rows of training. */
export function fitCells(
  columns: readonly string[],
  rows: readonly FeatureRow[],
  { allowsMissing, categories }: FeatureReading,
): FeatureCell[] {
  return columns.map((column, place): FeatureCell => {
    const values = rows.map((row) => row[place]!);
    if (categories.has(place)) return { column, categories: [...new Set(values as string[])].sort() };
    const numbers = (values as number[]).filter((value) => !Number.isNaN(value));
    const mean = numbers.reduce((sum, value) => sum + value, 0) / Math.max(1, numbers.length);
    return { column, mean: allowsMissing ? mean : null, indicator: numbers.length < values.length };
  });
}

/** How the cells are read that were fitted so. */
export function readingOf(cells: readonly FeatureCell[], decimal: "." | ","): FeatureReading {
  return {
    decimal,
    allowsMissing: cells.some((cell) => "mean" in cell && cell.mean !== null),
    categories: new Set(cells.flatMap((cell, place) => "categories" in cell ? [place] : [])),
  };
}

/** The names of the features that cells become: `age`, `age is missing`, `colour = red`. */
export function featureNames(cells: readonly FeatureCell[]): string[] {
  return cells.flatMap((cell) =>
    "categories" in cell
      ? cell.categories.map((name) => `${cell.column} = ${name}`)
      : [cell.column, ...(cell.indicator ? [`${cell.column} is missing`] : [])]
  );
}

/** The features of a row, in the order of `featureNames`. */
export function featuresIn(row: FeatureRow, cells: readonly FeatureCell[]): Float32Array {
  return Float32Array.from(cells.flatMap((cell, place) => {
    const value = row[place]!;
    if ("categories" in cell) return cell.categories.map((name) => Number(name === value));
    const isMissing = Number.isNaN(value);
    return [isMissing ? cell.mean ?? 0 : value as number, ...(cell.indicator ? [Number(isMissing)] : [])];
  }));
}
