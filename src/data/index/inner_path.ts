/** Finds the files that a data set names by paths, and sees to it that they lie where the user allows it. */
import { basename, dirname, isAbsolute, join, normalize, relative, resolve, sep } from "node:path";
import { reason } from "../../io/file_bytes.ts";
import { whyMissing } from "../../io/pointer_file.ts";
import { UserError } from "../../base/user_error.ts";

export interface InnerPathsOptions {
  /** Further folders in which files may lie; they count from `folder` unless they are absolute. */
  readonly roots?: readonly string[];
  /** What names the roots: a key, or a flag of the command. */
  readonly key?: "data.roots" | "--roots";
}

/**
 * The files of one folder, from which paths count, and of the roots that the user adds. A table may come from anywhere, so
 * neither a path as it is written nor a link may lead out of them, but for links to the store of the folder's own
 * repository: the Hugging Face cache, git-annex and DVC keep all files there and link to them.
 */
export class InnerPaths {
  readonly #folder: string;
  /** As they are called; and where they really lie, stores among them. */
  readonly #roots: readonly string[];
  readonly #realRoots: readonly string[];
  readonly #key: string;
  /** The real places of folders in which files were found before. */
  readonly #realFolders = new Map<string, string>();

  /** Throws a UserError where one of `roots` is no folder. */
  constructor(folder: string, { roots = [], key = "data.roots" }: InnerPathsOptions = {}) {
    const all = roots.map((root) => folderOf(key, folder, root));
    this.#folder = folder;
    this.#roots = [resolve(folder), ...all];
    this.#realRoots = [...this.#roots, ...storesOf(folder)].flatMap((root) => realPathOf(root) ?? []);
    this.#key = key;
  }

  /** The path of a file, links in it not resolved. Throws a UserError that says why there is none to be had. */
  find(given: string): string {
    const written = given.trim();
    if (written === "") throw new UserError("no path is given");
    if (/^[a-z]+:\/\//i.test(written)) {
      throw new UserError(`${written} is an address, not the path of a file`);
    }
    const inner = normalize(written);
    const place = isAbsolute(inner) ? inner : join(this.#folder, inner);
    if (!this.#roots.some((root) => isWithin(root, resolve(place)))) {
      const how = isAbsolute(inner) ? "is outside of" : "leads out of";
      throw new UserError(`${written} ${how} ${this.#folder}; ${this.#cure(dirname(resolve(place)))}`);
    }
    // File systems other than Apple's take the two ways to write "é" for two names.
    for (const path of new Set([place, place.normalize("NFC"), place.normalize("NFD")])) {
      const found = statOf(path);
      if (found?.isFile) return this.#within(path, written);
      if (found !== undefined) throw new UserError(`${written} is not a file`);
    }
    const advice = inner.includes("\\") ? '; folders are parted by "/"' : "";
    throw new UserError(`${place} ${whyMissing(place)}${advice}`);
  }

  /** The path, if that is also where the file really lies, or a link that leads where it may. */
  #within(path: string, written: string): string {
    const folder = dirname(path);
    let realFolder = this.#realFolders.get(folder);
    if (realFolder === undefined) {
      realFolder = Deno.realPathSync(folder);
      this.#realFolders.set(folder, realFolder);
    }
    const real = Deno.lstatSync(path).isSymlink ? Deno.realPathSync(path) : join(realFolder, basename(path));
    if (this.#realRoots.some((root) => isWithin(root, real))) return path;
    throw new UserError(
      `${written} is a link to ${real}, outside of ${this.#folder}; ${this.#cure(linkedFolder(path, real))}`,
    );
  }

  #cure(folder: string): string {
    const how = this.#key.startsWith("--")
      ? `${this.#key} ${folder}`
      : `--set '${this.#key}=${JSON.stringify([folder])}'`;
    return `to allow the files of that folder: ${how}`;
  }
}

/** The absolute path of a folder that a key or flag names. Throws a UserError where it is none. */
export function folderOf(key: string, from: string, folder: string): string {
  const path = resolve(from, folder);
  if (statOf(path)?.isDirectory) return path;
  throw new UserError(`"${key}" names ${path}, which is no folder`);
}

/** The folder that the last link of a path leads to, or in which the file lies that it leads to. */
function linkedFolder(path: string, real: string): string {
  let [at, target] = [path, real];
  // Below the last link a path and what it really is have the same names.
  while (!Deno.lstatSync(at).isSymlink && at !== dirname(at)) [at, target] = [dirname(at), dirname(target)];
  return at === path ? dirname(real) : target;
}

function isWithin(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Where tools keep the files of a folder by their contents, in the repositories that the folder is in. */
function storesOf(folder: string): string[] {
  const stores: string[] = [];
  for (let at = resolve(folder), up = dirname(at); at !== up; [at, up] = [up, dirname(up)]) {
    if (basename(at) === "snapshots") stores.push(join(up, "blobs")); // snapshots/COMMIT of the Hugging Face cache
    stores.push(join(at, ".git/annex/objects"), join(at, ".dvc/cache"));
  }
  return stores;
}

function realPathOf(path: string): string | undefined {
  try {
    return Deno.realPathSync(path);
  } catch {
    return undefined; // there is nothing
  }
}

/** Undefined where there is nothing. */
function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new UserError(`${path}: ${reason(error)}`);
  }
}
