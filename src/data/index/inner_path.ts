/** Finds the files that a data set names by paths, which are counted from its own folder and stay in it. */
import { isAbsolute, join, normalize, sep } from "node:path";
import { reason } from "../../io/file_bytes.ts";
import { whyMissing } from "../../io/pointer_file.ts";
import { UserError } from "../../base/user_error.ts";

/**
 * The files of one folder. A table may come from anywhere, so the paths in it must not lead out of the folder as they are
 * written. Links in the folder are its owner's and are followed wherever they lead: the Hugging Face cache, git-annex and
 * DVC keep all files elsewhere and link to them.
 */
export class InnerPaths {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The path of a file, links in it not resolved. Throws a UserError that says why there is none to be had. */
  find(relative: string): string {
    const written = relative.trim();
    if (written === "") throw new UserError("no path is given");
    if (/^[a-z]+:\/\//i.test(written)) {
      throw new UserError(`${written} is an address, not the path of a file`);
    }
    if (isAbsolute(written)) {
      throw new UserError(
        `${written} is an absolute path: paths are counted from ${this.#folder}; ${ADVICE}`,
      );
    }
    const inner = normalize(written);
    if (inner === ".." || inner.startsWith(`..${sep}`)) {
      throw new UserError(`${written} leads out of ${this.#folder}; ${ADVICE}`);
    }
    // File systems other than Apple's take the two ways to write "é" for two names.
    for (const spelling of [inner, inner.normalize("NFC"), inner.normalize("NFD")]) {
      const path = join(this.#folder, spelling);
      const found = statOf(path);
      if (found?.isFile) return path;
      if (found !== undefined) throw new UserError(`${written} is not a file`);
    }
    const path = join(this.#folder, inner);
    const advice = inner.includes("\\") ? '; folders are parted by "/"' : "";
    throw new UserError(`${path} ${whyMissing(path)}${advice}`);
  }
}

const ADVICE = "to use files that lie elsewhere, put a link to their folder into it";

/** Undefined where there is nothing. */
function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new UserError(`${path}: ${reason(error)}`);
  }
}
