/** Draws how a training image is varied: mirrored, shifted, zoomed, in other colours. */
import type { Random } from "../../base/random.ts";
import { drawOperations, type RandAugment } from "./rand_augment/rand_augment.ts";
import type { Box, ColourMap, Resampling } from "./resample.ts";
import { drawCrop, type ResizedCrop } from "./resized_crop.ts";

/** How strongly training images are varied; every strength may be 0. */
export interface Augmentation {
  /** The probability of a mirror image, where a sample allows it. */
  flip: number;
  /** The largest shift in each direction, as a fraction of the image. */
  shift: number;
  /** Images are zoomed between 1 / (1 + scale) and 1 + scale. */
  scale: number;
  /** All colours are multiplied by 1 ± brightness. */
  brightness: number;
  /** The distance to mid-grey is multiplied by 1 ± contrast. */
  contrast: number;
  /** The distance to the pixel's own grey is multiplied by 1 ± saturation. */
  saturation: number;
  /** Part of the image is seen, in place of all of it shifted and zoomed. */
  crop?: ResizedCrop | undefined;
  /** Operations on the image as it is after all else. */
  randAugment?: RandAugment | undefined;
}

export const LIGHT_AUGMENTATION: Readonly<Augmentation> = {
  flip: 0.5,
  shift: 0.06,
  scale: 0.12,
  brightness: 0.1,
  contrast: 0.1,
  saturation: 0.2,
};

const MID_GREY = 127.5;
/** The weights of red, green and blue in grey (ITU-R BT.601). */
const GREY = [0.299, 0.587, 0.114] as const;

/**
 * Draws one variation of an image of this size, which will be resampled to that of `target`. It takes the same count of
 * numbers from `random` in all cases; crops and RandAugment take theirs after these.
 */
export function drawAugmentation(
  strength: Augmentation,
  random: Random,
  { height, width, flippable, background, target }: {
    height: number;
    width: number;
    flippable: boolean;
    background: number;
    target: { readonly height: number; readonly width: number };
  },
): Resampling {
  const flip = random.uniform() < strength.flip && flippable;
  const zoom = (1 + strength.scale) ** random.between(-1, 1);
  const x = width * (0.5 + random.between(-1, 1) * strength.shift);
  const y = height * (0.5 + random.between(-1, 1) * strength.shift);
  const halfWidth = width / zoom / 2, halfHeight = height / zoom / 2;
  const shifted: Box = {
    left: x - halfWidth,
    right: x + halfWidth,
    top: y - halfHeight,
    bottom: y + halfHeight,
  };
  const brightness = 1 + random.between(-1, 1) * strength.brightness;
  const contrast = 1 + random.between(-1, 1) * strength.contrast;
  const saturation = 1 + random.between(-1, 1) * strength.saturation;
  const box = strength.crop ? drawCrop(strength.crop, random, { height, width }) : shifted;
  const operations = strength.randAugment && drawOperations(strength.randAugment, random, target);
  return {
    box,
    flip,
    background,
    colour: colourMap(brightness, contrast, saturation),
    ...(operations && { operations }),
  };
}

/** Brightness, then contrast about mid-grey, then saturation, as one affine map of the colours. */
export function colourMap(brightness: number, contrast: number, saturation: number): ColourMap {
  const matrix = new Float64Array(9);
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 3; column++) {
      const own = row === column ? saturation : 0;
      matrix[row * 3 + column] = brightness * contrast * (own + (1 - saturation) * GREY[column]!);
    }
  }
  return { matrix, offset: MID_GREY * (1 - contrast) };
}
