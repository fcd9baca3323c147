// Files of `torch.save`, good and bad, put together byte by byte. Pickles are texts of Latin-1, an opcode a character, as
// Python's pickletools shows them.

import type { TensorToStore } from "../../src/io/safetensors.ts";
import { rowMajorStrides, type StoredDtype } from "../../src/io/stored_tensor.ts";
import { join } from "./mutations.ts";

/** The characters of a text as bytes. */
export const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

function little(value: number | bigint, bytes: number): Uint8Array {
  const out = new Uint8Array(16);
  new DataView(out.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
  return out.subarray(0, bytes);
}

/** Number of bytes as a pickle has it. */
const packed = (value: number, bytes: number) => String.fromCharCode(...little(value, bytes));
/** A text of UTF-8 bytes (BINUNICODE). */
export const unicode = (text: string) => `X${packed(text.length, 4)}${text}`;
/** An integer (BININT). */
export const int = (value: number) => `J${packed(value, 4)}`;
export const tuple = (...items: readonly string[]) => `(${items.join("")}t`;
export const global = (module: string, name: string) => `c${module}\n${name}\n`;

export interface CraftedTensor {
  readonly type?: string;
  readonly key?: string;
  readonly length?: string;
  readonly offset?: string;
  readonly sizes?: string;
  readonly strides?: string;
}

export const storage = (
  { type = global("torch", "FloatStorage"), key = unicode("0"), length = int(2) }: CraftedTensor = {},
) => tuple(unicode("storage"), type, key, unicode("cpu"), length) + "Q";

/** The opcodes that build a tensor: two float32 in storage "0". */
export const tensor = (of: CraftedTensor = {}) =>
  global("torch._utils", "_rebuild_tensor_v2") +
  tuple(
    storage(of),
    of.offset ?? int(0),
    of.sizes ?? tuple(int(2)),
    of.strides ?? tuple(int(1)),
    "\x89",
    `${global("collections", "OrderedDict")})R`,
  ) + "R";

/** A pickle of a dict of tensors, by the opcodes of each value. */
export const stateDict = (values: Readonly<Record<string, string>>) =>
  `\x80\x02}(${Object.entries(values).map(([name, value]) => unicode(name) + value).join("")}u.`;

/** One file of an archive; what is given stands in place of the truth. */
export interface CraftedEntry {
  readonly name: string;
  readonly content: Uint8Array;
  readonly method?: number;
  readonly localMethod?: number;
  readonly flags?: number;
  readonly localName?: string;
  readonly size?: number;
  readonly storedSize?: number;
  readonly header?: number;
  readonly localSignature?: number;
  /** The field of further values in the directory. */
  readonly extra?: Uint8Array;
}

export interface CraftedEnd {
  readonly count?: number;
  readonly bytes?: number;
  readonly begin?: number;
  readonly comment?: Uint8Array;
  /** Sizes, places and counts in zip64's fields, as PyTorch writes them. */
  readonly zip64?: boolean;
  /** Where the record of zip64 is said to be. */
  readonly record64?: number;
}

/** A zip archive of stored files. */
export function zip(entries: readonly CraftedEntry[], end: CraftedEnd = {}): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  const add = (...pieces: Uint8Array[]) => {
    parts.push(...pieces);
    at += pieces.reduce((sum, { length }) => sum + length, 0);
  };
  for (const entry of entries) {
    const { name, content, method = 0, flags = 0 } = entry;
    const size = entry.size ?? content.length, stored = entry.storedSize ?? entry.size ?? content.length;
    const header = entry.header ?? at;
    const fields = (method: number, length: number) =>
      join(
        little(flags, 2),
        little(method, 2),
        little(0, 8),
        little(stored, 4),
        little(size, 4),
        little(length, 2),
      );
    const own = latin1(entry.localName ?? name);
    add(little(entry.localSignature ?? 0x04034b50, 4), little(20, 2));
    add(fields(entry.localMethod ?? method, own.length), little(0, 2), own, content);
    const extra = entry.extra ?? (end.zip64 ? zip64Field(size, stored, header) : new Uint8Array());
    const wide = end.zip64 && !entry.extra
      ? join(little(-1, 4), little(-1, 4))
      : join(little(stored, 4), little(size, 4));
    directory.push(
      join(
        join(
          little(0x02014b50, 4),
          little(20, 2),
          little(20, 2),
          little(flags, 2),
          little(method, 2),
          little(0, 8),
        ),
        join(wide, little(latin1(name).length, 2), little(extra.length, 2), little(0, 10)),
        join(little(end.zip64 && !entry.extra ? -1 : header, 4), latin1(name), extra),
      ),
    );
  }
  const listed = join(...directory);
  const begin = end.begin ?? at, bytes = end.bytes ?? listed.length, count = end.count ?? entries.length;
  add(listed);
  if (end.zip64) {
    const record = end.record64 ?? at;
    add(little(0x06064b50, 4), little(44, 8), little(45, 2), little(45, 2), little(0, 8));
    add(little(count, 8), little(count, 8), little(bytes, 8), little(begin, 8));
    add(little(0x07064b50, 4), little(0, 4), little(record, 8), little(1, 4));
  }
  const narrow = (value: number, size: number) => little(end.zip64 ? -1 : value, size);
  const comment = end.comment ?? new Uint8Array();
  add(
    little(0x06054b50, 4),
    little(0, 4),
    narrow(count, 2),
    narrow(count, 2),
    narrow(bytes, 4),
    narrow(begin, 4),
  );
  add(little(comment.length, 2), comment);
  return join(...parts);
}

