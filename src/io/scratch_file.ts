/** Files that nobody else sees, for what is too much for memory. */
import { unwritable, writeFully } from "./file_bytes.ts";
import { remove } from "./files.ts";

/** A file in the folder for temporary files; nothing of it is left, however the process ends. */
export class ScratchFile implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;

  /** Throws a UserError, as `write` does, where it cannot be written. */
  constructor() {
    try {
      this.#path = Deno.makeTempFileSync();
      this.#file = Deno.openSync(this.#path, { read: true, write: true });
    } catch (error) {
      throw unwritable("a temporary file", error);
    }
    // An open file needs no name, but on Windows, which keeps it.
    if (Deno.build.os !== "windows") remove(this.#path);
  }

  write(bytes: Uint8Array): void {
    try {
      writeFully(this.#file, bytes);
    } catch (error) {
      throw unwritable("a temporary file", error);
    }
  }

  /** All that was written, part by part: each is to be used before the next. */
  *read(): Generator<Uint8Array<ArrayBuffer>> {
    this.#file.seekSync(0, Deno.SeekMode.Start);
    const bytes = new Uint8Array(1 << 20);
    for (let count = this.#file.readSync(bytes); count !== null; count = this.#file.readSync(bytes)) {
      yield bytes.subarray(0, count);
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
    remove(this.#path);
  }
}
