/** Where the text of answers goes. */
import { mustBeWritable, writeFully } from "../../io/file_bytes.ts";
import { NewFile } from "../../io/new_file.ts";
import { ScratchFile } from "../../io/scratch_file.ts";

/** Characters that are gathered before they are written; each takes three bytes at most. */
const GATHERED = 1 << 14;

/** A file, or standard output, where text appears at the end, or not at all. */
export class PendingFile implements Disposable {
  readonly #to: NewFile | ScratchFile;
  readonly #bytes = new Uint8Array(3 * GATHERED);
  /** What is not in the file yet. */
  #text = "";

  /** Standard output where no path is given. Throws a UserError, as what follows, where the file cannot be written. */
  constructor(path: string | undefined) {
    if (path !== undefined) mustBeWritable(path);
    this.#to = path === undefined ? new ScratchFile() : new NewFile(path);
  }

  write(text: string): void {
    this.#text += text;
    if (this.#text.length >= GATHERED) this.#flush();
  }

  #flush(): void {
    for (let at = 0; at < this.#text.length;) {
      const { read, written } = new TextEncoder().encodeInto(this.#text.slice(at), this.#bytes);
      at += read;
      this.#to.write(this.#bytes.subarray(0, written));
    }
    this.#text = "";
  }

  /** Makes it appear. */
  finish(): void {
    this.#flush();
    if (this.#to instanceof NewFile) return this.#to.finish();
    for (const bytes of this.#to.read()) writeFully(Deno.stdout, bytes);
  }

  [Symbol.dispose](): void {
    this.#to[Symbol.dispose]();
  }
}
