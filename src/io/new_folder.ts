/** Fills folders that appear whole or not at all. */
import { dirname } from "node:path";
import { unwritable } from "./file_bytes.ts";
import { makeFolder } from "./files.ts";
import { tryLock } from "./lock.ts";
import { BeingWritten, removeLeft, syncFolder, temporaryOf } from "./new_file.ts";

/** A folder that is filled, and not in its place yet; disposed, it is gone unless it took it. */
export class NewFolder implements Disposable {
  readonly path: string;
  /** Where it is while it is filled, beside its place. */
  readonly filled: string;
  /** Tells others that it is being filled. */
  readonly #lock: Deno.FsFile | undefined;
  #isPlaced = false;

  /** Makes the folders around it. Throws a UserError where it cannot be made, also because another process is writing it. */
  constructor(path: string) {
    this.path = path.replace(/(?<=.)[/\\]+$/, "");
    this.filled = temporaryOf(this.path);
    makeFolder(dirname(this.path));
    if (!removeLeft(this.filled)) throw new BeingWritten(path);
    try {
      Deno.mkdirSync(this.filled);
    } catch (error) {
      throw unwritable(path, error);
    }
    this.#lock = lockFolder(this.filled);
  }

  /** Where what is at a path in it while it is filled will be. */
  placeOf(path: string): string {
    return this.path + path.slice(this.filled.length);
  }

  /** Has it appear; there may be an empty one in its place. Throws a UserError where that cannot be. */
  place(): void {
    try {
      if (Deno.build.os === "windows") removeEmpty(this.path); // elsewhere it is replaced
      Deno.renameSync(this.filled, this.path);
    } catch (error) {
      throw unwritable(this.path, error);
    }
    this.#isPlaced = true;
    syncFolder(dirname(this.path));
  }

  [Symbol.dispose](): void {
    if (!this.#isPlaced) {
      try {
        Deno.removeSync(this.filled, { recursive: true });
      } catch {
        // It is gone, or the next to write it removes it.
      }
    }
    this.#lock?.close();
  }
}

/** Undefined where folders cannot be opened, as on Windows. */
function lockFolder(path: string): Deno.FsFile | undefined {
  try {
    const folder = Deno.openSync(path, { read: true });
    tryLock(folder);
    return folder;
  } catch {
    return undefined;
  }
}

function removeEmpty(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
