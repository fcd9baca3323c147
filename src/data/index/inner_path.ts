/** Paths that a data set names: below its own folder, whatever links lie on the way. */
import { isAbsolute, join, sep } from "node:path";
import { reason } from "../../io/file_bytes.ts";
import { UserError } from "../../base/user_error.ts";

/** Finds the files of one folder. */
export class InnerPaths {
  readonly #folder: string;
  #real: string | undefined;

  /** The folder itself may be a link. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The path of a regular file; throws a UserError that says why there is none to be had. */
  find(relative: string): string {
    if (relative === "") throw new UserError("no path is given");
    if (isAbsolute(relative)) throw new UserError(`${relative} is an absolute path; paths must be relative`);
    this.#real ??= realPath(this.#folder);
    const path = realPath(join(this.#folder, relative));
    if (!path.startsWith(this.#real.endsWith(sep) ? this.#real : this.#real + sep)) {
      throw new UserError(`${relative} leads out of ${this.#folder}`);
    }
    if (!Deno.statSync(path).isFile) throw new UserError(`${relative} is not a file`);
    return path;
  }
}

function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    throw new UserError(
      error instanceof Deno.errors.NotFound ? `${path} is missing` : `${path}: ${reason(error)}`,
    );
  }
}
