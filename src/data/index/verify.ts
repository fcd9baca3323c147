/** Looks for faults in a data set: every image is decoded, and every sample is compared with the others. */
import type { Split } from "../batch.ts";
import { bytesOf, type ImageLocation } from "../stored_bytes.ts";
import { DecodePool } from "../workers/decode_pool.ts";
import { UserError } from "../../base/user_error.ts";
import { MISSING_CURE } from "./lacking.ts";
import { leakWarnings, textKey } from "./leaks.ts";
import { hashed, type SeenImage, THUMBNAIL, twinsOf, twinTrait, twinWarnings } from "./near_images.ts";
import { classWarnings } from "./names.ts";
import { TARGETS } from "../targets.ts";
import {
  describeFault,
  type Fault,
  type FaultKind,
  type IndexedSample,
  lacksOf,
  originKey,
  placeOf,
  type SampleIndex,
  type SplitCounts,
} from "./sample_index.ts";

export interface Verification {
  /** First those of rows that became no sample, then the others in the order of the index. */
  readonly faults: readonly Fault[];
  /** Sentences about what is lacking altogether, such as a split without samples, which training refuses. */
  readonly lacks: readonly string[];
  /** Sentences about what may be a mistake, though it can be learned from. */
  readonly warnings: readonly string[];
  /** The numbers of samples of each class or label, faulty ones among them. */
  readonly classes: readonly { readonly name: string; readonly counts: SplitCounts }[];
  readonly counts: SplitCounts;
  /** How many samples lack a modality, by those that some lack. */
  readonly lacking: readonly { readonly name: string; readonly counts: SplitCounts }[];
  /** A sentence about labels or numbers, in tasks other than classification. */
  readonly targets?: string;
  /** How many the published data set has; null where nothing is known or it was not to be compared. */
  readonly expected: Partial<SplitCounts> | null;
}

export interface VerifyOptions {
  /** Whether to compare with the counts of the published data set. */
  readonly compare: boolean;
  /** The largest number of workers that decode; as many as the machine has cores if not given. */
  readonly workers?: number;
  /** Is called as images are decoded. */
  progress?(done: number, total: number): void;
}

const SPLITS = ["train", "validation", "test"] as const;
/** Where samples of several splits are the same, the one in the last of these splits is kept. */
const KEPT_LAST: readonly Split[] = SPLITS;

/** Whether nothing is wrong: no fault, nothing lacking, no count that is not as published. */
export function isSound({ faults, lacks, counts, expected }: Verification): boolean {
  return faults.length === 0 && lacks.length === 0 &&
    wrongCounts(counts, expected).length === 0;
}

/**
 * Verifies a data set. Where samples share an id, all but one of them are faulty; where samples of several splits share
 * an image, all are faulty but those of the split that is kept.
 */
export async function verifyIndex(index: SampleIndex, options: VerifyOptions): Promise<Verification> {
  const { samples, classes, modalities } = index;
  const found = new Map<IndexedSample, Fault>();
  const add = (sample: IndexedSample, kind: FaultKind, message: string) => {
    const { file, row, id } = sample;
    // The first fault is reason enough to leave a sample out.
    if (!found.has(sample)) found.set(sample, { file, row, id, kind, message });
  };
  const texts = modalities.filter(({ kind }) => kind === "text").map(({ name }) => name);
  for (const name of texts) {
    for (const sample of samples) {
      if ((sample.inputs[name] as string | null)?.trim() === "") {
        add(sample, "empty text", `the text "${name}" is empty; ${MISSING_CURE}`);
      }
    }
  }
  compareBy(
    samples,
    ({ id }) => id,
    (sample, other) =>
      sample.split === other.split
        ? add(sample, "duplicate id", `its id "${sample.id}" is that of ${placeOf(other)} too`)
        : add(
          sample,
          "leakage",
          `its id "${sample.id}" is also in the ${other.split} split: ${placeOf(other)}`,
        ),
  );
  compareBy(samples, ({ group }) => group, (sample, other) => {
    if (sample.split === other.split) return;
    const group = `its group "${sample.group}"`;
    add(sample, "leakage", `${group} is also in the ${other.split} split: ${placeOf(other)}`);
  });
  const images = modalities.filter(({ kind }) => kind === "image").map(({ name }) => name);
  const seen = await openImages(samples, images, options, add);
  const seenAs = (name: string) => (sample: IndexedSample) => seen.get(sample)?.[name];
  const twins = new Map(images.map((name) => [name, twinsOf(samples, seenAs(name))]));
  for (const name of images) {
    compareBy(samples, (sample) => seenAs(name)(sample)?.digest, (sample, other) => {
      if (sample.split === other.split) return;
      add(sample, "leakage", `its image is also in the ${other.split} split: ${placeOf(other)}`);
    });
  }
  const countsOf = (some: readonly IndexedSample[]) => {
    const counts = { train: 0, validation: 0, test: 0 };
    for (const { split } of some) counts[split]++;
    return counts;
  };
  const { classesOf, summary } = TARGETS[index.task ?? "classification"];
  const byClass = new Map(classes.map((_, label): [number, IndexedSample[]] => [label, []]));
  for (const sample of samples) for (const label of classesOf(sample)) byClass.get(label)?.push(sample);
  return {
    faults: [...index.faults, ...samples.flatMap((sample) => found.get(sample) ?? [])],
    lacks: lacksOf(index, samples),
    warnings: [
      ...index.warnings ?? [],
      ...index.task === "regression" ? [] : classWarnings(
        classes.map((name, label) => ({ name, samples: byClass.get(label)?.length ?? 0 })),
      ),
      ...[...twins].flatMap(([name, own]) => twinWarnings(name, own)),
      ...leakWarnings(samples, [
        { what: "an id", key: ({ id }) => index.idsArePositions ? undefined : id },
        { what: "a group", key: ({ group }) => group },
        ...images.map((name) => ({
          what: `the image "${name}"`,
          key: (sample: IndexedSample) => seenAs(name)(sample)?.digest,
        })),
        ...[...twins].map(([name, own]) => twinTrait(name, own)),
        ...texts.map((name) => ({
          what: `the text "${name}"`,
          key: ({ inputs }: IndexedSample) => textKey((inputs[name] ?? "") as string),
        })),
      ]),
    ],
    classes: index.task === "regression"
      ? []
      : classes.map((name, label) => ({ name, counts: countsOf(byClass.get(label) ?? []) })),
    counts: countsOf(samples),
    lacking: modalities.map(({ name }) => ({
      name,
      counts: countsOf(samples.filter(({ inputs }) => inputs[name] === null)),
    })).filter(({ counts }) => SPLITS.some((split) => counts[split] > 0)),
    ...(summary && samples.length > 0 && { targets: summary(samples) }),
    expected: (options.compare ? index.expected : undefined) ?? null,
  };
}

