/** Mixes the images of a batch with each other: mixup (Zhang et al., 2018) and CutMix (Yun et al., 2019). */
import type { Random } from "../../base/random.ts";
import { type Batch, type ImageBatch, placeIn } from "../batch.ts";

/** α of the distribution Beta(α, α) of shares, 0 for none; where both mix, each sample is mixed either way as often. */
export interface Mixing {
  readonly mixup: number;
  readonly cutmix: number;
}

/** How a sample is mixed, with a share of at least ½ of its own. */
interface Drawn {
  readonly share: number;
  /** The middle of the part that is cut out, as shares of width and height; all pixels are averaged if not given. */
  readonly middle?: readonly [number, number];
}

/**
 * Mixes every image of a batch with that of another sample, its partner, and says in `mix` how: pixels are changed where they
 * are. Partners are a permutation, in which none is its own. Averages are rounded to bytes. Shares are those of pixels, after
 * rounding of what is cut out. Samples that lack an image stay as they are, and so does a batch that leaves fewer than two.
 */
export function mixImages(batch: Batch, mixing: Mixing, random: Random): Batch {
  const images = Object.values(batch.modalities).filter((input) => input.kind === "image");
  const partners = Uint32Array.from({ length: batch.size }, (_, row) => row);
  // A circle of samples, of which each is mixed with the next: none is changed before the one that takes from it.
  const circle = partners.filter((row) => images.every((input) => placeIn(input, row) !== undefined));
  if (images.length === 0 || circle.length < 2) return batch;
  random.shuffle(circle);
  const shares = new Float32Array(batch.size).fill(1);
  const firsts = images.map((input) => imageOf(input, circle[0]!).slice());
  circle.forEach((row, at) => {
    const isLast = at === circle.length - 1;
    const partner = partners[row] = circle[isLast ? 0 : at + 1]!;
    const drawn = drawShare(mixing, random);
    const own = images.map((input, i) =>
      mixInto(imageOf(input, row), isLast ? firsts[i]! : imageOf(input, partner), drawn, input)
    );
    shares[row] = own.reduce((sum, share) => sum + share, 0) / images.length;
  });
  return { ...batch, mix: { partners, shares } };
}

function drawShare({ mixup, cutmix }: Mixing, random: Random): Drawn {
  const cuts = cutmix > 0 && (mixup === 0 || random.uniform() < 0.5);
  const drawn = random.beta(cuts ? cutmix : mixup);
  const share = Math.max(drawn, 1 - drawn);
  return cuts ? { share, middle: [random.uniform(), random.uniform()] } : { share };
}

/** The pixels of a sample that has the image. */
function imageOf(input: ImageBatch, row: number): Uint8Array {
  const size = input.height * input.width * 3, at = placeIn(input, row)! * size;
  return input.pixels.subarray(at, at + size);
}

/** Mixes an image into another, and gives the share that is left of it. */
function mixInto(
  own: Uint8Array,
  other: Uint8Array,
  { share, middle }: Drawn,
  { height, width }: ImageBatch,
): number {
  if (middle === undefined) {
    for (let at = 0; at < own.length; at++) own[at] = share * own[at]! + (1 - share) * other[at]! + 0.5;
    return share;
  }
  const side = Math.sqrt(1 - share);
  const [left, right] = within(middle[0], side, width), [top, bottom] = within(middle[1], side, height);
  for (let y = top; y < bottom; y++) {
    const from = (y * width + left) * 3, to = (y * width + right) * 3;
    own.set(other.subarray(from, to), from);
  }
  return 1 - (right - left) * (bottom - top) / (height * width);
}

/** From where to where a part of `size` pixels reaches, as long as `side` says and about a middle, as far as it is inside. */
function within(middle: number, side: number, size: number): readonly [number, number] {
  const length = Math.round(side * size);
  const start = Math.round(middle * size - length / 2);
  return [Math.max(0, start), Math.min(size, start + length)];
}
