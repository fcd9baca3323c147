/** Makes checksums of changed files right again, in place. */
import { crc32 } from "node:zlib";

/** The checksums of all chunks of a PNG whose lengths are possible. */
export function mendPng(bytes: Uint8Array<ArrayBuffer>): void {
  const view = new DataView(bytes.buffer);
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > bytes.length) return;
    view.setUint32(end, crc32(bytes.subarray(at + 4, end)));
    at = end + 4;
  }
}

const BLOCK = 512, SUM = 148, SUM_LENGTH = 8;

/** The check sums of all blocks of a tar archive that say they are headers. */
export function mendTar(bytes: Uint8Array<ArrayBuffer>): void {
  for (let at = 0; at + BLOCK <= bytes.length; at += BLOCK) {
    const header = bytes.subarray(at, at + BLOCK);
    if (new TextDecoder().decode(header.subarray(257, 262)) !== "ustar") continue;
    header.fill(0x20, SUM, SUM + SUM_LENGTH);
    const sum = header.reduce((all, byte) => all + byte, 0);
    header.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), SUM);
  }
}
