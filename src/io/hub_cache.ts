// Reads and writes the cache that Hugging Face's libraries share, in their layout:
//   models--org--name/blobs/<hash>                     contents, named by SHA-256 or, for small files, git's SHA-1
//   models--org--name/snapshots/<commit>/<file>        relative symbolic links to blobs
//   models--org--name/refs/<revision>                  the commit a branch or tag stood for when last asked
//   models--org--name/.no_exist/<commit>/<file>        empty: this commit is known not to have the file
//   .locks/models--org--name/<hash>.lock               held by whoever downloads the blob
// A file that is put there appears by a rename, so that other processes see it whole or not at all.
import { dirname, join } from "node:path";
import { statfs } from "node:fs/promises";
import { reason } from "./file_bytes.ts";
import { UserError } from "../base/user_error.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that say where the cache is and how a hub is reached: all of the environment that is looked at. */
export const HUB_VARIABLES = [
  "HF_HOME",
  "HF_HUB_CACHE",
  "HUGGINGFACE_HUB_CACHE",
  "XDG_CACHE_HOME",
  "HOME",
  "USERPROFILE",
  "HF_ENDPOINT",
  "HF_TOKEN",
  "HF_HUB_OFFLINE",
  "TRANSFORMERS_OFFLINE",
] as const;

/** These variables, as they are now. */
export function hubEnvironment(): Environment {
  return Object.fromEntries(HUB_VARIABLES.map((name) => [name, Deno.env.get(name)]));
}

/** The folder of the cache: `HF_HUB_CACHE`, else `HF_HOME`/hub, else ~/.cache/huggingface/hub. */
export function cacheFolder(env: Environment): string {
  const chosen = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE;
  return chosen ? expanded(chosen, env) : join(hubHome(env), "hub");
}

/** The folder of all that Hugging Face's libraries keep: `HF_HOME`, else ~/.cache/huggingface. */
export function hubHome(env: Environment): string {
  if (env.HF_HOME) return expanded(env.HF_HOME, env);
  return join(expanded(env.XDG_CACHE_HOME || "~/.cache", env), "huggingface");
}

/** A path in which ~ is the home folder. */
function expanded(path: string, env: Environment): string {
  if (!/^~(?=[/\\]|$)/.test(path)) return path;
  const home = env.HOME || env.USERPROFILE;
  if (!home) throw new UserError(`Cannot place ${path}: HOME is not set`);
  return home + path.slice(1);
}

export function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/** The part of the cache that belongs to one model. Names and hashes handed in must have been checked. */
export class ModelCache {
  readonly root: string;
  readonly folder: string;
  readonly #locks: string;

  constructor(root: string, id: string) {
    const name = `models--${id.replaceAll("/", "--")}`;
    this.root = root;
    this.folder = join(root, name);
    this.#locks = join(root, ".locks", name);
  }

  /** The commit that a revision (a commit itself, or a branch or tag asked for before) stands for in the cache. */
  commitOf(revision: string): string | undefined {
    const commit = isCommit(revision) ? revision : readText(join(this.folder, "refs", revision))?.trim();
    return commit !== undefined && isCommit(commit) ? commit : undefined;
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  blob(hash: string): string {
    return join(this.folder, "blobs", hash);
  }

  /** Whether a commit has a file: true if it is here, false if it is known not to exist, else undefined. */
  presence(commit: string, name: string): boolean | undefined {
    if (fileSize(join(this.snapshot(commit), name)) !== undefined) return true;
    return fileSize(join(this.folder, ".no_exist", commit, name)) === undefined ? undefined : false;
  }

  /** Runs `action` while no other process downloads this blob; `waiting` is called if one does. */
  async locked<T>(hash: string, waiting: () => void, action: (alone: boolean) => Promise<T>): Promise<T> {
    const path = join(this.#locks, `${hash}.lock`);
    makeFolder(this.#locks);
    using file = Deno.openSync(path, { create: true, write: true }); // closing lets go of the lock
    let alone = true;
    try {
      if (!await file.tryLock(true)) {
        waiting();
        await file.lock(true);
      }
    } catch {
      alone = false; // some network file systems have no locks
    }
    return await action(alone);
  }

  /** Makes a blob appear under its file's name in a snapshot. */
  link(commit: string, name: string, hash: string): void {
    const pointer = join(this.snapshot(commit), name);
    makeFolder(dirname(pointer));
    const temporary = `${pointer}.${crypto.randomUUID()}`;
    try {
      placeLink(join("..", "..", "blobs", hash), this.blob(hash), temporary);
      Deno.renameSync(temporary, pointer);
    } catch (error) {
      removeFile(temporary);
      throw error;
    }
  }

  /** Notes files that a commit does not have. */
  markAbsent(commit: string, names: Iterable<string>): void {
    for (const name of names) {
      const path = join(this.folder, ".no_exist", commit, name);
      makeFolder(dirname(path));
      Deno.writeTextFileSync(path, "");
    }
  }

  /** Notes which commit a branch or tag stands for. */
  setRef(revision: string, commit: string): void {
    if (isCommit(revision) || this.commitOf(revision) === commit) return;
    const path = join(this.folder, "refs", revision);
    makeFolder(dirname(path));
    const temporary = `${path}.${crypto.randomUUID()}`;
    Deno.writeTextFileSync(temporary, commit);
    Deno.renameSync(temporary, path);
  }

  /** Makes room for blobs: their folder. Throws a UserError if the disk has less than `bytes` free, if that is known. */
  async prepare(bytes: number): Promise<void> {
    makeFolder(join(this.folder, "blobs"));
    const free = await statfs(this.folder).then((disk) => disk.bavail * disk.bsize, () => Infinity);
    if (free < bytes) throw new UserError(diskFull(this.root, `${megabytes(bytes)} to come`, free));
  }
}

/** Runs what writes into the cache; what the system refuses becomes a UserError that says what to do. */
export async function writing<T>(root: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    if (code === "ENOSPC" || code === "EDQUOT") throw new UserError(diskFull(root, "more to come"));
    if (error instanceof UserError || typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) throw error;
    throw new UserError(
      `Cannot write to the model cache ${root}: ${
        reason(error)
      }. Set HF_HOME to a folder that you may write to`,
    );
  }
}

function diskFull(root: string, needed: string, free?: number): string {
  const left = free === undefined ? "is full" : `has ${megabytes(free)} free`;
  return `Cannot download into ${root}: its disk ${left}, with ${needed}. Free some space, or set HF_HOME to a ` +
    "folder on another disk; what is there already is kept and the download goes on from it";
}

export function megabytes(bytes: number): string {
  return bytes < 1e5 ? `${bytes} bytes` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The size of a file, through links; undefined where there is none. */
export function fileSize(path: string): number | undefined {
  try {
    const stat = Deno.statSync(path);
    return stat.isDirectory ? undefined : stat.size;
  } catch {
    return undefined;
  }
}

/** Removes a file, if there is one. */
export function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Links `path` to a file; where the file system or its rights have no links of one sort, then by the next. */
export function placeLink(
  relativeTarget: string,
  target: string,
  path: string,
  system: Pick<typeof Deno, "symlinkSync" | "linkSync" | "copyFileSync"> = Deno,
): void {
  try {
    system.symlinkSync(relativeTarget, path, { type: "file" });
  } catch {
    try {
      system.linkSync(target, path);
    } catch {
      system.copyFileSync(target, path);
    }
  }
}

function makeFolder(path: string): void {
  Deno.mkdirSync(path, { recursive: true });
}

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined; // then it will be asked for again
  }
}
