/** Writes files whole or not at all: beside their place, which they take once they are on the disk. */
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { UserError } from "../base/user_error.ts";
import { unwritable, writeFully } from "./file_bytes.ts";
import { remove } from "./files.ts";
import { isAt, tryLock, unlock } from "./lock.ts";

/** The end of the names of files that have not taken their place. */
const ENDING = ".unis.tmp";
/** The longest name that file systems take, in bytes. */
const MOST_NAME_BYTES = 255;

/** Where a file is while it is not whole, beside the place that it is to take. */
export function temporaryOf(path: string): string {
  const name = basename(path);
  const isShort = new TextEncoder().encode(name + ENDING).length <= MOST_NAME_BYTES;
  const stem = isShort ? name : createHash("sha256").update(name).digest("hex");
  return join(dirname(path), stem + ENDING);
}

/** Whether a name is that of a file or a folder that has not taken its place. */
export function isTemporary(name: string): boolean {
  return name.endsWith(ENDING);
}

/** Another process is writing what is to be written. */
export class BeingWritten extends UserError {
  constructor(path: string) {
    super(`Cannot write ${path}: another process is writing it`);
  }
}

/** A file that is written, and not in its place yet; disposed, it is gone unless it took it. */
export class NewFile implements Disposable {
  readonly path: string;
  readonly #temporary: string;
  readonly #file: Deno.FsFile;
  #isOpen = true;

  /** Throws a UserError where it cannot be written, also because another process is writing it. */
  constructor(path: string) {
    this.path = path;
    this.#temporary = temporaryOf(path);
    try {
      this.#file = openAlone(path, this.#temporary);
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  /** Throws a UserError, as all that follow do, where it cannot. */
  write(bytes: Uint8Array): void {
    try {
      writeFully(this.#file, bytes);
    } catch (error) {
      throw unwritable(this.path, error);
    }
  }

  /** Has all of it on the disk, under the name of what is not in its place, where it may be read. */
  sync(): void {
    try {
      this.#file.syncSync();
    } catch (error) {
      throw unwritable(this.path, error);
    }
    // Windows lets nobody read what is locked, and this process by this handle alone.
    if (Deno.build.os === "windows") unlock(this.#file);
  }

  /** Takes the place of what there was. It must have been synced. */
  place(): void {
    try {
      if (Deno.build.os === "windows") this.#close(); // which renames no open files
      Deno.renameSync(this.#temporary, this.path);
    } catch (error) {
      throw unwritable(this.path, error);
    }
    this.#close();
  }

  /** Has it appear, whole. */
  finish(): void {
    this.sync();
    this.place();
    syncFolder(dirname(this.path));
  }

  /** Leaves it where it is: what it belongs to counts already, and the next process puts it into its place. */
  leave(): void {
    this.#close();
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    if (isAt(this.#temporary, this.#file)) remove(this.#temporary);
    this.#close();
  }

  #close(): void {
    if (this.#isOpen) this.#file.close();
    this.#isOpen = false;
  }
}

/** Makes a file that no other process writes; one that was left by a process which was killed is removed. */
function openAlone(path: string, temporary: string): Deno.FsFile {
  for (let tries = 0; tries < 3; tries++) {
    try {
      const file = Deno.openSync(temporary, { write: true, createNew: true });
      if (tryLock(file) && isAt(temporary, file)) return file;
      file.close(); // another process took it for one that was left
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      if (!removeLeft(temporary)) break;
    }
  }
  throw new BeingWritten(path);
}

/** Removes what a process that was killed has left at a path; false where a process is still writing it. */
export function removeLeft(path: string): boolean {
  if (!isFree(path)) return false;
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return true;
}

/** True where nobody writes what is at a path. */
export function isFree(path: string): boolean {
  let file: Deno.FsFile;
  try {
    const { isSymlink, isFile } = Deno.lstatSync(path);
    if (isSymlink) return true; // it leads elsewhere, and what is there is not ours to look at
    file = Deno.openSync(path, { read: true, write: isFile });
  } catch {
    return true;
  }
  const isFree = tryLock(file);
  file.close();
  return isFree;
}

/** Removes all that was left in a folder, and in those below it if wanted, by processes that were killed while they wrote. */
export function removeAllLeft(folder: string, below: boolean): void {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (!isTemporary(name)) {
      if (isDirectory && below) removeAllLeft(path, below);
    } else if (isFree(path)) remove(path);
  }
}

/** Writes a text file whole or not at all. Throws a UserError where it cannot be written. */
export function writeTextFile(path: string, text: string): void {
  writeParts(path, [new TextEncoder().encode(text)]);
}

/**
 * Writes parts one after the other as one file: it appears complete and flushed to the disk, or not at all. Throws a
 * UserError where it cannot be written, and what making the parts throws.
 */
export function writeParts(path: string, parts: Iterable<Uint8Array>): void {
  using file = new NewFile(path);
  for (const bytes of parts) file.write(bytes);
  file.finish();
}

/** Has the names in a folder on the disk: a file that was renamed may have its old name else, after the power failed. */
export function syncFolder(path: string): void {
  try {
    using folder = Deno.openSync(path, { read: true });
    folder.syncSync();
  } catch {
    // Windows opens no folders, and some file systems sync none.
  }
}
