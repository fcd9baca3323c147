/** Decodes JPEG files, and reads their headers. */
import createDecoder from "@jsquash/jpeg/codec/dec/mozjpeg_dec.js";
import { exifOrientation } from "./exif.ts";
import {
  cutOff,
  damaged,
  type ImageFormat,
  type ImageHeader,
  type RgbaImage,
  standsAt,
  viewOf,
} from "./image_format.ts";
import { WasmDecoder } from "./wasm_decoder.ts";

/** The facts that the segments of a JPEG file state before anything is decoded. */
export interface JpegHeader extends ImageHeader {
  /** Colour components: 1 grey, 3 colour, 4 CMYK. */
  components: number;
}

/** Each goes over the whole picture. Progressive files have some ten, those made as small as can be some dozens. */
const MOST_SCANS = 100;
const EXIF = "Exif\0\0";

/**
 * Reads the segments of a JPEG file up to its end marker. Throws where the file is cut off: decoders fill in what is
 * missing in silence.
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader {
  const view = viewOf(bytes);
  const frame = { height: 0, width: 0, components: 0 };
  let orientation = 1, at = 2, scans = 0;
  while (true) {
    at = bytes.indexOf(0xff, at);
    while (at >= 0 && bytes[at] === 0xff) at++; // any number of fill bytes
    if (at < 0 || at >= bytes.length) throw cutOff();
    const marker = bytes[at++]!;
    if (marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) continue; // data, restarts
    if (marker === 0xd9) break;
    if (at + 2 > bytes.length) throw cutOff();
    const length = view.getUint16(at), end = at + length;
    if (length < 2 || end > bytes.length) throw cutOff();
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      if (length < 8) throw new Error("its frame header is too short");
      Object.assign(frame, {
        height: view.getUint16(at + 3),
        width: view.getUint16(at + 5),
        components: bytes[at + 7]!,
      });
    } else if (marker === 0xda) {
      if (++scans > MOST_SCANS) throw new Error(`it has more than ${MOST_SCANS} scans`);
    } else if (marker === 0xe1 && standsAt(bytes, at + 2, EXIF)) {
      orientation = exifOrientation(bytes.subarray(at + 8, end));
    }
    at = end;
  }
  if (frame.height === 0 || frame.width === 0 || scans === 0) throw new Error("it holds no picture");
  return { ...frame, orientation };
}

const codec = new WasmDecoder(createDecoder, "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm");
const KEEP_ORIENTATION = false; // pictures are turned by others

/** Grey and colours are decoded as libjpeg does (MozJPEG in WebAssembly), and so as Pillow does. */
export const jpeg: ImageFormat = {
  name: "JPEG",
  matches: (bytes) => standsAt(bytes, 0, [0xff, 0xd8]),
  readHeader: readJpegHeader,
  decode: (bytes) =>
    readJpegHeader(bytes).components === 4 ? decodeCmyk(bytes) : codec.decode(bytes, KEEP_ORIENTATION),
};

/** Colours of four inks, which MozJPEG leaves as they are. */
async function decodeCmyk(bytes: Uint8Array): Promise<RgbaImage> {
  const { decode } = await import("jpeg-js"); // seldom needed
  try {
    // What it may take was decided by the header.
    return decode(bytes, { useTArray: true, maxMemoryUsageInMB: Infinity, maxResolutionInMP: Infinity });
  } catch (cause) {
    throw damaged(cause);
  }
}
