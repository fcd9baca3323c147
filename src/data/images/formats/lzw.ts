/** Unpacks LZW, as GIF and TIFF pack pixels: codes grow from one bit more than symbols have to 12. */
import { cutOff, damaged } from "./image_format.ts";

const MOST_CODES = 4096, MOST_BITS = 12;

export interface LzwOptions {
  /** Bits of a symbol: the two codes after the symbols clear the table and end the data. */
  symbolBits: number;
  /** TIFF packs codes from the highest bit of a byte on, and lets them grow one code early; GIF neither. */
  isTiff: boolean;
}

/** So many symbols, or fewer where an end code comes before. Throws where the data ends without one. */
export function unpackLzw(packed: Uint8Array, size: number, { symbolBits, isTiff }: LzwOptions): Uint8Array {
  const clear = 1 << symbolBits, end = clear + 1, early = isTiff ? 1 : 0;
  // A code stands for the symbols of the code before it and one more.
  const before = new Uint16Array(MOST_CODES), last = new Uint8Array(MOST_CODES);
  const lengths = new Uint16Array(MOST_CODES).fill(1, 0, clear);
  for (let symbol = 0; symbol < clear; symbol++) last[symbol] = symbol;
  const symbols = new Uint8Array(size);
  let width = symbolBits + 1, next = clear + 2, previous = -1, done = 0;
  let held = 0, bits = 0, from = 0;
  while (done < size) {
    for (; bits < width; bits += 8) {
      if (from === packed.length) throw cutOff();
      held = isTiff ? held << 8 | packed[from++]! : held | packed[from++]! << bits;
    }
    bits -= width;
    const code = isTiff ? held >> bits : held & ((1 << width) - 1);
    held = isTiff ? held & ((1 << bits) - 1) : held >> width;
    if (code === end) break;
    if (code === clear) {
      width = symbolBits + 1;
      next = clear + 2;
      previous = -1;
      continue;
    }
    const isKnown = previous < 0 ? code < clear : code < next;
    if (!isKnown && (previous < 0 || code !== next || next === MOST_CODES)) throw damaged();
    // A code that is only about to be made stands for the symbols of the one before, and the first of these again.
    const known = isKnown ? code : previous;
    const length = lengths[known]!;
    let first = known;
    for (let at = done + length - 1, one = known; at >= done; at--, one = before[one]!) {
      if (at < size) symbols[at] = last[one]!;
      first = one;
    }
    done += length;
    if (!isKnown && done < size) symbols[done] = last[first]!;
    if (!isKnown) done++;
    if (previous >= 0 && next < MOST_CODES) {
      before[next] = previous;
      last[next] = last[first]!;
      lengths[next++] = lengths[previous]! + 1;
      if (next + early >= 1 << width && width < MOST_BITS) width++;
    }
    previous = code;
  }
  return done < size ? symbols.subarray(0, done) : symbols;
}
