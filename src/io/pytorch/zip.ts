// Reads where the files of a zip archive lie, as PyTorch writes them: stored, not compressed, so that a tensor can be read
// from its place. After PKWARE's APPNOTE, sections 4.3 and 4.5.3 (zip64). Sizes come from the central directory; a local
// header only tells where its content begins.
import { refused, TorchFault } from "./fault.ts";
import { readFully } from "../file_bytes.ts";
import { shortQuote } from "../strict_json.ts";

/** A file of an archive; `begin` and `end` are the place of its content. */
export interface ZipEntry {
  readonly begin: number;
  readonly end: number;
}

interface Listed {
  readonly size: number;
  /** Where its own header is. */
  readonly header: number;
  /** Where the next file's is, or the directory. */
  limit: number;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const END_BYTES = 22, END_64_BYTES = 56, LOCATOR_BYTES = 20, CENTRAL_BYTES = 46, LOCAL_BYTES = 30;
/** A comment after the end is at most this long. */
const MAX_COMMENT = 0xffff;
const MAX_ENTRIES = 200_000;
const MAX_DIRECTORY = 64 << 20;
/** Stands in the fields of 32 bits where zip64 has the value. */
const IN_64 = 0xffffffff;
const ENCRYPTED = 1;

/** The archive in an open file. Every method throws a TorchFault for what breaks the rules of the format. */
export class ZipArchive {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #listed: ReadonlyMap<string, Listed>;

  constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
    const fileBytes = file.statSync().size;
    const { begin, bytes, count } = this.#findDirectory(fileBytes);
    this.#listed = parseDirectory(this.#read(begin, bytes), count, begin);
  }

  get names(): Iterable<string> {
    return this.#listed.keys();
  }

  has(name: string): boolean {
    return this.#listed.has(name);
  }

  /** Where the content of a file lies. */
  find(name: string): ZipEntry {
    const listed = this.#listed.get(name);
    if (listed === undefined) throw new TorchFault(`its archive has no ${shortQuote(name)}`);
    const local = this.#read(listed.header, LOCAL_BYTES);
    const nameLength = local.getUint16(26, true), extraLength = local.getUint16(28, true);
    const begin = listed.header + LOCAL_BYTES + nameLength + extraLength;
    const end = begin + listed.size;
    const fail = (what: string) => new TorchFault(`its archive's ${shortQuote(name)} ${what}`);
    if (local.getUint32(0, true) !== LOCAL) throw fail("is not where the directory says");
    if (end > listed.limit) throw fail("reaches into what comes after it");
    const own = this.#read(listed.header + LOCAL_BYTES, nameLength);
    if (decode(own) !== name) throw fail("has another name in its own header");
    if (local.getUint16(8, true) !== 0) {
      throw fail("is compressed in its own header and stored in the directory");
    }
    return { begin, end };
  }

