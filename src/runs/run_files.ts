/**
 * The files of a run that are read again, with the checksums of all in SHA256SUMS. Files that belong together are written beside
 * their places; once the list of checksums has its place, they count, and take theirs. So a crash leaves all of them or none, and
 * what it cut short is finished or dropped by the next process that works on the run.
 */
import { createHash } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { UserError } from "../base/user_error.ts";
import { checksumList, checksumOf, parseChecksumList } from "../io/checksum.ts";
import { chunksOf, unwritable } from "../io/file_bytes.ts";
import { exists, makeFolder } from "../io/files.ts";
import { FolderLock } from "../io/lock.ts";
import { isFree, NewFile, removeAllLeft, syncFolder, temporaryOf, writeTextFile } from "../io/new_file.ts";
import { readUtf8 } from "../io/text_file.ts";

/** The list of checksums. */
export const SUMS = "SHA256SUMS";

/** Milliseconds that a reader waits, time and again, for a process that is just putting files into their places. */
const PATIENCE = 20;
/** How often. */
const WAITS = 50;

interface Staged {
  readonly file: NewFile;
  readonly sum: string;
}

/** Names are paths from the folder of the run, parted by "/". */
export class RunFiles {
  readonly folder: string;
  /** What was written of a set that is not whole yet, by names. */
  #staged: Map<string, Staged> | undefined;
  /** Whether this process has written the list. */
  #isBegun = false;

  constructor(folder: string) {
    this.folder = folder;
  }

  path(name: string): string {
    return join(this.folder, ...name.split("/"));
  }

