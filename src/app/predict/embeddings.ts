/** Writes representations: one matrix for each, beside the names of their rows. */
import { join } from "node:path";
import { asBytes, mustBeWritable, unwritable } from "../../io/file_bytes.ts";
import { writeTextFile } from "../../io/new_file.ts";
import { UserError } from "../../base/user_error.ts";
import { writeSafetensors } from "../../io/safetensors.ts";

interface Spool {
  readonly path: string;
  readonly file: Deno.FsFile;
  width: number;
}

/**
 * Gathers rows in files of its own, for their number is known at the end only; `finish` makes of them `<stem>.safetensors`
 * with a tensor [rows, width] for each encoder and "fusion", or `<stem>.<name>.npy` for each, and `<stem>.ids.txt`, a line
 * a row.
 */
export class EmbeddingsFile implements Disposable {
  readonly #path: string;
  readonly #folder: string;
  readonly #spools = new Map<string, Spool>();
  readonly #ids: string[] = [];

  /** Throws a UserError for a path that ends in neither .safetensors nor .npy. */
  constructor(path: string) {
    if (!/\.(safetensors|npy)$/.test(path)) {
      throw new UserError(`--embeddings takes a .safetensors or .npy file, got ${path}`);
    }
    mustBeWritable(path);
    this.#path = path;
    this.#folder = Deno.makeTempDirSync({ prefix: "unis-embeddings-" });
  }

  add(id: string, representations: ReadonlyMap<string, Float32Array>): void {
    this.#ids.push(id.replaceAll(/[\r\n]+/g, " "));
    for (const [name, vector] of representations) this.#append(name, vector);
  }

  #append(name: string, vector: Float32Array): void {
    let spool = this.#spools.get(name);
    if (spool === undefined) {
      const path = join(this.#folder, String(this.#spools.size));
      spool = { path, file: Deno.openSync(path, { write: true, createNew: true }), width: vector.length };
      this.#spools.set(name, spool);
    }
    writeFully(spool.file, asBytes(vector));
  }

  /** Writes the files; gives their paths. */
  finish(): string[] {
    const stem = this.#path.replace(/\.[^.]+$/, "");
    const rows = this.#ids.length;
    const written = this.#path.endsWith(".npy")
      ? Array.from(this.#spools, ([name, spool]) => {
        const path = `${stem}.${name}.npy`;
        writeNpy(path, spool, rows);
        return path;
      })
      : [this.#writeSafetensors(rows)];
    const ids = `${stem}.ids.txt`;
    writeTextFile(ids, this.#ids.map((id) => id + "\n").join(""));
    return [...written, ids];
  }

  #writeSafetensors(rows: number): string {
    const tensors = Array.from(this.#spools, ([name, { path, width }]) => {
      const data = new Float32Array(Deno.readFileSync(path).buffer);
      return [name, { dtype: "F32" as const, shape: [rows, width], data }] as const;
    });
    writeSafetensors(this.#path, Object.fromEntries(tensors));
    return this.#path;
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#spools.values()) file.close();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** Version 1.0 of NumPy's format: little-endian float32 in rows. */
function writeNpy(path: string, { path: from, width }: Spool, rows: number): void {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${width}), }`;
  // Magic, version and length take ten bytes; header and data are aligned to 64.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const header = new Uint8Array(10 + length);
  header.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, length & 0xff, length >> 8]);
  header.set(new TextEncoder().encode(text.padEnd(length - 1) + "\n"), 10);
  try {
    using target = Deno.openSync(path, { write: true, create: true, truncate: true });
    writeFully(target, header);
    using source = Deno.openSync(from);
    const bytes = new Uint8Array(1 << 20);
    for (let count = source.readSync(bytes); count !== null; count = source.readSync(bytes)) {
      writeFully(target, bytes.subarray(0, count));
    }
  } catch (error) {
    throw unwritable(path, error);
  }
}

function writeFully(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}
