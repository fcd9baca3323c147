/** Finds the samples of a run again in its data set as it is now, and says what changed since. */
import { UserError } from "../../base/user_error.ts";
import type { Split } from "../batch.ts";
import { TARGETS } from "../targets.ts";
import { type IndexedSample, originKey, type SampleIndex } from "./sample_index.ts";

/** A sample as the run knew it. */
export interface KeptSample {
  readonly id: string;
  readonly split: Split;
  /** The name of its class, or what else it is to be told, as `TARGETS` have it. */
  readonly label: string;
  /** See `digestSamples`. */
  readonly digest: string;
}

/** The fate of the samples of one split. */
export interface SplitChanges {
  /** How many samples have the same inputs and label in the same split. */
  same: number;
  /** Here and below one line stands for a sample: where it is, and what is different. */
  readonly added: string[];
  readonly removed: string[];
  readonly changed: string[];
}

export type Changes = Readonly<Record<Split, SplitChanges>>;

export interface Reconciled {
  /** In the order the run knew them, then those that are new. */
  readonly samples: readonly IndexedSample[];
  /** One for each of `samples`. */
  readonly digests: readonly string[];
  readonly changes: Changes;
  /** Sentences about classes that are worth saying. */
  readonly notes: readonly string[];
  /** The samples of classes that the run does not know, by the name of the class; their label is -1. */
  readonly unknown: ReadonlyMap<string, readonly IndexedSample[]>;
}

export interface ReconcileOptions {
  /** The classes of the run. */
  readonly classes: readonly string[];
  readonly kept: readonly KeptSample[];
  /** Splits that the run drew itself: the data set has their samples among those for training. */
  readonly drawn: readonly Split[];
  /** Samples that the run left out, by `originKey`. */
  readonly skipped: ReadonlySet<string>;
}

/**
 * Takes the splits of the run for the samples it knew and its numbers for their classes; `digests` are those of
 * `index.samples`. A sample is known by its id or, where ids only count rows, by its contents.
 */
export function reconcile(
  index: SampleIndex,
  digests: readonly string[],
  options: ReconcileOptions,
): Reconciled {
  const { classes, kept, drawn } = options;
  const targets = TARGETS[index.task ?? "classification"];
  const found = index.samples.map((sample, i): Found => {
    const { split } = sample;
    return { sample, split, label: targets.text(sample, index.classes), digest: digests[i]! };
  });
  const { idsArePositions = false } = index;
  const { pairs, fresh } = pair(kept, found, { ...options, idsArePositions });
  const changes: Changes = { train: none(), validation: none(), test: none() };
  const samples: IndexedSample[] = [];
  const digestsNow: string[] = [];
  const unknown = new Map<string, IndexedSample[]>();
  const take = ({ sample, digest }: Found, split: Split) => {
    const target = targets.relabel(sample, index.classes, classes);
    const isKnown = !("unknown" in target);
    const taken = { ...sample, split, ...(isKnown ? target : { label: -1 }) };
    samples.push(taken);
    digestsNow.push(digest);
    if (!isKnown) unknown.set(target.unknown, [...unknown.get(target.unknown) ?? [], taken]);
  };
  for (const before of kept) {
    const now = pairs.get(before);
    if (now === undefined) {
      changes[before.split].removed.push(`${before.id}: is gone`);
      continue;
    }
    const { sample, digest, label } = now;
    // A drawn sample still stands among those for training.
    const isMoved = sample.split !== before.split &&
      !(sample.split === "train" && drawn.includes(before.split));
    const split = isMoved ? sample.split : before.split;
    const what = [
      ...(isMoved ? [`was in the ${before.split} split`] : []),
      ...(label !== before.label ? [`its label was "${before.label}" and is "${label}"`] : []),
      ...(digest !== before.digest ? ["its inputs changed"] : []),
    ];
    if (what.length === 0) changes[split].same++;
    else changes[split].changed.push(`${placeOf(sample)}: ${what.join(", ")}`);
    // Both splits are other ones than they were.
    if (isMoved) changes[before.split].removed.push(`${placeOf(sample)}: is in the ${split} split now`);
    take(now, split);
  }
  for (const one of fresh) {
    changes[one.split].added.push(`${placeOf(one.sample)}: is new`);
    take(one, one.split);
  }
  return { samples, digests: digestsNow, changes, unknown, notes: classNotes(classes, kept, index, samples) };
}

