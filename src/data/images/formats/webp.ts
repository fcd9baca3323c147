/** Decodes WebP files (https://developers.google.com/speed/webp/docs/riff_container): libwebp in WebAssembly. */
import createDecoder from "@jsquash/webp/codec/dec/webp_dec.js";
import { exifOrientation } from "./exif.ts";
import { cutOff, damaged, type ImageFormat, type RgbaImage, standsAt, viewOf } from "./image_format.ts";
import { WasmDecoder } from "./wasm_decoder.ts";

interface Chunk {
  readonly type: string;
  readonly content: Uint8Array;
}

const codec = new WasmDecoder(createDecoder, "@jsquash/webp/codec/dec/webp_dec.wasm");

export const webp: ImageFormat = {
  name: "WebP",
  matches: (bytes) => standsAt(bytes, 0, "RIFF") && standsAt(bytes, 8, "WEBP"),
  readHeader(bytes) {
    const chunks = chunksOfFile(bytes);
    const exif = chunks.find(({ type }) => type === "EXIF");
    return { ...sizeOf(chunks), orientation: exif === undefined ? 1 : exifOrientation(exif.content) };
  },
  async decode(bytes) {
    const chunks = chunksOfFile(bytes);
    const frame = chunks.find(({ type }) => type === "ANMF");
    return frame === undefined ? await codec.decode(bytes) : await decodeFrame(frame.content, sizeOf(chunks));
  },
};

/** Throws where the file is cut off. */
function chunksOfFile(bytes: Uint8Array): Chunk[] {
  const end = 8 + viewOf(bytes).getUint32(4, true);
  if (end > bytes.length) throw cutOff();
  return chunksOf(bytes.subarray(12, end));
}

function chunksOf(bytes: Uint8Array): Chunk[] {
  const view = viewOf(bytes);
  const chunks: Chunk[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const type = String.fromCharCode(...bytes.subarray(at, at + 4)), size = view.getUint32(at + 4, true);
    if (at + 8 + size > bytes.length) throw cutOff();
    chunks.push({ type, content: bytes.subarray(at + 8, at + 8 + size) });
    at += 8 + size + size % 2;
  }
  return chunks;
}

/** The size of the canvas of an extended file, or of the only picture of another. */
function sizeOf([first]: readonly Chunk[]): { height: number; width: number } {
  if (first === undefined || first.content.length < 5) throw damaged();
  const { type, content } = first;
  const view = viewOf(content);
  if (type === "VP8X" && content.length >= 10) {
    return { width: threeBytes(view, 4) + 1, height: threeBytes(view, 7) + 1 };
  }
  if (type === "VP8 " && content.length >= 10) {
    return { width: view.getUint16(6, true) & 0x3fff, height: view.getUint16(8, true) & 0x3fff };
  }
  if (type !== "VP8L") throw damaged();
  const bits = view.getUint32(1, true);
  return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
}

function threeBytes(view: DataView, at: number): number {
  return view.getUint16(at, true) | view.getUint8(at + 2) << 16;
}

/** The first frame of an animation, which may be a part of its canvas: the rest is transparent. */
async function decodeFrame(
  content: Uint8Array,
  canvas: { height: number; width: number },
): Promise<RgbaImage> {
  if (content.length < 16) throw damaged();
  const view = viewOf(content);
  const [left, top] = [2 * threeBytes(view, 0), 2 * threeBytes(view, 3)];
  const [width, height] = [threeBytes(view, 6) + 1, threeBytes(view, 9) + 1];
  if (left + width > canvas.width || top + height > canvas.height) throw damaged();
  const { data } = await codec.decode(stillOf(content)); // which refuses a picture of another size
  if (height === canvas.height && width === canvas.width) return { data, height, width };
  const whole = new Uint8Array(canvas.height * canvas.width * 4);
  for (let y = 0; y < height; y++) {
    whole.set(data.subarray(y * width * 4, (y + 1) * width * 4), ((top + y) * canvas.width + left) * 4);
  }
  return { data: whole, ...canvas };
}

/** A file with one frame of an animation alone: an extended one, since only that may have alpha. */
function stillOf(frame: Uint8Array): Uint8Array {
  const HEADER = 30; // RIFF, size, WEBP, and a VP8X chunk
  const file = new Uint8Array(HEADER + frame.length - 16);
  const view = viewOf(file);
  const hasAlpha = chunksOf(frame.subarray(16)).some(({ type }) => type === "ALPH" || type === "VP8L");
  file.set(new TextEncoder().encode("RIFF....WEBPVP8X"));
  view.setUint32(4, file.length - 8, true);
  view.setUint32(16, 10, true);
  file[20] = hasAlpha ? 0x10 : 0;
  file.set(frame.subarray(6, 12), 24); // width and height, three bytes each
  file.set(frame.subarray(16), HEADER);
  return file;
}
