/** Finds images that are nearly the same, such as copies in another size or quality, by a perceptual hash and by colours. */
import type { Split } from "../batch.ts";
import { JUDGES, placeOf, type Trait } from "./leaks.ts";
import type { IndexedSample } from "./sample_index.ts";

/** The size that images are shrunk to: each row gives eight differences of neighbours. */
export const THUMBNAIL = { height: 8, width: 9 } as const;
/** Differences of grey up to this are noise of compression. */
const NOISE = 4;
/** Bits of two hashes that may differ, and the root mean square of the differences of bytes. */
const MOST_BITS = 6, MOST_DIFFERENCE = 8;
/** Images whose grey varies by less (standard deviation) look alike when they are so small: pages of text, empty ones. */
const LEAST_CONTRAST = 10;
/** Hashes are looked for by parts: of more parts than bits that may differ, near ones have one at least in common. */
const PARTS = THUMBNAIL.width - 1;
const ONES = Uint8Array.from(
  { length: 2 ** THUMBNAIL.height },
  (_, byte) => byte.toString(2).replaceAll("0", "").length,
);
const EXAMPLES = 3;

/** An image that can be compared: its thumbnail, [8, 9, 3], and the difference hash of that, 64 bits in a byte a column. */
interface Hashed {
  readonly pixels: Uint8Array;
  readonly parts: readonly number[];
}

/** A bit for each pixel and its right neighbour: whether it is the brighter one (dHash). Undefined without contrast. */
export function hashed(pixels: Uint8Array): Hashed | undefined {
  const { height, width } = THUMBNAIL;
  const grey = Float64Array.from(
    { length: height * width },
    (_, i) => 0.299 * pixels[3 * i]! + 0.587 * pixels[3 * i + 1]! + 0.114 * pixels[3 * i + 2]!,
  );
  const mean = grey.reduce((sum, value) => sum + value, 0) / grey.length;
  const variance = grey.reduce((sum, value) => sum + (value - mean) ** 2, 0) / grey.length;
  if (variance < LEAST_CONTRAST ** 2) return undefined;
  const parts = new Array<number>(PARTS).fill(0);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x + 1 < width; x++) {
      const isBrighter = grey[y * width + x]! - grey[y * width + x + 1]! > NOISE;
      parts[x] = parts[x]! << 1 | (isBrighter ? 1 : 0);
    }
  }
  return { pixels, parts };
}

/** For each image the number of the one among `known` that it is nearest to; undefined where it is near to none. */
export function findTwins(
  known: readonly (Hashed | undefined)[],
  asked: readonly (Hashed | undefined)[],
): (number | undefined)[] {
  const byPart = Array.from({ length: PARTS }, () => new Map<number, number[]>());
  known.forEach((image, number) => {
    image?.parts.forEach((part, k) => {
      const others = byPart[k]!.get(part);
      if (others === undefined) byPart[k]!.set(part, [number]);
      else others.push(number);
    });
  });
  return asked.map((image) => {
    let nearest: number | undefined, least = MOST_DIFFERENCE;
    image?.parts.forEach((part, k) => {
      for (const number of byPart[k]!.get(part) ?? []) {
        const other = known[number]!;
        if (bitsBetween(image.parts, other.parts) > MOST_BITS) continue;
        const difference = differenceOf(image.pixels, other.pixels);
        if (difference > least || (difference === least && nearest !== undefined)) continue;
        [nearest, least] = [number, difference];
      }
    });
    return nearest;
  });
}

function bitsBetween(a: readonly number[], b: readonly number[]): number {
  let count = 0;
  for (let k = 0; k < PARTS; k++) count += ONES[a[k]! ^ b[k]!]!;
  return count;
}

/** The root mean square of the differences. */
function differenceOf(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum / a.length);
}

/** What is compared of the images of a modality. */
export interface SeenImage {
  /** Of the file. */
  readonly digest: string;
  readonly thumbnail: Hashed | undefined;
}

/** Samples that are judged by an image which is nearly one of training, by split, each with that training sample. */
export type Twins = ReadonlyMap<IndexedSample, IndexedSample>;

/** Images that are the same to the byte are no twins: those are told apart from these. */
export function twinsOf(
  samples: readonly IndexedSample[],
  seen: (sample: IndexedSample) => SeenImage | undefined,
): Twins {
  const training = samples.filter(({ split }) => split === "train");
  const digests = new Set(training.flatMap((sample) => seen(sample)?.digest ?? []));
  const asked = samples.filter((sample) => {
    const image = seen(sample);
    return sample.split !== "train" && image !== undefined && !digests.has(image.digest);
  });
  const found = findTwins(
    training.map((sample) => seen(sample)?.thumbnail),
    asked.map((sample) => seen(sample)?.thumbnail),
  );
  return new Map(asked.flatMap((sample, i) => found[i] === undefined ? [] : [[sample, training[found[i]]!]]));
}

/** What a sample and its twin have in common. */
export function twinTrait(name: string, twins: Twins): Trait {
  const keyOf = ({ file, row }: IndexedSample) => `${file}:${row}`;
  const known = new Set([...twins.values()]);
  return {
    what: `nearly the image "${name}"`,
    key(sample) {
      const twin = twins.get(sample);
      return twin !== undefined ? keyOf(twin) : known.has(sample) ? keyOf(sample) : undefined;
    },
  };
}

/** A sentence for each split that has twins, with the first of them. */
export function twinWarnings(name: string, twins: Twins): string[] {
  const bySplit = Map.groupBy(twins, ([{ split }]) => split);
  return JUDGES.flatMap((split: Split) => {
    const own = bySplit.get(split) ?? [];
    if (own.length === 0) return [];
    const named = own.slice(0, EXAMPLES).map(([sample, twin]) => `${placeOf(sample)} and ${placeOf(twin)}`);
    const more = own.length > EXAMPLES ? `; and ${own.length - EXAMPLES} more` : "";
    return [
      `the image "${name}" of ${own.length} ${split} sample${
        own.length === 1 ? " is" : "s is"
      } nearly one of training, ` +
      `such as a copy in another size or quality: ${named.join("; ")}${more}`,
    ];
  });
}
