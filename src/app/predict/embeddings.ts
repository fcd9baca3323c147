/** Writes representations: one matrix for each, beside the names of their rows. */
import { asBytes, mustBeWritable } from "../../io/file_bytes.ts";
import { writeParts, writeTextFile } from "../../io/new_file.ts";
import { ScratchFile } from "../../io/scratch_file.ts";
import { UserError } from "../../base/user_error.ts";
import { writeSafetensors } from "../../io/safetensors.ts";

interface Spool {
  readonly file: ScratchFile;
  readonly width: number;
}

/**
 * Gathers rows in files of its own, for their number is known at the end only; `finish` makes of them `<stem>.safetensors`
 * with a tensor [rows, width] for each encoder and "fusion", or `<stem>.<name>.npy` for each, and `<stem>.ids.txt`, a line
 * a row.
 */
export class EmbeddingsFile implements Disposable {
  readonly #path: string;
  readonly #spools = new Map<string, Spool>();
  readonly #ids: string[] = [];

  /** Throws a UserError for a path that ends in neither .safetensors nor .npy. */
  constructor(path: string) {
    if (!/\.(safetensors|npy)$/.test(path)) {
      throw new UserError(`--embeddings takes a .safetensors or .npy file, got ${path}`);
    }
    mustBeWritable(path);
    this.#path = path;
  }

  add(id: string, representations: ReadonlyMap<string, Float32Array>): void {
    this.#ids.push(id.replaceAll(/[\r\n]+/g, " "));
    for (const [name, vector] of representations) this.#append(name, vector);
  }

  #append(name: string, vector: Float32Array): void {
    let spool = this.#spools.get(name);
    if (spool === undefined) {
      spool = { file: new ScratchFile(), width: vector.length };
      this.#spools.set(name, spool);
    }
    spool.file.write(asBytes(vector));
  }

  /** Writes the files; gives their paths. */
  finish(): string[] {
    const stem = this.#path.replace(/\.[^.]+$/, "");
    const rows = this.#ids.length;
    const written = this.#path.endsWith(".npy")
      ? Array.from(this.#spools, ([name, spool]) => {
        const path = `${stem}.${name}.npy`;
        writeParts(path, npyParts(spool, rows));
        return path;
      })
      : [this.#writeSafetensors(rows)];
    const ids = `${stem}.ids.txt`;
    writeTextFile(ids, this.#ids.map((id) => id + "\n").join(""));
    return [...written, ids];
  }

  #writeSafetensors(rows: number): string {
    const tensors = Array.from(this.#spools, ([name, { file, width }]) => {
      const data = new Float32Array(rows * width);
      let done = 0;
      for (const bytes of file.read()) {
        asBytes(data).set(bytes, done);
        done += bytes.length;
      }
      return [name, { dtype: "F32" as const, shape: [rows, width], data }] as const;
    });
    writeSafetensors(this.#path, Object.fromEntries(tensors));
    return this.#path;
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#spools.values()) file[Symbol.dispose]();
  }
}

/** Version 1.0 of NumPy's format: little-endian float32 in rows. */
function* npyParts({ file, width }: Spool, rows: number): Generator<Uint8Array> {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${width}), }`;
  // Magic, version and length take ten bytes; header and data are aligned to 64.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const header = new Uint8Array(10 + length);
  header.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, length & 0xff, length >> 8]);
  header.set(new TextEncoder().encode(text.padEnd(length - 1) + "\n"), 10);
  yield header;
  yield* file.read();
}
