/** Makes the file system fail for what this process does below a folder, from a change of it on, counted from 0. */

export type Failure = "full" | "read-only" | "an error once" | "removed";

const ERRORS = {
  full: "No space left on device (os error 28)",
  "read-only": "Read-only file system (os error 30)",
  "an error once": "Input/output error (os error 5)",
};

/** While it is not disposed, changes below the folder are counted, and fail. */
export class FailingDisk implements Disposable {
  readonly #folder: string;
  readonly #at: number;
  readonly #failure: Failure;
  /** The paths of open files. */
  readonly #paths = new WeakMap<Deno.FsFile, string>();
  readonly #restore: () => void;
  /** Changes that were asked for so far. */
  changes = 0;

  constructor(folder: string, failure: Failure, at = Infinity) {
    this.#folder = folder;
    this.#failure = failure;
    this.#at = at;
    const { openSync, renameSync, mkdirSync, writeFileSync } = Deno;
    const { writeSync, syncSync, truncateSync } = Deno.FsFile.prototype;
    const file = Deno.FsFile.prototype;
    const change = (path: string | URL | undefined, takesRoom: boolean) =>
      this.#change(String(path), takesRoom);
    const pathOf = (file: Deno.FsFile) => this.#paths.get(file);
    const paths = this.#paths;
    Deno.openSync = (path, options) => {
      if (options?.create || options?.createNew) change(path, true);
      const opened = openSync(path, options);
      paths.set(opened, String(path));
      return opened;
    };
    Deno.renameSync = (from, to) => (change(to, false), renameSync(from, to));
    Deno.mkdirSync = (path, options) => (change(path, true), mkdirSync(path, options));
    Deno.writeFileSync = (path, data, options) => (change(path, true), writeFileSync(path, data, options));
    file.writeSync = function (data) {
      change(pathOf(this), true);
      return writeSync.call(this, data);
    };
    file.syncSync = function () {
      change(pathOf(this), true);
      syncSync.call(this);
    };
    file.truncateSync = function (length) {
      change(pathOf(this), false);
      truncateSync.call(this, length);
    };
    this.#restore = () => {
      Object.assign(Deno, { openSync, renameSync, mkdirSync, writeFileSync });
      Object.assign(file, { writeSync, syncSync, truncateSync });
    };
  }

  #change(path: string, takesRoom: boolean): void {
    if (!path.startsWith(this.#folder)) return;
    const number = this.changes++;
    if (number < this.#at) return;
    if (this.#failure === "removed") {
      if (number === this.#at) Deno.removeSync(this.#folder, { recursive: true });
      return;
    }
    if (this.#failure === "an error once" && number > this.#at) return;
    if (this.#failure === "full" && !takesRoom) return;
    throw new Error(ERRORS[this.#failure]);
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}
