/** Gathers the samples of a data set while its rows are read, and the faults of rows that are no samples. */
import { UserError } from "../../base/user_error.ts";
import type { Split } from "../batch.ts";
import { drawStratified } from "./draw.ts";
import type { InnerPaths } from "./inner_path.ts";
import { cleanName } from "./names.ts";
import type { Fault, FaultKind, IndexedSample, Origin } from "./sample_index.ts";

/** Thrown where a row is no sample; `at` names the fault's place where it is not the row itself. */
export class BadRow extends Error {
  constructor(readonly kind: FaultKind, message: string, readonly at?: Origin) {
    super(message);
  }
}

/** Gathers the samples of a data set, and what is wrong with the rows that are none. */
export class IndexBuilder {
  readonly samples: IndexedSample[] = [];
  readonly faults: Fault[] = [];

  /** Takes what `read` gives as a sample; a `BadRow` that it throws as a fault. */
  row(origin: Origin, id: string, read: () => Pick<IndexedSample, "label" | "split" | "inputs">): void {
    try {
      this.samples.push({ ...origin, id, ...read() });
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      const { kind, message, at = origin } = error;
      this.faults.push({ file: at.file, row: at.row, id, kind, message });
    }
  }
}

/** The path of a sample's file. Throws a `BadRow` of that kind where there is none. */
export function pathOf(kind: "image" | "text", paths: InnerPaths, relative: string): string {
  try {
    return paths.find(relative);
  } catch (error) {
    if (error instanceof UserError) throw new BadRow(kind, `cannot use the ${kind}: ${error.message}`);
    throw error;
  }
}

/** The number of the class that a cell names, blanks around it aside. Throws a `BadRow` where there is no such class. */
export function labelOf(cell: string, numbers: ReadonlyMap<string, number>): number {
  const name = cleanName(cell);
  const label = numbers.get(name);
  if (label === undefined) {
    throw new BadRow("label", name === "" ? "has no label" : `unknown label "${name}"`);
  }
  return label;
}

/** The numbers of classes by name, in the order of a list. */
export function numbersOf(classes: readonly string[]): Map<string, number> {
  return new Map(classes.map((name, number) => [name, number]));
}

/**
 * Puts `count` of the training samples into another split, drawn from every class alike. Throws a UserError that names
 * `key` where there are too few, unless that is because of faults, which then matter more.
 */
export function holdBack(
  { samples, faults }: IndexBuilder,
  split: Split,
  { count, seed, key }: { readonly count: number; readonly seed: number; readonly key: string },
): void {
  const training = samples.filter((sample) => sample.split === "train");
  if (training.length === 0) return; // that there are none is told of every data set alike
  let drawn: number[];
  try {
    drawn = drawStratified(training.map(({ label }) => label), count, seed);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    if (faults.length > 0) return;
    throw new UserError(`"${key}" is too much: ${error.message}`);
  }
  for (const index of drawn) training[index]!.split = split;
}
