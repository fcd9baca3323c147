/** Brings an image to the size that a checkpoint expects. */
import { release } from "../../base/release.ts";
import type { Colour } from "./colour.ts";
import type { RgbImage } from "./image.ts";
import { type Filter, resizeLikePillow } from "./pillow_resize.ts";

interface Size {
  height: number;
  width: number;
}

/** The steps that bring an image to the size a checkpoint expects; a step that is left out is not done. */
export interface ImagePreparation {
  /** What lies under transparent pixels; white if not given. */
  background?: Colour;
  /** The image is resized to this size whatever its shape, or so that its shorter edge has this length. */
  resize?: Size | { shortestEdge: number };
  filter: Filter;
  /** A part of this size is cut from the centre; where the image is smaller, its surroundings are black. */
  crop?: Size;
}

/** Resizes and crops an image as Pillow and `transformers` do; bytes stay bytes. */
export function prepareImage(source: RgbImage, { resize, filter, crop }: ImagePreparation): RgbImage {
  let image = source;
  if (resize !== undefined) {
    const { height, width } = "height" in resize ? resize : scaledToShortest(image, resize.shortestEdge);
    image = resizeLikePillow(image, height, width, filter);
  }
  if (crop === undefined) return image;
  const cropped = centreCrop(image, crop);
  if (cropped !== image && image.pixels !== source.pixels) release(image.pixels);
  return cropped;
}

function scaledToShortest({ height, width }: Size, edge: number): Size {
  return height <= width
    ? { height: edge, width: Math.trunc((edge * width) / height) }
    : { height: Math.trunc((edge * height) / width), width: edge };
}

function centreCrop(image: RgbImage, { height, width }: Size): RgbImage {
  if (image.height === height && image.width === width) return image;
  const top = Math.floor((image.height - height) / 2), left = Math.floor((image.width - width) / 2);
  const pixels = new Uint8Array(height * width * 3);
  const first = Math.max(0, left), end = Math.min(image.width, left + width);
  for (let y = Math.max(0, -top); y < height && y + top < image.height; y++) {
    const line = (y + top) * image.width;
    pixels.set(image.pixels.subarray((line + first) * 3, (line + end) * 3), (y * width + first - left) * 3);
  }
  return { pixels, height, width };
}
