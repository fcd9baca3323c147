/** Describes the samples that a data set on disk lists, before any image is opened. */
import { UserError } from "../../base/user_error.ts";
import type { Split } from "../batch.ts";
import type { ImageSource } from "../modalities.ts";
import type { ImageLocation } from "../stored_bytes.ts";
import type { FeatureReading, FeatureRow } from "../feature_cells.ts";
import { type Target, TARGETS, type TaskName } from "../targets.ts";
import { dealGroups, drawStratified } from "./draw.ts";

const SPLITS = ["train", "validation", "test"] as const;

export type SplitCounts = Readonly<Record<Split, number>>;

/** The place where a sample is listed. */
export interface Origin {
  readonly file: string;
  /** From 1: the line of a CSV or JSONL file, the number of an element in a JSON file. */
  readonly row: number;
}

/** One sample as one modality sees it: where an image is, a text, or numbers. */
export type Input = ImageLocation | FeatureRow;

export interface IndexedSample extends Origin, Target {
  readonly id: string;
  split: Split;
  /** Samples of one group are not independent (one patient, one page): they should lie in one split. */
  readonly group?: string;
  /** By the name of the modality; null where the sample lacks it. */
  readonly inputs: Readonly<Record<string, Input | null>>;
  /** What it counts in training; 1 if not given. */
  readonly weight?: number;
  /** False where a mirror image would show something else; true if not given. */
  readonly isMirrorable?: boolean;
}

/** One way the samples are seen. */
export type IndexedModality =
  | {
    readonly name: string;
    readonly kind: "image";
    /** The byte value of what training uncovers when it shifts an image; grey if not given. */
    readonly background?: number;
    /** Images that are small enough to be kept as they are, so that training varies them at full resolution. */
    openOriginals?(paths: readonly string[]): Promise<ImageSource>;
  }
  | {
    readonly name: string;
    readonly kind: "text";
    /** True where the order of the words means nothing, so that training shuffles them. */
    readonly isSet?: boolean;
    /** True where the texts of the index went through `cleanText`. */
    readonly isCleaned?: boolean;
  }
  | {
    readonly name: string;
    readonly kind: "features";
    /** How many cells there are. */
    readonly width: number;
    /** How cells are read that are not numbers alone; what becomes of them is then fitted and kept. */
    readonly reading?: FeatureReading;
    /** Their names, where the data set has any. */
    readonly columns?: readonly string[];
  };

/** A split that the data set does not bring: so many of the training samples are drawn into it. */
export interface Draw {
  readonly split: Split;
  readonly count: number;
  readonly seed: number;
  /** Where all samples are dealt into folds: which of them it is, from 1. */
  readonly fold?: Fold;
  /** The key of the configuration that asks for it. */
  readonly key: string;
}

export interface Fold {
  readonly number: number;
  readonly of: number;
}

/** The kinds of faults that a sample can have. */
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
  /** The id of the sample; empty where the row has none. */
  readonly id: string;
  readonly message: string;
}

export interface SampleIndex {
  readonly name: string;
  /** The path of the file or folder that was read. */
  readonly source: string;
  /** Classification if not given. */
  readonly task?: TaskName;
  readonly classes: readonly string[];
  readonly modalities: readonly IndexedModality[];
  readonly samples: readonly IndexedSample[];
  /** Whether the training samples stand in for a validation split, so that none need be held back. */
  readonly validatesOnTraining?: boolean;
  /** The faults of rows that became no sample. */
  readonly faults: readonly Fault[];
  /** Sentences about what may be a mistake, though it can be learned from. */
  readonly warnings?: readonly string[];
  /** To be made in this order by `drawSplits`; none where the data set says all splits itself. */
  readonly draws?: readonly Draw[];
  /** True where ids only count rows, so that a row that is moved has another. */
  readonly idsArePositions?: boolean;
  /** How many samples the published data set has, where that is known. */
  readonly expected?: Partial<SplitCounts>;
}