/** Throws a UserError where samples of a split are of a class that the run cannot know. */
export function mustKnowClasses(
  { unknown }: Reconciled,
  splits: readonly Split[],
  classes: readonly string[],
): void {
  for (const [name, all] of unknown) {
    const own = all.filter(({ split }) => splits.includes(split));
    if (own.length === 0) continue;
    throw new UserError(
      `The run knows no class "${name}", which ${counted(own.length, "sample")} of the ${
        own[0]!.split
      } split ${own.length === 1 ? "has" : "have"} (first: ${placeOf(own[0]!)}); its classes are ` +
        `${classes.join(", ")}: was one renamed? Give it its name of training back, or train anew`,
    );
  }
}

export function hasChanges({ added, removed, changed }: SplitChanges): boolean {
  return added.length + removed.length + changed.length > 0;
}

/** `The test split changed since training: 2 samples are new, 1 is gone, 3 are different (first: items.csv, row 7: …)`; undefined if not. */
export function describeChanges(split: Split, changes: SplitChanges): string | undefined {
  if (!hasChanges(changes)) return undefined;
  const { added, removed, changed, same } = changes;
  const parts = [[added, "new"], [removed, "gone"], [changed, "different"]] as const;
  const counts = parts.filter(([lines]) => lines.length > 0).map(([{ length }, what]) =>
    `${length} ${length === 1 ? "is" : "are"} ${what}`
  );
  const first = [...changed, ...removed, ...added][0]!;
  return `The ${split} split changed since training: of its samples ${counts.join(", ")}, ${same} ${
    same === 1 ? "is" : "are"
  } the same (first: ${first})`;
}

/** A sample of the index, with its class and digest. */
type Found = Omit<KeptSample, "id"> & { readonly sample: IndexedSample };

/** Pairs each sample that the run knew with the one it is now; none of either side is taken twice. */
function pair(
  kept: readonly KeptSample[],
  found: readonly Found[],
  { idsArePositions, drawn, skipped }: ReconcileOptions & { readonly idsArePositions: boolean },
): { pairs: Map<KeptSample, Found>; fresh: Found[] } {
  const pairs = new Map<KeptSample, Found>();
  const left = new Set(found.filter(({ sample }) => !skipped.has(originKey(sample))));
  // The best matches go first. Where ids count rows, a row that moved is known by its contents, and one that was edited
  // by its place.
  const keys: ((of: KeptSample) => string)[] = idsArePositions
    ? [
      ({ id, digest }) => `${id} ${digest}`,
      ({ digest, split, label }) => `${digest} ${drawn.includes(split) ? "train" : split} ${label}`,
      ({ digest }) => digest,
      ({ id }) => id,
    ]
    : [({ id, digest }) => `${id} ${digest}`, ({ id }) => id];
  for (const key of keys) {
    const byKey = Map.groupBy(left, ({ sample: { id }, ...rest }) => key({ id, ...rest }));
    for (const before of kept) {
      if (pairs.has(before)) continue;
      const now = byKey.get(key(before))?.shift();
      if (now === undefined) continue;
      pairs.set(before, now);
      left.delete(now);
    }
  }
  return { pairs, fresh: [...left] };
}

function classNotes(
  classes: readonly string[],
  kept: readonly KeptSample[],
  index: SampleIndex,
  samples: readonly IndexedSample[],
): string[] {
  const targets = TARGETS[index.task ?? "classification"];
  const before = new Set(kept.flatMap(({ label }) => targets.namesIn(label)));
  const now = new Set(samples.flatMap((one) => targets.classesOf(one)).map((number) => classes[number]));
  const gone = classes.filter((name) => before.has(name) && !now.has(name));
  const fresh = index.classes.filter((name) => !classes.includes(name));
  const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(", ");
  if (gone.length > 0 && fresh.length > 0) {
    return [
      `The class ${quoted(gone)} has no samples any more, and ${quoted(fresh)} is new: was it renamed?`,
    ];
  }
  return [
    ...(gone.length > 0 ? [`The class ${quoted(gone)} has no samples any more`] : []),
    ...(fresh.length > 0 ? [`The class ${quoted(fresh)} is new; the run does not know it`] : []),
  ];
}

function none(): SplitChanges {
  return { same: 0, added: [], removed: [], changed: [] };
}

function placeOf({ file, row }: IndexedSample): string {
  return `${file}, row ${row}`;
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}
