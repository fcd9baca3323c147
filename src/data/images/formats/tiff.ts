/** Decodes the first picture of TIFF files (TIFF 6.0, Adobe 1992) of 1 to 16 bits, packed by LZW, Deflate, PackBits or not. */
import { exifOrientation } from "./exif.ts";
import { damaged, type ImageFormat, standsAt, viewOf } from "./image_format.ts";
import { type Piece, unpackPiece } from "./tiff_pieces.ts";

/** What a file says of its first picture. */
interface TiffPicture {
  readonly height: number;
  readonly width: number;
  readonly photometric: number;
  readonly bits: number;
  readonly samples: number;
  /** What the first sample beyond the colours is; undefined where there is none. */
  readonly extra: number | undefined;
  readonly palette: readonly number[];
  readonly pieces: readonly Piece[];
}

/** Photometric interpretations, and their numbers of samples. */
const WHITE_IS_ZERO = 0, PALETTE = 3, CMYK = 5;
const COLOURS: Readonly<Record<number, number>> = { [WHITE_IS_ZERO]: 1, 1: 1, 2: 3, [PALETTE]: 1, [CMYK]: 4 };
/** Pixels that a tile may have beyond those of the picture. */
const MOST_BEYOND = 2 ** 22;
/** Samples of all pixels; pixels of the largest picture that is read may have six. */
const MOST_SAMPLES = 2 ** 30;
const PREMULTIPLIED = 1, ALPHA = 2;
/** Bytes of a value by its type: BYTE, SHORT and LONG are the ones that are needed here. */
const SIZES: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4 };

export const tiff: ImageFormat = {
  name: "TIFF",
  matches: (bytes) => standsAt(bytes, 0, [0x49, 0x49, 42, 0]) || standsAt(bytes, 0, [0x4d, 0x4d, 0, 42]),
  readHeader(bytes) {
    const tags = readTags(bytes);
    const [width = 0, height = 0] = [tags(256)[0], tags(257)[0]];
    if (height === 0 || width === 0) throw damaged();
    return { height, width, orientation: exifOrientation(bytes) };
  },
  decode(bytes) {
    const picture = readPicture(bytes);
    const { height, width, samples } = picture;
    const stored = new Uint8Array(height * width * samples); // [height, width, samples]
    for (const piece of picture.pieces) {
      const unpacked = unpackPiece(bytes, piece);
      const rows = Math.min(piece.rows, height - piece.top),
        columns = Math.min(piece.columns, width - piece.left);
      for (let y = 0; y < rows; y++) {
        let from = y * piece.columns * piece.samples;
        let to = ((piece.top + y) * width + piece.left) * samples + piece.sample;
        for (let x = 0; x < columns; x++, to += samples) {
          for (let s = 0; s < piece.samples; s++) stored[to + s] = unpacked[from++]!;
        }
      }
    }
    return { data: coloured(picture, stored), height, width };
  },
};

/** Gives the values of a tag, none where the first directory of the file lacks it or has it in another type. */
function readTags(bytes: Uint8Array): (tag: number) => number[] {
  const view = viewOf(bytes), little = bytes[0] === 0x49;
  const places = new Map<number, number>();
  try {
    const start = view.getUint32(4, little);
    for (let i = view.getUint16(start, little) - 1; i >= 0; i--) {
      const at = start + 2 + 12 * i;
      places.set(view.getUint16(at, little), at);
    }
  } catch (cause) {
    throw damaged(cause); // a RangeError of the view
  }
  return (tag) => {
    const at = places.get(tag);
    if (at === undefined) return [];
    try {
      const size = SIZES[view.getUint16(at + 2, little)];
      const count = view.getUint32(at + 4, little);
      if (size === undefined || count * size > bytes.length) return [];
      const first = count * size <= 4 ? at + 8 : view.getUint32(at + 8, little);
      return Array.from({ length: count }, (_, i) => {
        const place = first + i * size;
        return size === 1
          ? view.getUint8(place)
          : size === 2
          ? view.getUint16(place, little)
          : view.getUint32(place, little);
      });
    } catch (cause) {
      throw damaged(cause);
    }
  };
}

