/** Reads the orientation that a camera noted, and turns images upright by it. */

const ORIENTATION_TAG = 0x0112, SHORT = 3;

/**
 * The orientation, 1 to 8, in a TIFF structure such as Exif data: 1 is upright, and so is whatever is damaged or
 * says nothing.
 */
export function exifOrientation(tiff: Uint8Array): number {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (tiff.length < 14) return 1;
  const order = view.getUint16(0);
  const little = order === 0x4949;
  if ((!little && order !== 0x4d4d) || view.getUint16(2, little) !== 42) return 1;
  const start = view.getUint32(4, little);
  if (start + 2 > tiff.length) return 1;
  const entries = view.getUint16(start, little);
  for (let at = start + 2, i = 0; i < entries && at + 12 <= tiff.length; i++, at += 12) {
    if (view.getUint16(at, little) !== ORIENTATION_TAG) continue;
    const value = view.getUint16(at + 2, little) === SHORT ? view.getUint16(at + 8, little) : 1;
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** An RGB image turned and mirrored upright, by its Exif orientation. */
export function upright<Image extends { pixels: Uint8Array; height: number; width: number }>(
  image: Image,
  orientation: number,
): Image {
  if (orientation === 1) return image;
  const { pixels, height: sourceHeight, width: sourceWidth } = image;
  const swapped = orientation >= 5;
  const height = swapped ? sourceWidth : sourceHeight, width = swapped ? sourceHeight : sourceWidth;
  // The place in the source of the first pixel, and the steps there that a step right or down stands for.
  const fromRight = [2, 3, 7, 8].includes(orientation), fromBottom = [3, 4, 6, 7].includes(orientation);
  const first = (fromBottom ? sourceHeight - 1 : 0) * sourceWidth + (fromRight ? sourceWidth - 1 : 0);
  const across = fromRight ? -1 : 1, along = fromBottom ? -sourceWidth : sourceWidth;
  const [right, down] = swapped ? [along, across] : [across, along];
  const turned = new Uint8Array(pixels.length);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0, from = (first + y * down) * 3; x < width; x++, from += right * 3, to += 3) {
      turned[to] = pixels[from]!;
      turned[to + 1] = pixels[from + 1]!;
      turned[to + 2] = pixels[from + 2]!;
    }
  }
  return { ...image, pixels: turned, height, width };
}