/** One line that says where a fault is and what it is. */
export function describeFault(fault: Fault): string {
  return `${placeOf(fault)}: ${fault.message}`;
}

/** A row of a data set as messages name it. */
export function placeOf({ file, row }: Origin): string {
  return `${file}, row ${row}`;
}

/** Names a row of a data set, in all runs. */
export function originKey({ file, row }: Origin): string {
  return `${file}:${row}`;
}

/**
 * Draws the splits that a data set does not bring, each class keeping its share and groups staying together. Throws a
 * UserError that names the key where too much is asked for, unless that is because of faults, which then matter more.
 */
export function drawSplits({ task, samples, faults, draws = [] }: SampleIndex): void {
  for (const draw of draws) {
    const training = samples.filter((sample) => sample.split === "train");
    if (training.length === 0) return; // that there are none is told of every data set alike
    try {
      for (const at of drawn(training, draw, task)) training[at]!.split = draw.split;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      if (faults.length > 0) return;
      throw new UserError(`"${draw.key}" is too much: ${error.message}`);
    }
  }
}

/** The indices of the samples that are drawn. */
function drawn(
  training: readonly IndexedSample[],
  { count, seed, fold }: Draw,
  task: TaskName = "classification",
): number[] {
  const labels = TARGETS[task].strata(training);
  const hasGroups = training.some(({ group }) => group !== undefined);
  if (fold === undefined && (!hasGroups || count === 0)) return drawStratified(labels, count, seed);
  const share = count / training.length;
  const shares = fold === undefined ? [1 - share, share] : new Array<number>(fold.of).fill(1 / fold.of);
  const own = fold === undefined ? 1 : fold.number - 1;
  const groups = training.map(({ group }, at) => group ?? at);
  return dealGroups(labels, groups, shares, seed).flatMap((part, at) => part === own ? [at] : []);
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
  const [lack] = lacksOf(index, samples);
  if (lack !== undefined) throw new UserError(lack);
  return samples;
}

/** Sentences that say what these samples of an index lack to be learned from: samples at all, in a split, a second class. */
export function lacksOf(
  { source, task, classes, validatesOnTraining }: SampleIndex,
  samples: readonly IndexedSample[],
): string[] {
  if (samples.length === 0) return [`${source} has no samples`];
  const empty = SPLITS.filter((split) =>
    !(split === "validation" && validatesOnTraining) && !samples.some((sample) => sample.split === split)
  );
  return [
    ...empty.map((split) => `${source} has no samples in its ${split} split`),
    ...lackingTargets(source, task, classes, samples),
  ];
}

/** A sentence about samples whose id an earlier one has; none where there are no such samples. */
export function sharedIds(samples: readonly IndexedSample[]): string[] {
  const known = new Set<string>();
  const shared = samples.filter(({ id }) => known.has(id) || (known.add(id), false));
  if (shared.length === 0) return [];
  const [first] = shared as [IndexedSample];
  return [
    `${shared.length} ${shared.length === 1 ? "sample has" : "samples have"} the id of an earlier one ` +
    `(first "${first.id}", ${placeOf(first)}); "unis data verify" lists them, --skip-bad leaves them out`,
  ];
}

function lackingTargets(
  source: string,
  task: TaskName = "classification",
  classes: readonly string[],
  samples: readonly IndexedSample[],
): string[] {
  if (task === "classification") {
    if (classes.length > 1) return [];
    return [`${source} has one class alone, "${classes[0]}": there is nothing to learn`];
  }
  const training = samples.filter(({ split }) => split === "train").map((one) =>
    TARGETS[task].text(one, classes)
  );
  if (training.length === 0 || new Set(training).size > 1) return [];
  const what = task === "regression" ? "number" : "labels";
  return [
    `all training samples of ${source} have the same ${what}, "${training[0]}": there is nothing to learn`,
  ];
}
