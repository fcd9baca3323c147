/** Decodes JPEG files, and reads their headers. */
import createDecoder from "@jsquash/jpeg/codec/dec/mozjpeg_dec.js";
import { exifOrientation } from "./exif.ts";
import { packagePath } from "../package_file.ts";

/** The facts that the segments of a JPEG file state before anything is decoded. */
export interface JpegHeader {
  height: number;
  width: number;
  /** Colour components: 1 grey, 3 colour, 4 CMYK. */
  components: number;
  /** Exif orientation, 1 to 8. */
  orientation: number;
}

/** RGBA bytes without gaps between the rows. */
export interface RgbaImage {
  data: Uint8Array | Uint8ClampedArray;
  height: number;
  width: number;
}

const EXIF = [0x45, 0x78, 0x69, 0x66, 0, 0]; // "Exif\0\0"

/**
 * Reads the segments of a JPEG file up to its end marker. Throws where the file is cut off: decoders fill in what is
 * missing in silence.
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frame = { height: 0, width: 0, components: 0 };
  let orientation = 1, at = 2, scans = 0;
  while (true) {
    at = bytes.indexOf(0xff, at);
    while (at >= 0 && bytes[at] === 0xff) at++; // any number of fill bytes
    if (at < 0 || at >= bytes.length) throw new Error("the file is cut off");
    const marker = bytes[at++]!;
    if (marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) continue; // data, restarts
    if (marker === 0xd9) break;
    if (at + 2 > bytes.length) throw new Error("the file is cut off");
    const length = view.getUint16(at), end = at + length;
    if (length < 2 || end > bytes.length) throw new Error("the file is cut off");
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      if (length < 8) throw new Error("its frame header is too short");
      Object.assign(frame, {
        height: view.getUint16(at + 3),
        width: view.getUint16(at + 5),
        components: bytes[at + 7]!,
      });
    } else if (marker === 0xda) {
      scans++;
    } else if (marker === 0xe1 && EXIF.every((byte, i) => bytes[at + 2 + i] === byte)) {
      orientation = exifOrientation(bytes.subarray(at + 8, end));
    }
    at = end;
  }
  if (frame.height === 0 || frame.width === 0 || scans === 0) throw new Error("it holds no picture");
  return { ...frame, orientation };
}

interface Decoder {
  decode(bytes: Uint8Array, preserveOrientation: boolean): RgbaImage | null;
}

let compiled: Promise<WebAssembly.Module> | undefined;
let decoder: Promise<Decoder> | undefined;

/**
 * Decodes a grey or colour JPEG as libjpeg does (MozJPEG in WebAssembly), and so as Pillow does; not turned upright.
 * Throws where the data is damaged beyond use.
 */
export async function decodeJpeg(bytes: Uint8Array): Promise<RgbaImage> {
  decoder ??= startDecoder();
  try {
    const image = (await decoder).decode(bytes, false);
    if (image === null) throw new Error("it cannot be decoded");
    return image;
  } catch (cause) {
    decoder = undefined; // libjpeg gives up by ending its program: the next image needs a new one
    throw new Error("its data is damaged", { cause });
  }
}

async function startDecoder(): Promise<Decoder> {
  // The package would fetch the module; it is read from the package's folder instead.
  compiled ??= Deno.readFile(
    packagePath(
      "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm",
      (specifier) => import.meta.resolve(specifier),
    ),
  ).then((code) => WebAssembly.compile(code));
  const module = await compiled;
  return await createDecoder({
    noInitialRun: true,
    print: () => {},
    printErr: () => {}, // warnings of libjpeg
    instantiateWasm: (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
      const instance = new WebAssembly.Instance(module, imports);
      done(instance);
      return instance.exports;
    },
  }) as unknown as Decoder;
}