const zip64Field = (size: number, stored: number, header: number) =>
  join(little(1, 2), little(24, 2), little(size, 8), little(stored, 8), little(header, 8));

/** Two float32 in little-endian order. */
export const TWO = new Uint8Array(Float32Array.of(1.5, -2).buffer);

/** An archive as torch.save makes it, of a pickle and storages by name. */
export function torchZip(
  pickle: string,
  storages: Readonly<Record<string, Uint8Array>> = { 0: TWO },
  end: CraftedEnd = {},
): Uint8Array<ArrayBuffer> {
  return zip(torchEntries(pickle, storages), end);
}

/** The files of such an archive. */
export function torchEntries(
  pickle: string,
  storages: Readonly<Record<string, Uint8Array>> = { 0: TWO },
): CraftedEntry[] {
  return [
    { name: "archive/data.pkl", content: latin1(pickle) },
    { name: "archive/byteorder", content: latin1("little") },
    ...Object.entries(storages).map(([key, content]) => ({ name: `archive/data/${key}`, content })),
    { name: "archive/version", content: latin1("3\n") },
  ];
}

const MAGIC = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
export const INFO = `\x80\x02}(${unicode("little_endian")}\x88u.`;

/** A file as PyTorch before 1.6 makes it. */
export function legacy(
  pickle: string,
  {
    keys = `\x80\x02](${unicode("0")}e.`,
    version = "\x80\x02M\xe9\x03.",
    info = INFO,
    count = 2,
    data = TWO,
  } = {},
): Uint8Array<ArrayBuffer> {
  return join(latin1(MAGIC + version + info + pickle + keys), little(count, 8), data);
}

const STORAGE_OF: Readonly<Partial<Record<StoredDtype, string>>> = {
  F32: "FloatStorage",
  F16: "HalfStorage",
  BF16: "BFloat16Storage",
  F64: "DoubleStorage",
  I64: "LongStorage",
};

/** A file of torch.save with these tensors, each in a storage of its own. */
export function torchFile(
  tensors: Iterable<readonly [name: string, TensorToStore]>,
): Uint8Array<ArrayBuffer> {
  const values: Record<string, string> = {};
  const storages: Record<string, Uint8Array> = {};
  for (const [i, [name, { dtype, shape, data }]] of [...tensors].entries()) {
    const sizes = shape.map(int), strides = rowMajorStrides(shape).map(int);
    const length = int(shape.reduce((product, size) => product * size, 1));
    const type = global("torch", STORAGE_OF[dtype]!);
    values[name] = tensor({
      type,
      key: unicode(String(i)),
      length,
      sizes: tuple(...sizes),
      strides: tuple(...strides),
    });
    storages[i] = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  return torchZip(stateDict(values), storages, { zip64: true });
}

/** What a test may do that reads hostile files: were anything in them to be run, or fetched, it would fail by these. */
export const FILES_ALONE = {
  read: true,
  write: true,
  run: false,
  net: false,
  env: false,
  ffi: false,
  sys: false,
  import: false,
} as const;
