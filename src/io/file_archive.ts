/** Many small files as one. The same files make the same bytes, whenever and wherever it is made. */
import { createHash } from "node:crypto";
import { UserError } from "../base/user_error.ts";

/*
 * MAGIC
 * the SHA-256 of all that follows, in hexadecimal digits
 * the length of the list in bytes, a u32 in little-endian order
 * the list: [[path, bytes], ...] as JSON, in the order of paths
 * the contents, in the order of the list
 */
const MAGIC = new TextEncoder().encode("unis files\n");
const DIGEST = MAGIC.length + 64;
const START = DIGEST + 4;

/** The archive of files, by paths with forward slashes. */
export function packFiles(files: ReadonlyMap<string, Uint8Array>): Uint8Array<ArrayBuffer> {
  const sorted = [...files].sort(([a], [b]) => a < b ? -1 : 1);
  const list = new TextEncoder().encode(JSON.stringify(sorted.map(([path, { length }]) => [path, length])));
  const total = sorted.reduce((sum, [, { length }]) => sum + length, START + list.length);
  const archive = new Uint8Array(total);
  new DataView(archive.buffer).setUint32(DIGEST, list.length, true);
  archive.set(list, START);
  let at = START + list.length;
  for (const [, content] of sorted) {
    archive.set(content, at);
    at += content.length;
  }
  archive.set(MAGIC);
  archive.set(new TextEncoder().encode(digestOf(archive)), MAGIC.length);
  return archive;
}

/** The digest of its contents that an archive says it has. Throws a UserError, naming `source`, for what is none. */
export function archiveDigest(archive: Uint8Array, source: string): string {
  const digest = new TextDecoder().decode(archive.subarray(MAGIC.length, DIGEST));
  if (!MAGIC.every((byte, at) => byte === archive[at]) || !/^[0-9a-f]{64}$/.test(digest)) {
    throw new UserError(`Cannot read ${source}: it is no archive of this program`);
  }
  return digest;
}

/** The files of an archive, as views of it. Throws a UserError, naming `source`, where it is damaged. */
export function unpackFiles(archive: Uint8Array, source: string): Map<string, Uint8Array> {
  if (archiveDigest(archive, source) !== digestOf(archive)) {
    throw new UserError(`Cannot read ${source}: it is damaged`);
  }
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  let at = START + view.getUint32(DIGEST, true);
  const list: [path: string, bytes: number][] = JSON.parse(
    new TextDecoder().decode(archive.subarray(START, at)),
  );
  return new Map(list.map(([path, bytes]) => [path, archive.subarray(at, at += bytes)]));
}

function digestOf(archive: Uint8Array): string {
  return createHash("sha256").update(archive.subarray(DIGEST)).digest("hex");
}
