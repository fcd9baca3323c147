/** The parts in which a PNG holds its rows, and the filters that these went through. */

export interface PngHeader {
  readonly height: number;
  readonly width: number;
  /** Bits of a sample. */
  readonly depth: number;
  readonly colourType: number;
  readonly channels: number;
  readonly isInterlaced: boolean;
}

/** Rows that follow each other in the file: every `right`th pixel of every `down`th line, from `left` and `top` on. */
export interface PngPart {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly down: number;
  readonly height: number;
  readonly width: number;
  /** Bytes of a row; the number of its filter stands before them. */
  readonly stride: number;
}

/** The seven passes of Adam7, and the one of a file without. */
const ADAM7 = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [
  0,
  1,
  1,
  2,
]] as const;
const WHOLE = [[0, 0, 1, 1]] as const;

/** The parts that have any pixels, in the order of the file. */
export function partsOf({ height, width, depth, channels, isInterlaced }: PngHeader): PngPart[] {
  return (isInterlaced ? ADAM7 : WHOLE).map(([left, top, right, down]) => {
    const columns = Math.ceil((width - left) / right), rows = Math.ceil((height - top) / down);
    const stride = Math.ceil(columns * depth * channels / 8);
    return { left, top, right, down, height: rows, width: columns, stride };
  }).filter((part) => part.height > 0 && part.width > 0);
}

/** The bytes of all parts with their filters. */
export function rawBytes(header: PngHeader): number {
  return partsOf(header).reduce((sum, { height, stride }) => sum + height * (stride + 1), 0);
}

/** Undoes the filters of a part that begins at `at`, in place. `pixel`: the bytes of a pixel, at least 1. */
export function unfilter(raw: Uint8Array, at: number, { height, stride }: PngPart, pixel: number): void {
  for (let y = 0, line = at + 1; y < height; y++, line += stride + 1) {
    const kind = raw[line - 1]!, above = line - stride - 1, isFirst = y === 0;
    if (kind > 4) throw new Error("its data is damaged or cut off");
    if (kind === 0) continue;
    for (let x = 0; x < stride; x++) {
      const left = x < pixel ? 0 : raw[line + x - pixel]!;
      const up = isFirst ? 0 : raw[above + x]!;
      const upLeft = isFirst || x < pixel ? 0 : raw[above + x - pixel]!;
      const predicted = kind === 1
        ? left
        : kind === 2
        ? up
        : kind === 3
        ? (left + up) >> 1
        : paeth(left, up, upLeft);
      raw[line + x] = raw[line + x]! + predicted;
    }
  }
}

/** Whichever of the three is nearest to left + up - upLeft. */
function paeth(left: number, up: number, upLeft: number): number {
  const guess = left + up - upLeft;
  const byLeft = Math.abs(guess - left), byUp = Math.abs(guess - up), byUpLeft = Math.abs(guess - upLeft);
  if (byLeft <= byUp && byLeft <= byUpLeft) return left;
  return byUp <= byUpLeft ? up : upLeft;
}