  #findDirectory(fileBytes: number): { begin: number; bytes: number; count: number } {
    const tail = Math.min(fileBytes, END_BYTES + MAX_COMMENT);
    const view = this.#read(fileBytes - tail, tail);
    for (let at = tail - END_BYTES; at >= 0; at--) {
      if (view.getUint32(at, true) !== END || view.getUint16(at + 20, true) !== tail - END_BYTES - at) {
        continue;
      }
      const end = fileBytes - tail + at;
      const found = this.#findDirectory64(end) ?? {
        begin: view.getUint32(at + 16, true),
        bytes: view.getUint32(at + 12, true),
        count: view.getUint16(at + 10, true),
        end,
      };
      if (found.begin + found.bytes !== found.end) {
        throw new TorchFault("its archive's directory does not lie before the end: the file is damaged");
      }
      if (found.bytes > MAX_DIRECTORY || found.count > MAX_ENTRIES) {
        throw new TorchFault(
          `its archive lists ${found.count} files in ${found.bytes} bytes, over the limit`,
        );
      }
      return found;
    }
    throw new TorchFault("its archive has no end: the file is damaged, or was not fetched whole");
  }

  /** The directory as zip64 tells it, where `end`, the place of the record at the end, has one before it. */
  #findDirectory64(end: number): { begin: number; bytes: number; count: number; end: number } | undefined {
    if (end < LOCATOR_BYTES + END_64_BYTES) return undefined;
    const locator = this.#read(end - LOCATOR_BYTES, LOCATOR_BYTES);
    if (locator.getUint32(0, true) !== LOCATOR_64) return undefined;
    const at = Number(locator.getBigUint64(8, true));
    if (at !== end - LOCATOR_BYTES - END_64_BYTES) {
      throw new TorchFault("its archive's zip64 record does not lie before the end: the file is damaged");
    }
    const record = this.#read(at, END_64_BYTES);
    if (record.getUint32(0, true) !== END_64) throw new TorchFault("its archive's zip64 record is none");
    const [count, bytes, begin] = [32, 40, 48].map((field) => Number(record.getBigUint64(field, true)));
    return { begin: begin!, bytes: bytes!, count: count!, end: at };
  }

  #read(begin: number, length: number): DataView<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    readFully(this.#path, this.#file, begin, bytes);
    return new DataView(bytes.buffer);
  }
}

function parseDirectory(view: DataView<ArrayBuffer>, count: number, end: number): Map<string, Listed> {
  const listed = new Map<string, Listed>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > view.byteLength || view.getUint32(at, true) !== CENTRAL) {
      throw new TorchFault(`its archive's directory has ${i} files of ${count}: the file is damaged`);
    }
    const lengths = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const [nameLength, extraLength, commentLength] = lengths as [number, number, number];
    const begin = at + CENTRAL_BYTES;
    const next = begin + nameLength + extraLength + commentLength;
    if (next > view.byteLength) throw new TorchFault("its archive's directory ends in the middle of a file");
    const name = decode(new DataView(view.buffer, begin, nameLength));
    const fail = (what: string) => new TorchFault(`its archive's ${shortQuote(name)} ${what}`);
    if (listed.has(name)) throw fail("is listed twice");
    if ((view.getUint16(at + 8, true) & ENCRYPTED) !== 0) {
      throw refused(`its archive's ${shortQuote(name)} is encrypted`);
    }
    if (view.getUint16(at + 10, true) !== 0) {
      throw refused(`its archive's ${shortQuote(name)} is compressed, as PyTorch never writes it`);
    }
    const extra = new DataView(view.buffer, begin + nameLength, extraLength);
    const [size, stored, header] = wide(
      extra,
      [24, 20, 42].map((field) => view.getUint32(at + field, true)),
      fail,
    );
    if (size !== stored) throw fail("is stored in another size than its own");
    if (header! + LOCAL_BYTES + nameLength + size! > end) throw fail("lies outside the file");
    listed.set(name, { size: size!, header: header!, limit: end });
    at = next;
  }
  if (at !== view.byteLength) throw new TorchFault("its archive's directory has bytes left over");
  const inOrder = [...listed.values()].sort((a, b) => a.header - b.header);
  for (const [i, entry] of inOrder.entries()) entry.limit = inOrder[i + 1]?.header ?? end;
  return listed;
}

/** Size, stored size and place, in this order, from the zip64 field where 32 bits did not hold them. */
function wide(extra: DataView, fields: readonly number[], fail: (what: string) => TorchFault): number[] {
  if (!fields.includes(IN_64)) return [...fields];
  for (let at = 0; at + 4 <= extra.byteLength;) {
    const length = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) !== 1) {
      at += 4 + length;
      continue;
    }
    let from = at + 4;
    const end = Math.min(from + length, extra.byteLength);
    return fields.map((field) => {
      if (field !== IN_64) return field;
      if (from + 8 > end) throw fail("has a zip64 field that is too short");
      return Number(extra.getBigUint64((from += 8) - 8, true));
    });
  }
  throw fail("has no zip64 field, which its size or place needs");
}

const decode = (bytes: DataView) => new TextDecoder().decode(bytes);
