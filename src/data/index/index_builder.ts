/** Gathers the samples of a data set while its rows are read, and the faults of rows that are no samples. */
import { UserError } from "../../base/user_error.ts";
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
  row(
    origin: Origin,
    id: string,
    read: () => Pick<IndexedSample, "label" | "target" | "split" | "inputs" | "group" | "weight">,
  ): void {
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
  return ofFile(kind, () => paths.find(relative));
}

/** The value that `read` takes from a sample's file. Throws a `BadRow` of that kind where the file cannot be used. */
export function ofFile<T>(kind: "image" | "text", read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UserError) throw new BadRow(kind, `cannot use the ${kind}: ${error.message}`);
    throw error;
  }
}

/**
 * The number of the class that a cell names, blanks around it aside. Throws a `BadRow` where there is no such class;
 * `why` goes on where it says which classes there are.
 */
export function labelOf(cell: string, numbers: ReadonlyMap<string, number>, why = ""): number {
  const name = cleanName(cell);
  const label = numbers.get(name);
  if (label === undefined) {
    throw new BadRow("label", name === "" ? "has no label" : `unknown label "${name}"${why}`);
  }
  return label;
}

/** The numbers of classes by name, in the order of a list. */
export function numbersOf(classes: readonly string[]): Map<string, number> {
  return new Map(classes.map((name, number) => [name, number]));
}
