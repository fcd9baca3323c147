/** What a format of image files is, and what they share. */

/** RGBA bytes without gaps between the rows. */
export interface RgbaImage {
  data: Uint8Array | Uint8ClampedArray;
  height: number;
  width: number;
}

/** What a file says of its picture before anything is decoded. */
export interface ImageHeader {
  height: number;
  width: number;
  /** Exif orientation, 1 to 8: 1 is upright. */
  orientation: number;
}

/** A format of image files. Both functions throw an Error that says what is wrong with a file ("its data is damaged"). */
export interface ImageFormat {
  readonly name: string;
  /** Whether a file begins as those of this format do. */
  matches(bytes: Uint8Array): boolean;
  readHeader(bytes: Uint8Array): ImageHeader;
  /** The first picture of a file, as it is stored: not turned upright. */
  decode(bytes: Uint8Array): RgbaImage | Promise<RgbaImage>;
}

/** Whether these bytes, or the characters of a text, stand at a place. */
export function standsAt(bytes: Uint8Array, at: number, expected: string | readonly number[]): boolean {
  const wanted = typeof expected === "string" ? Array.from(expected, (c) => c.charCodeAt(0)) : expected;
  return wanted.every((byte, i) => bytes[at + i] === byte);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function damaged(cause?: unknown): Error {
  return new Error("its data is damaged or cut off", { cause });
}

export function cutOff(): Error {
  return new Error("the file is cut off");
}
