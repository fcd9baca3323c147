/** What a data set on disk says it holds, before any image is opened. */
import { UserError } from "../../base/user_error.ts";
import type { Split } from "../batch.ts";

/** Where a sample is listed. */
export interface Origin {
  readonly file: string;
  /** From 1: the line of a CSV or JSONL file, the number of an element in a JSON file. */
  readonly row: number;
}

/** What a modality has of a sample: the path of an image, a text, or numbers. */
export type Input = string | Float32Array;

export interface IndexedSample extends Origin {
  readonly id: string;
  readonly label: number;
  split: Split;
  /** By the name of the modality. */
  readonly inputs: Readonly<Record<string, Input>>;
}

/** One way the samples are seen; `width` counts the numbers of a feature vector. */
export type IndexedModality =
  | { readonly name: string; readonly kind: "image" | "text" }
  | { readonly name: string; readonly kind: "features"; readonly width: number };

/** What can be wrong with a sample. */
export type FaultKind =
  | "row"
  | "label"
  | "image"
  | "text"
  | "features"
  | "empty text"
  | "duplicate id"
  | "leakage";

export interface Fault extends Origin {
  readonly kind: FaultKind;
  /** Of the sample, empty where the row has none. */
  readonly id: string;
  readonly message: string;
}

export interface SampleIndex {
  readonly name: string;
  readonly classes: readonly string[];
  readonly modalities: readonly IndexedModality[];
  readonly samples: readonly IndexedSample[];
  /** Whether the training samples stand in for a validation split, so that none need be held back. */
  readonly validatesOnTraining?: boolean;
  /** Of rows that became no sample. */
  readonly faults: readonly Fault[];
  /** How many samples the published data set has. */
  readonly expected?: Readonly<Record<Split, number>>;
}

/** One line that says where a fault is and what it is. */
export function describeFault({ file, row, message }: Fault): string {
  return `${file}, row ${row}: ${message}`;
}

/** Names a row of a data set, in all runs. */
export function originKey({ file, row }: Origin): string {
  return `${file}:${row}`;
}

/**
 * The samples of an index that are not among `skipped` (see `originKey`). Throws a UserError, naming the first of them,
 * where there are faults that are not skipped, and where a split is left without samples.
 */
export function soundSamples(index: SampleIndex, skipped: ReadonlySet<string>): IndexedSample[] {
  const open = index.faults.filter((fault) => !skipped.has(originKey(fault)));
  if (open.length > 0) {
    const others = open.length === 1 ? "" : ` (and ${open.length - 1} more)`;
    throw new UserError(
      `${
        describeFault(open[0]!)
      }${others}; "unis data verify" lists all faults, --skip-bad trains without such samples`,
    );
  }
  const samples = index.samples.filter((sample) => !skipped.has(originKey(sample)));
  if (index.validatesOnTraining) {
    const training = samples.filter(({ split }) => split === "train");
    samples.push(...training.map((sample) => ({ ...sample, split: "validation" as const })));
  }
  for (const split of ["train", "validation", "test"] as const) {
    if (samples.some((sample) => sample.split === split)) continue;
    throw new UserError(`The data set ${index.name} has no samples in its ${split} split`);
  }
  return samples;
}
