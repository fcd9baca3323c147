/** Decodes AVIF files (https://aomediacodec.github.io/av1-avif/): libavif in WebAssembly. */
import createDecoder from "@jsquash/avif/codec/dec/avif_dec.js";
import { cutOff, damaged, type ImageFormat, standsAt, viewOf } from "./image_format.ts";
import { WasmDecoder } from "./wasm_decoder.ts";

const codec = new WasmDecoder(createDecoder, "@jsquash/avif/codec/dec/avif_dec.wasm");
const BITS = 8;

export const avif: ImageFormat = {
  name: "AVIF",
  matches: (bytes) => standsAt(bytes, 4, "ftypavif") || standsAt(bytes, 4, "ftypavis"),
  readHeader(bytes) {
    const properties = primaryProperties(bytes);
    const size = properties.find(({ type }) => type === "ispe")?.content;
    if (size === undefined || size.length < 12) throw damaged();
    const view = viewOf(size);
    return { width: view.getUint32(4), height: view.getUint32(8), orientation: orientationOf(properties) };
  },
  decode: (bytes) => codec.decode(bytes, BITS),
};

/** A box of the ISO base media file format. */
interface Box {
  readonly type: string;
  readonly content: Uint8Array;
}

/** Throws where the bytes end in the middle of a box. */
function boxesOf(bytes: Uint8Array): Box[] {
  const view = viewOf(bytes);
  const boxes: Box[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const short = view.getUint32(at), isLong = short === 1;
    if (isLong && at + 16 > bytes.length) throw cutOff();
    const size = isLong ? Number(view.getBigUint64(at + 8)) : short === 0 ? bytes.length - at : short;
    const start = at + (isLong ? 16 : 8), end = at + size;
    if (end > bytes.length) throw cutOff();
    if (end < start) throw damaged();
    boxes.push({
      type: String.fromCharCode(...bytes.subarray(at + 4, at + 8)),
      content: bytes.subarray(start, end),
    });
    at = end;
  }
  return boxes;
}

/** The properties of the picture that a file is of: its size, how it is turned, and others. */
function primaryProperties(bytes: Uint8Array): Box[] {
  const inner = (boxes: readonly Box[], type: string) => {
    const content = boxes.find((box) => box.type === type)?.content;
    if (content === undefined || content.length < 4) throw damaged();
    return content;
  };
  const meta = boxesOf(inner(boxesOf(bytes), "meta").subarray(4));
  const primary = inner(meta, "pitm");
  if (primary.length < (primary[0] === 0 ? 6 : 8)) throw damaged();
  const item = primary[0] === 0 ? viewOf(primary).getUint16(4) : viewOf(primary).getUint32(4);
  const parts = boxesOf(inner(meta, "iprp"));
  const all = boxesOf(inner(parts, "ipco"));
  return associations(inner(parts, "ipma"), item).flatMap((number) => all[number - 1] ?? []);
}

/** The numbers of an item's properties, from 1, in their order. */
function associations(content: Uint8Array, item: number): number[] {
  const view = viewOf(content);
  const isLong = content[0] !== 0, areWide = (content[3]! & 1) === 1;
  let at = 8;
  try {
    for (let entries = view.getUint32(4); entries > 0; entries--) {
      const id = isLong ? view.getUint32(at) : view.getUint16(at);
      at += isLong ? 4 : 2;
      const count = view.getUint8(at++);
      const size = areWide ? 2 : 1;
      // The highest bit says whether a reader must know the property.
      const numberAt = (i: number) =>
        areWide ? view.getUint16(at + 2 * i) & 0x7fff : view.getUint8(at + i) & 0x7f;
      if (id === item) return Array.from({ length: count }, (_, i) => numberAt(i));
      at += count * size;
    }
  } catch (cause) {
    throw damaged(cause); // a RangeError of the view
  }
  return [];
}

/**
 * Exif orientations by quarter turns against the clock, and by the mirroring after it: none, top and bottom swapped, left
 * and right. What Exif data say does not count for AVIF.
 */
const ORIENTATIONS = [[1, 4, 2], [8, 5, 7], [3, 2, 4], [6, 7, 5]] as const;

function orientationOf(properties: readonly Box[]): number {
  const valueOf = (name: string) => properties.find(({ type }) => type === name)?.content[0];
  const axis = valueOf("imir");
  return ORIENTATIONS[(valueOf("irot") ?? 0) & 3]![axis === undefined ? 0 : 1 + (axis & 1)]!;
}
