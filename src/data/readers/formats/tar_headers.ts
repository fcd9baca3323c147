/** Finds the files within a tar archive (ustar, with the long names of GNU and pax) without reading them. */
import { readFully } from "../../../io/file_bytes.ts";

/** A regular file within an archive. */
export interface TarMember {
  readonly name: string;
  /** The place of its first byte in the archive. */
  readonly offset: number;
  readonly size: number;
}

const BLOCK = 512;
/** Bytes of what goes before a member that has a long name. */
const MOST_NAMES = 1 << 20;

/**
 * The members in their order. Throws an Error that says where the archive is no archive, and of a member that is cut off.
 */
export function* tarMembers(path: string, file: Deno.FsFile): Generator<TarMember> {
  const { size: end } = file.statSync();
  let longName: string | undefined, longSize: number | undefined;
  for (let at = 0; at + BLOCK <= end;) {
    const header = new Uint8Array(BLOCK);
    readFully(path, file, at, header);
    if (header.every((byte) => byte === 0)) return; // the end is blocks of zeros
    if (!isHeader(header)) throw new Error(`is no tar archive from byte ${at} on`);
    const type = String.fromCharCode(header[156]!);
    const size = longSize ?? numberIn(header, 124, 12);
    const name = longName ?? nameIn(header);
    const offset = at + BLOCK;
    // Below 0 it would lead back, and round and round.
    if (!(size >= 0)) throw new Error(`says of "${name}" that it is of ${size} bytes`);
    if (offset + size > end) throw new Error(`is cut off within "${name}"`);
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
    if (type === "x" || type === "L") {
      if (size > MOST_NAMES) throw new Error(`has a name of ${size} bytes`);
      const content = new Uint8Array(size);
      readFully(path, file, offset, content);
      if (type === "L") longName = textIn(content, 0, size);
      else {
        const records = paxRecords(content);
        longName = records.get("path") ?? longName;
        longSize = records.has("size") ? Number(records.get("size")) : longSize;
      }
      continue;
    }
    longName = longSize = undefined;
    if (type === "0" || type === "\0") yield { name, offset, size };
  }
  throw new Error("is cut off: it has no end");
}

/** Whether a block bears the check sum of a header: the sum of its bytes, with blanks in place of the sum itself. */
function isHeader(header: Uint8Array): boolean {
  const sum = header.reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  return sum === numberIn(header, 148, 8);
}

/** A name that does not fit is in two parts. */
function nameIn(header: Uint8Array): string {
  const name = textIn(header, 0, 100);
  const prefix = textIn(header, 257, 5) === "ustar" ? textIn(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function textIn(bytes: Uint8Array, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** In octal digits; or, where the first bit says so, in bytes, the largest first. */
function numberIn(header: Uint8Array, start: number, length: number): number {
  if ((header[start]! & 0x80) === 0) return parseInt(textIn(header, start, length).trim() || "0", 8);
  let value = header[start]! & 0x7f;
  for (let at = start + 1; at < start + length; at++) value = value * 256 + header[at]!;
  return value;
}

/** Records of the form `25 path=images/one.jpg\n`, whose number is their length in bytes. */
function paxRecords(content: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < content.length;) {
    const blank = content.indexOf(0x20, at);
    const length = Number(textIn(content, at, blank - at));
    if (blank < 0 || !(length > 0)) break;
    const [key, ...value] = new TextDecoder().decode(content.subarray(blank + 1, at + length - 1)).split("=");
    records.set(key!, value.join("="));
    at += length;
  }
  return records;
}
