/**
 * Loaded before the program (`deno run --preload`): counts what it does to files below a folder, kills it at one of these, and may
 * then take back what no disk had yet, as when the power fails. What it shall do stands as JSON in the variable `FILE_FAULTS`.
 *
 * Of a power failure, this is the model: what was written since a file was last synced may be gone, all or from some byte on.
 * Changes of names (made, renamed, removed) count in the order in which they were made, as file systems with a journal have it,
 * up to a random one of those since the folder was last synced.
 */
import { dirname, join, resolve } from "node:path";
import { Random } from "../../src/base/random.ts";

export interface FileFaults {
  /** Below this folder. */
  readonly folder: string;
  /** At which of the steps, from 1, the process is killed: before it, or in the middle of what it writes. Never if not given. */
  readonly at?: number;
  /** Where the power fails: a key of random numbers for what is lost. */
  readonly power?: number;
  /** Where the steps are listed, a line each. */
  readonly log?: string;
  /** An empty folder beside, for what may have to come again. */
  readonly shelf: string;
}

export const VARIABLE = "FILE_FAULTS";

const faults: FileFaults | undefined = JSON.parse(Deno.env.get(VARIABLE) ?? "null") ?? undefined;
if (faults !== undefined) watch(faults);

function watch({ folder, at, power, log, shelf }: FileFaults): void {
  const real = {
    openSync: Deno.openSync,
    renameSync: Deno.renameSync,
    removeSync: Deno.removeSync,
    mkdirSync: Deno.mkdirSync,
    writeSync: Deno.FsFile.prototype.writeSync,
    truncateSync: Deno.FsFile.prototype.truncateSync,
    syncSync: Deno.FsFile.prototype.syncSync,
    readFileSync: Deno.readFileSync,
    writeFileSync: Deno.writeFileSync,
    linkSync: Deno.linkSync,
    kill: Deno.kill,
  };
  const isThere = (path: string) => {
    try {
      return Deno.lstatSync(path);
    } catch {
      return undefined;
    }
  };
  const isWatched = (path: string | URL): path is string =>
    typeof path === "string" && `${resolve(path)}/`.startsWith(`${folder}/`);

  /** Contents that the disk has of files that were written to since, by their paths; nothing of those that are new. */
  const unsynced = new Map<string, Uint8Array>();
  /** How to take back changes of names, and in which folder they were. */
  let changes: { folder: string; undo: () => void }[] = [];
  let steps = 0;
  let shelved = 0;

  /** A name by which a file can come back after its own is gone or another's; folders are moved there instead. */
  const shelve = (path: string): () => void => {
    if (!isThere(path)?.isFile) return () => {};
    const kept = join(shelf, `${Deno.pid}-${shelved++}`);
    real.linkSync(path, kept);
    const content = unsynced.get(path);
    return () => {
      real.renameSync(kept, path);
      if (content !== undefined) real.writeFileSync(path, content);
    };
  };

  const failPower = (key: number) => {
    const random = new Random(key);
    for (const [path, durable] of unsynced) {
      if (!isThere(path)) continue;
      const written = real.readFileSync(path);
      // Nothing of what is new, all of it, or a part, which may lack bytes in its midst.
      const share = Math.min(1, Math.max(0, random.between(-0.5, 1.5)));
      const length = Math.round(durable.length + share * Math.max(0, written.length - durable.length));
      const left = written.slice(0, length);
      if (random.uniform() < 0.5) left.fill(0, Math.min(length, durable.length));
      real.writeFileSync(path, share === 0 ? durable : left);
    }
    const kept = Math.floor(random.between(0, changes.length + 1));
    for (const { undo } of changes.slice(kept).reverse()) undo();
  };

  /** Counts a step, and dies at the one it shall, after `half` of it. */
  const step = (what: string, path: string, half: () => void = () => {}) => {
    steps++;
    if (log !== undefined) {
      real.writeFileSync(log, new TextEncoder().encode(`${what} ${path}\n`), { append: true });
    }
    if (steps !== at) return;
    half();
    if (power !== undefined) failPower(power);
    real.kill(Deno.pid, "SIGKILL");
    for (;;); // until the signal comes
  };
  const changed = (path: string, undo: () => void) => changes.push({ folder: dirname(resolve(path)), undo });
  const written = (path: string) => {
    if (!unsynced.has(path)) unsynced.set(path, real.readFileSync(path));
  };

  const paths = new WeakMap<Deno.FsFile, string>();
  Deno.openSync = (path, options = { read: true }) => {
    if (!isWatched(path)) return real.openSync(path, options);
    const { write, append, create, createNew, truncate } = options;
    const isFolder = isThere(path)?.isDirectory;
    const makes = (create || createNew) && !isThere(path);
    if (makes || truncate) step("open", path);
    if (truncate && !makes) written(path);
    const file = real.openSync(path, options);
    if (makes) {
      unsynced.set(path, new Uint8Array());
      changed(path, () => isThere(path) && real.removeSync(path));
    }
    if (write || append || isFolder) paths.set(file, path);
    return file;
  };
  Deno.FsFile.prototype.writeSync = function (bytes) {
    const path = paths.get(this);
    if (path === undefined) return real.writeSync.call(this, bytes);
    written(path);
    step("write", path, () => real.writeSync.call(this, bytes.subarray(0, bytes.length >> 1)));
    return real.writeSync.call(this, bytes);
  };
  Deno.FsFile.prototype.truncateSync = function (length) {
    const path = paths.get(this);
    if (path !== undefined) {
      written(path);
      step("truncate", path);
    }
    real.truncateSync.call(this, length);
  };
  Deno.FsFile.prototype.syncSync = function () {
    const path = paths.get(this);
    if (path !== undefined) step("sync", path);
    real.syncSync.call(this);
    if (path === undefined) return;
    unsynced.delete(path);
    if (isThere(path)?.isDirectory) changes = changes.filter(({ folder }) => folder !== resolve(path));
  };
  Deno.FsFile.prototype.syncDataSync = Deno.FsFile.prototype.syncSync;
  Deno.renameSync = (from, to) => {
    if (!isWatched(from) || !isWatched(to)) return real.renameSync(from, to);
    step("rename", to);
    const putBack = shelve(to);
    real.renameSync(from, to);
    const content = unsynced.get(from);
    unsynced.delete(from);
    if (content !== undefined) unsynced.set(to, content);
    else unsynced.delete(to);
    changed(to, () => {
      real.renameSync(to, from);
      putBack();
    });
  };
  Deno.removeSync = (path, options) => {
    if (!isWatched(path) || !isThere(path)) return real.removeSync(path, options);
    step("remove", path);
    const putBack = shelve(path);
    real.removeSync(path, options);
    unsynced.delete(path);
    changed(path, putBack);
  };
  Deno.mkdirSync = (path, options) => {
    if (!isWatched(path) || isThere(path)) return real.mkdirSync(path, options);
    step("mkdir", path);
    real.mkdirSync(path, options);
    changed(path, () => isThere(path) && real.removeSync(path, { recursive: true }));
  };
  /** What is made of the steps above, as the system makes it. */
  Deno.writeFileSync = (path, data, { append = false, createNew = false, create = true } = {}) => {
    if (data instanceof ReadableStream) throw new TypeError("streams are not watched");
    if (!isWatched(path)) return real.writeFileSync(path, data, { append, createNew, create });
    using file = Deno.openSync(path, { write: !append, append, create, createNew, truncate: !append });
    for (let done = 0; done < data.length;) done += file.writeSync(data.subarray(done));
  };
  Deno.writeTextFileSync = (path, data, options) => {
    Deno.writeFileSync(path, new TextEncoder().encode(data), options);
  };
  Deno.copyFileSync = (from, to) => Deno.writeFileSync(to, real.readFileSync(from));
}