function readPicture(bytes: Uint8Array): TiffPicture {
  const tags = readTags(bytes);
  const first = (tag: number, ifNone: number) => tags(tag)[0] ?? ifNone;
  const [height, width] = [first(257, 0), first(256, 0)];
  const samples = first(277, 1), photometric = first(262, 1), bits = first(258, 1);
  const colours = COLOURS[photometric];
  const isKnown = colours !== undefined && samples >= colours && [1, 2, 4, 8, 16].includes(bits) &&
    (bits >= 8 || samples === 1) && tags(258).every((one) => one === bits) &&
    tags(339).every((format) => format === 1) && first(266, 1) === 1;
  if (!isKnown) {
    throw new Error(
      `it is a TIFF of ${samples} samples of ${bits} bits, photometric ${photometric}, sample format ${
        first(339, 1)
      }, which is not read`,
    );
  }
  const isTiled = tags(322).length > 0;
  const rows = isTiled ? first(323, 0) : Math.min(first(278, height), height);
  const columns = isTiled ? first(322, 0) : width;
  const [offsets, sizes] = isTiled ? [tags(324), tags(325)] : [tags(273), tags(279)];
  const isPlanar = first(284, 1) === 2;
  const across = Math.ceil(width / columns), down = Math.ceil(height / rows);
  const planes = isPlanar ? samples : 1;
  const isSmall = rows * columns <= height * width + MOST_BEYOND && height * width * samples <= MOST_SAMPLES;
  if (!(rows > 0 && columns > 0 && isSmall) || offsets.length < across * down * planes) throw damaged();
  const pieces = Array.from({ length: across * down * planes }, (_, i): Piece => {
    const inPlane = i % (across * down);
    const top = Math.floor(inPlane / across) * rows;
    return {
      start: offsets[i]!,
      size: sizes[i] ?? (offsets.length === 1 ? bytes.length - offsets[i]! : 0),
      top,
      left: inPlane % across * columns,
      rows: isTiled ? rows : Math.min(rows, height - top),
      columns,
      sample: Math.floor(i / (across * down)),
      samples: isPlanar ? 1 : samples,
      bits,
      compression: first(259, 1),
      predictor: first(317, 1),
      little: bytes[0] === 0x49,
    };
  });
  const extra = samples > colours! ? first(338, 0) : undefined;
  return { height, width, photometric, bits, samples, extra, palette: tags(320), pieces };
}

/** RGBA of samples, which are bytes, or fewer bits each in a byte. */
function coloured(
  { photometric, bits, samples, extra, palette }: TiffPicture,
  stored: Uint8Array,
): Uint8Array {
  const data = new Uint8Array(stored.length / samples * 4);
  const most = bits < 8 ? 2 ** bits - 1 : 255;
  const size = palette.length / 3; // reds, greens, blues of 16 bits
  const colours = COLOURS[photometric]!;
  for (let from = 0, to = 0; to < data.length; from += samples, to += 4) {
    const [one, two, three, four] = [stored[from]!, stored[from + 1]!, stored[from + 2]!, stored[from + 3]!];
    if (photometric === PALETTE) {
      if (one >= size) throw new Error(`it has no colour ${one} in its palette`);
      for (let c = 0; c < 3; c++) data[to + c] = palette[c * size + one]! >> 8;
    } else if (photometric === CMYK) {
      const light = 255 - four;
      [one, two, three].forEach((ink, c) => data[to + c] = light - Math.round(ink * light / 255));
    } else if (colours === 1) {
      const grey = Math.floor(one * 255 / most);
      data.fill(photometric === WHITE_IS_ZERO ? 255 - grey : grey, to, to + 3);
    } else {
      data[to] = one;
      data[to + 1] = two;
      data[to + 2] = three;
    }
    const alpha = extra === ALPHA || extra === PREMULTIPLIED ? stored[from + colours]! : 255;
    data[to + 3] = alpha;
    if (extra !== PREMULTIPLIED || alpha === 0) continue;
    for (let c = 0; c < 3; c++) data[to + c] = Math.min(255, Math.floor(data[to + c]! * 255 / alpha));
  }
  return data;
}