  /**
   * Takes the run for this process, until disposed, and finishes or drops what one before has left half done. Throws a UserError
   * where another process works on it, which `cure` ends.
   */
  hold(cure = "wait for it to end"): Disposable {
    const lock = new FolderLock(this.folder, cure);
    try {
      this.#settle();
      return lock;
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /** What `body` writes counts at once, or not at all where it throws. */
  together(body: () => void): void {
    if (this.#staged !== undefined) return body();
    const staged = this.#staged = new Map<string, Staged>();
    try {
      body();
      this.#commit(staged);
    } finally {
      this.#staged = undefined;
      for (const { file } of staged.values()) file[Symbol.dispose]();
    }
  }

  /** Writes a file. Throws a UserError where it cannot be written, and what making the parts throws. */
  write(name: string, parts: Iterable<Uint8Array>): void {
    this.together(() => {
      const path = this.path(name);
      // One that was removed meanwhile must not come again with a part of its files.
      if (!exists(this.folder)) throw unwritable(path, `there is no folder ${this.folder}`);
      makeFolder(dirname(path));
      this.#staged!.get(name)?.file[Symbol.dispose]();
      const file = new NewFile(path);
      const hash = createHash("sha256");
      try {
        for (const bytes of parts) {
          hash.update(bytes);
          file.write(bytes);
        }
        file.sync();
      } catch (error) {
        file[Symbol.dispose]();
        throw error;
      }
      this.#staged!.set(name, { file, sum: hash.digest("hex") });
    });
  }

  /**
   * Adds to the end of a file, which may not be there yet; the memory that it takes does not grow with the file. Throws a UserError
   * as `write` does, and where the file was damaged.
   */
  append(name: string, text: string): void {
    if (this.#staged?.has(name)) throw new RangeError(`${name} is added to twice in a set of files`);
    const before = this.has(name) ? chunksOf(this.whole(name)) : [];
    this.write(name, joined(before, [new TextEncoder().encode(text)]));
  }

  writeText(name: string, text: string): void {
    this.write(name, [new TextEncoder().encode(text)]);
  }

  writeJson(name: string, value: unknown): void {
    this.writeText(name, JSON.stringify(value, null, 2) + "\n");
  }

  /** Throws a UserError where there is no list of checksums. */
  mustHaveSums(): void {
    if (exists(this.path(SUMS))) return;
    throw new UserError(
      `The run ${this.folder} has no ${SUMS}: it was lost, or an older version of unis made the run. Restore it from a copy, ` +
        "or train again; with an empty file of that name the run is used as it is",
    );
  }

  /** Whether the run has a file, or should have it. */
  has(name: string): boolean {
    return this.#staged?.has(name) || exists(this.path(name)) || this.#sums().has(name);
  }

  /** Whether a file is there to be read by `whole`, and not lost. */
  isThere(name: string): boolean {
    const path = this.path(name);
    if (this.#staged?.has(name) || exists(path)) return true;
    const sum = this.#sums().get(name);
    return sum !== undefined && hasSum(temporaryOf(path), sum) || exists(path);
  }

  /** The names of files that the run has in a folder of its own, with that folder and a "/" before them. */
  namesIn(folder: string): string[] {
    return [...this.#sums().keys()].filter((name) => name.startsWith(`${folder}/`));
  }

  /**
   * Where to read a file that is as it was written; one that is not in the list of checksums is taken as it is. Throws a
   * UserError where it is gone or was changed, which ends with `cure`.
   */
  whole(name: string, cure: () => string = () => this.#cure(name)): string {
    const path = this.path(name);
    if (this.#staged?.has(name)) return temporaryOf(path);
    let sum = this.#sums().get(name);
    for (let waits = 0; sum !== undefined; waits++) {
      if (hasSum(path, sum)) return path;
      const next = temporaryOf(path);
      const isNext = hasSum(next, sum);
      // The process that wrote it was killed before it took its place.
      if (isNext && isFree(next)) return next;
      const now = this.#sums().get(name);
      if (!isNext && now === sum && !exists(path)) {
        throw new UserError(`${path} is gone, which ${SUMS} lists. ${cure()}`);
      }
      if ((!isNext && now === sum && !hasSum(path, sum)) || waits === WAITS) {
        throw new UserError(
          `${path} is damaged: its contents do not match its checksum in ${SUMS}. ${cure()}`,
        );
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PATIENCE);
      sum = now;
    }
    return path;
  }

  #cure(name: string): string {
    return `Restore it from a copy; to use the run as it is, remove the line of ${name} from ${SUMS}`;
  }

  #sums(): Map<string, string> {
    const path = this.path(SUMS);
    if (!exists(path)) return new Map();
    return parseChecksumList(readUtf8(path), path);
  }

  #commit(staged: ReadonlyMap<string, Staged>): void {
    if (staged.size === 0) return;
    if (this.#isBegun && !exists(this.path(SUMS))) {
      throw unwritable(this.path(SUMS), `it was removed while the run was worked on`);
    }
    const folders = new Set([...staged.values()].flatMap(({ file }) => this.#foldersTo(file.path)));
    for (const folder of folders) syncFolder(folder);
    const sums = this.#sums();
    for (const [name, { sum }] of staged) sums.set(name, sum);
    writeTextFile(this.path(SUMS), checksumList(sums));
    this.#isBegun = true;
    try {
      for (const { file } of staged.values()) file.place();
    } finally {
      for (const { file } of staged.values()) file.leave();
    }
    for (const folder of folders) syncFolder(folder);
  }

  /** The folders in which names may be new that lead to a file: at first, that of the run is one. */
  #foldersTo(path: string): string[] {
    const last = resolve(this.#isBegun ? this.folder : dirname(this.folder));
    const folders = [resolve(dirname(path))];
    while (folders.at(-1)!.length > last.length) folders.push(dirname(folders.at(-1)!));
    return folders;
  }

  #settle(): void {
    for (const [name, sum] of this.#sums()) {
      const path = this.path(name);
      const next = temporaryOf(path);
      if (!exists(next)) continue;
      if (!hasSum(next, sum)) continue;
      try {
        Deno.renameSync(next, path);
      } catch (error) {
        throw unwritable(path, error);
      }
    }
    removeAllLeft(this.folder, true);
  }
}

function* joined<T>(...parts: readonly Iterable<T>[]): Generator<T> {
  for (const part of parts) yield* part;
}

/** Whether there is a file with this checksum at a path. Throws a UserError where there is one that cannot be read. */
function hasSum(path: string, sum: string): boolean {
  try {
    return checksumOf(path) === sum;
  } catch {
    // It may just have taken its place, or left it.
    return exists(path) && checksumOf(path) === sum;
  }
}
