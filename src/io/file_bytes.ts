/** Opens and reads files, and says what is wrong where that cannot be done, or they cannot be written. */
import { UserError } from "../base/user_error.ts";
import { suggestPath, whyUnwritable } from "./nearby_path.ts";
import { MOST_POINTER_BYTES, pointerIn, whyMissing } from "./pointer_file.ts";

/**
 * Opens a file to read it. Throws a UserError where there is none, where it stands for content that Git LFS or git-annex
 * has not fetched, and where it is something else than a regular file: opening a pipe would wait for a writer for ever.
 */
export function openRegularFile(path: string): Deno.FsFile {
  let file: Deno.FsFile;
  try {
    const { isFile, isDirectory } = Deno.statSync(path);
    if (!isFile) throw new UserError(`it is ${isDirectory ? "a folder" : "not a file"}`);
    file = Deno.openSync(path);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound
      ? `it ${whyMissing(path)}${suggestPath(path)}`
      : reason(error);
    throw new UserError(`Cannot read ${path}: ${why}`);
  }
  const { size } = file.statSync();
  if (size > MOST_POINTER_BYTES) return file;
  const bytes = new Uint8Array(size);
  readFully(path, file, 0, bytes);
  const pointer = pointerIn(bytes);
  if (pointer === undefined) return file;
  file.close();
  throw new UserError(`Cannot read ${path}: it ${pointer}`);
}

/** Files that are read whole have fewer bytes than this, be they what they say or something else. */
const MOST_BYTES = 2 ** 30;

/** All bytes of a file. Throws a UserError as `openRegularFile` does, and for more than `most` of them. */
export function readBytes(path: string, most = MOST_BYTES): Uint8Array<ArrayBuffer> {
  using file = openRegularFile(path);
  const { size } = file.statSync();
  if (size > most) throw new UserError(`Cannot read ${path}: it is over the limit of ${most} bytes`);
  const bytes = new Uint8Array(size);
  readFully(path, file, 0, bytes);
  return bytes;
}

/** So many bytes of a file from `position` on. Throws a UserError as `openRegularFile` does, and if the file ends before. */
export function readRange(path: string, position: number, size: number): Uint8Array<ArrayBuffer> {
  using file = openRegularFile(path);
  const bytes = new Uint8Array(size);
  readFully(path, file, position, bytes);
  return bytes;
}

/** Fills `into` from `position` on. Throws a UserError if the file ends before. */
export function readFully(path: string, file: Deno.FsFile, position: number, into: Uint8Array): void {
  file.seekSync(position, Deno.SeekMode.Start);
  for (let done = 0; done < into.length;) {
    const count = file.readSync(into.subarray(done));
    if (count === null) throw new UserError(`Cannot read ${path}: it became shorter while it was read`);
    done += count;
  }
}

/** Bytes that are read at a time. */
const CHUNK_BYTES = 2 ** 18;

/**
 * All bytes of a file, some at a time, so that memory does not grow with it; what is given is overwritten by what follows. Throws
 * a UserError as `openRegularFile` does.
 */
export function* chunksOf(path: string): Generator<Uint8Array<ArrayBuffer>> {
  using file = openRegularFile(path);
  const { size } = file.statSync();
  const chunk = new Uint8Array(Math.min(size, CHUNK_BYTES));
  for (let done = 0; done < size; done += chunk.length) {
    const bytes = chunk.subarray(0, size - done);
    readFully(path, file, done, bytes);
    yield bytes;
  }
}

/** Writes all bytes where `to` stands, which may take them in pieces. Throws what Deno throws where it cannot be written. */
export function writeFully(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += to.writeSync(bytes.subarray(done));
}

/** Throws a UserError where one can see that a file cannot be written, before the work that leads to it. */
export function mustBeWritable(path: string): void {
  const why = whyUnwritable(path);
  if (why !== undefined) throw unwritable(path, why);
}

/** A file that cannot be written: it was named wrongly, or the disk is full, gone or not to be written. */
export class Unwritable extends UserError {}

/** What is to be told where a file cannot be written. */
export function unwritable(path: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  return new Unwritable(`Cannot write ${path}: ${whyUnwritable(path) ?? reason(error)}`);
}

/** The bytes behind a typed array, not copied. */
export function asBytes(view: ArrayBufferView<ArrayBufferLike>): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The message of whatever was thrown. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
