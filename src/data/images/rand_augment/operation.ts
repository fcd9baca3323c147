/** The contract of RandAugment's operations. */
import type { RgbImage } from "../image.ts";

export interface Size {
  readonly height: number;
  readonly width: number;
}

/** One way to change an image, by more or less. */
export interface ImageOperation {
  /** Whether the magnitude is taken with a minus as often as with a plus. */
  readonly isSigned: boolean;
  /** The magnitude at a level from 0 to 1, for an image of this size; 0 where the operation knows no more and less. */
  magnitude(level: number, size: Size): number;
  /** Changes the pixels where they are. `fill` is the byte of what comes into view from beside the image. */
  apply(image: RgbImage, magnitude: number, fill: number): void;
}

export type ImageOperations = Readonly<Record<string, ImageOperation>>;