/** The rows that have a fault (see `originKey`), to leave them out of training. */
export function faultyRows(faults: readonly Fault[]): ReadonlySet<string> {
  return new Set(faults.map(originKey));
}

/**
 * Calls `differ` for each sample whose key another has that is to be kept: one of the split later in `KEPT_LAST`, or an
 * earlier one of the same split. Samples without a key are left alone.
 */
function compareBy(
  samples: readonly IndexedSample[],
  key: (sample: IndexedSample) => string | undefined,
  differ: (sample: IndexedSample, kept: IndexedSample) => void,
): void {
  const ranked = samples.toSorted((a, b) => KEPT_LAST.indexOf(b.split) - KEPT_LAST.indexOf(a.split));
  const kept = new Map<string, IndexedSample>();
  for (const sample of ranked) {
    const own = key(sample);
    if (own === undefined) continue;
    const before = kept.get(own);
    if (before === undefined) kept.set(own, sample);
    else differ(sample, before);
  }
}

/** Decodes all images in workers; gives what is compared of each readable file, by modality. */
async function openImages(
  samples: readonly IndexedSample[],
  images: readonly string[],
  { workers, progress }: VerifyOptions,
  add: (sample: IndexedSample, kind: FaultKind, message: string) => void,
): Promise<Map<IndexedSample, Record<string, SeenImage>>> {
  const seen = new Map<IndexedSample, Record<string, SeenImage>>();
  using pool = new DecodePool({ filter: "bilinear", resize: THUMBNAIL }, workers);
  const jobs = samples.flatMap((sample) =>
    images.filter((name) => sample.inputs[name] !== null).map((name) => ({ sample, name }))
  );
  let next = 0;
  let done = 0;
  const work = async () => {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) {
      const { sample, name } = job;
      const image = sample.inputs[name] as ImageLocation;
      try {
        const { pixels } = await pool.decode(image);
        const own = seen.get(sample) ?? {};
        own[name] = { digest: await digestOf(image), thumbnail: hashed(pixels) };
        seen.set(sample, own);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        add(sample, "image", error.message);
      }
      progress?.(++done, jobs.length);
    }
  };
  await Promise.all(Array.from({ length: 2 * pool.size }, work));
  return seen;
}

async function digestOf(image: ImageLocation): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await bytesOf(image))).toHex();
}

/** The splits whose counts are known and other ones. */
function wrongCounts(counts: SplitCounts, expected: Partial<SplitCounts> | null): Split[] {
  return SPLITS.filter((split) => counts[split] !== (expected?.[split] ?? counts[split]));
}

/** One line for every count that is not as published, everything that is lacking and every fault. */
export function verificationLines({ faults, lacks, counts, expected }: Verification): string[] {
  return [
    ...wrongCounts(counts, expected).map((split) =>
      `the ${split} split has ${counts[split]} samples, not ${expected![split]}`
    ),
    ...lacks,
    ...faults.map((fault) => `${describeFault(fault)} [${fault.kind}]`),
  ];
}
