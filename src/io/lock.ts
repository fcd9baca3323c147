/** Locks that the system forgets with their process, however it ends: no lock is ever stale. */
import { join } from "node:path";
import { UserError } from "../base/user_error.ts";
import { unwritable } from "./file_bytes.ts";
import { remove } from "./files.ts";

/** True where this process has the lock of a file now, or the file system knows no locks, as some of networks do not. */
export function tryLock(file: Deno.FsFile): boolean {
  try {
    return file.tryLockSync(true);
  } catch {
    return true;
  }
}

/** Gives a lock back before the file is closed. */
export function unlock(file: Deno.FsFile): void {
  try {
    file.unlockSync();
  } catch {
    // The file system knows no locks.
  }
}

/** Whether an open file is still what stands at a path. */
export function isAt(path: string, file: Deno.FsFile): boolean {
  try {
    return Deno.lstatSync(path).ino === file.statSync().ino;
  } catch {
    return false;
  }
}

/** The name of the file that is locked, in the folder of what one process works on. */
export const LOCK = "lock";

/** A folder that one process at a time works on, until it disposes this or ends in any way. */
export class FolderLock implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;

  /** `cure` ends the message where another process has it. Throws a UserError then, and where it cannot be locked. */
  constructor(folder: string, cure: string) {
    this.#path = join(folder, LOCK);
    for (;;) {
      this.#file = open(this.#path);
      if (!tryLock(this.#file)) {
        this.#file.close();
        throw new UserError(`Another process works on ${folder}: ${cure}`);
      }
      if (isAt(this.#path, this.#file)) return;
      this.#file.close(); // it was removed by the process that had it, just now
    }
  }

  [Symbol.dispose](): void {
    // Before it is unlocked: later, it may be another's.
    if (isAt(this.#path, this.#file)) remove(this.#path);
    this.#file.close();
  }
}

function open(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { write: true, create: true });
  } catch (error) {
    throw unwritable(path, error);
  }
}
