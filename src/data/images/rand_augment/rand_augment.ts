/**
 * RandAugment (Cubuk et al., 2020): so many operations, drawn from fourteen and all of one strength. Operations, their
 * magnitudes and signs are those of torchvision's `RandAugment` on images of Pillow.
 */
import type { Random } from "../../../base/random.ts";
import type { RgbImage } from "../image.ts";
import { ENHANCE } from "./enhance.ts";
import { GEOMETRY } from "./geometry.ts";
import type { ImageOperations, Size } from "./operation.ts";
import { TONES } from "./tones.ts";

/** The largest magnitude that may be asked for. */
export const MOST_MAGNITUDE = 30;

export interface RandAugment {
  /** Operations an image, one after the other; the same one may come twice. */
  readonly operations: number;
  /** Their strength, from 0 to `MOST_MAGNITUDE`. */
  readonly magnitude: number;
}

const IDENTITY = {
  Identity: { isSigned: false, magnitude: () => 0, apply() {} },
} as const satisfies ImageOperations;

export const OPERATIONS: ImageOperations = { ...IDENTITY, ...GEOMETRY, ...ENHANCE, ...TONES };
const NAMES = Object.keys(OPERATIONS);

/** An operation that was drawn, by its name. */
export interface DrawnOperation {
  readonly name: string;
  readonly magnitude: number;
}

/** Draws the operations for an image of this size. It always takes two numbers an operation from `random`. */
export function drawOperations(
  { operations, magnitude }: RandAugment,
  random: Random,
  size: Size,
): DrawnOperation[] {
  return Array.from({ length: operations }, () => {
    const name = NAMES[Math.floor(random.uniform() * NAMES.length)]!;
    const isNegative = random.uniform() < 0.5;
    const operation = OPERATIONS[name]!;
    const drawn = operation.magnitude(magnitude / MOST_MAGNITUDE, size);
    return { name, magnitude: operation.isSigned && isNegative ? -drawn : drawn };
  });
}

/** Changes the pixels of an image by operations, one after the other. `fill` is the byte of what comes into view. */
export function applyOperations(image: RgbImage, drawn: readonly DrawnOperation[], fill: number): void {
  for (const { name, magnitude } of drawn) OPERATIONS[name]!.apply(image, magnitude, fill);
}
