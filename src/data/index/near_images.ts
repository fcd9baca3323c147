/** Finds images that are nearly the same, such as copies in another size or quality, by a perceptual hash and by colours. */
import type { Split } from "../batch.ts";
import { JUDGES, type Trait } from "./leaks.ts";
import { type IndexedSample, originKey, placeOf } from "./sample_index.ts";

/** The size that images are shrunk to: each row gives eight differences of neighbours. */
export const THUMBNAIL = { height: 8, width: 9 } as const;
/** Differences of grey up to this are noise of compression. */
const NOISE = 4;
/** Bits of two hashes that may differ, and the root mean square of the differences of bytes. */
const MOST_BITS = 5, MOST_DIFFERENCE = 8;
/** Images whose grey varies by less (standard deviation) look alike when they are so small: pages of text, empty ones. */
const LEAST_CONTRAST = 10;
/**
 * Hashes are looked for by their bytes, one a column: near ones have so many in common that it suffices to look for the
 * `LOOKED_FOR` that the fewest images have. Most images of things on a plain ground have the outer ones.
 */
const LOOKED_FOR = MOST_BITS + 1;
const PARTS = THUMBNAIL.width - 1;
const EXAMPLES = 3;

/** An image that can be compared: its thumbnail, [8, 9, 3], and the difference hash of that, 64 bits in a byte a column. */
interface Hashed {
  readonly pixels: Uint8Array;
  readonly parts: readonly number[];
  /** The same as two words of 32 bits. */
  readonly left: number;
  readonly right: number;
  /** Of all bytes: means differ by no more than the root mean square does. */
  readonly mean: number;
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
  const [left, right] = [parts.slice(0, 4), parts.slice(4)].map((four) =>
    four.reduce((word, part) => word << 8 | part)
  );
  return {
    pixels,
    parts,
    left: left!,
    right: right!,
    mean: pixels.reduce((sum, value) => sum + value, 0) / pixels.length,
  };
}

/** For each image the number of the one among `known` that it is nearest to; undefined where it is near to none. */
export function findTwins(
  known: readonly (Hashed | undefined)[],
  asked: readonly (Hashed | undefined)[],
): (number | undefined)[] {
  const numbered = known.flatMap((image, number) => image === undefined ? [] : [{ ...image, number }]);
  numbered.sort((a, b) => a.mean - b.mean);
  const byPart = Array.from({ length: PARTS }, () => new Map<number, typeof numbered>());
  for (const image of numbered) {
    image.parts.forEach((part, k) => {
      const others = byPart[k]!.get(part);
      if (others === undefined) byPart[k]!.set(part, [image]);
      else others.push(image);
    });
  }
  return asked.map((image) => {
    if (image === undefined) return undefined;
    const lists = image.parts.map((part, k) => byPart[k]!.get(part) ?? []).sort((a, b) =>
      a.length - b.length
    );
    let nearest: number | undefined, least = Infinity;
    for (const list of lists.slice(0, LOOKED_FOR)) {
      for (let at = firstFrom(list, image.mean - MOST_DIFFERENCE); at < list.length; at++) {
        const other = list[at]!;
        if (other.mean > image.mean + MOST_DIFFERENCE) break;
        if (bitsBetween(image, other) > MOST_BITS) continue;
        const difference = differenceOf(image.pixels, other.pixels);
        if (difference > MOST_DIFFERENCE || difference >= least) continue;
        [nearest, least] = [other.number, difference];
      }
    }
    return nearest;
  });
}

/** The first place in a list by means where the mean is at least this. */
function firstFrom(list: readonly { readonly mean: number }[], mean: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]!.mean < mean) low = middle + 1;
    else high = middle;
  }
  return low;
}

function bitsBetween(a: Hashed, b: Hashed): number {
  return onesIn(a.left ^ b.left) + onesIn(a.right ^ b.right);
}

/** The bits of a 32-bit word that are set, counted in pairs, in fours, in bytes, and those added up. */
function onesIn(word: number): number {
  const pairs = word - (word >>> 1 & 0x55555555);
  const fours = (pairs & 0x33333333) + (pairs >>> 2 & 0x33333333);
  return Math.imul(fours + (fours >>> 4) & 0x0f0f0f0f, 0x01010101) >>> 24;
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
  const known = new Set([...twins.values()]);
  return {
    what: `nearly the image "${name}"`,
    key(sample) {
      const twin = twins.get(sample);
      return twin !== undefined ? originKey(twin) : known.has(sample) ? originKey(sample) : undefined;
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
