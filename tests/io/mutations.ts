// Small changes to the bytes of a good file, the same on every machine.
import { joinedBytes } from "../../src/base/joined_bytes.ts";

/** Marsaglia's xorshift. Returns integers in [0, below). */
export function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/**
 * One to four edits of a file. Half of the bytes written are among `telling`, those that mean something to the format, for
 * they come deeper than random ones; every sixth edit hits the first `head` bytes.
 */
export function mutate(
  good: Uint8Array,
  random: (below: number) => number,
  telling: Uint8Array,
  head: number,
): Uint8Array<ArrayBuffer> {
  let file = new Uint8Array(good);
  for (let edits = 1 + random(4); edits > 0; edits--) {
    const at = random(file.length + 1);
    const byte = random(2) === 0 ? random(256) : telling[random(telling.length)]!;
    const count = 1 + random(random(4) === 0 ? file.length + 1 : 4);
    switch (random(6)) {
      case 0:
        if (at < file.length) file[at] = byte;
        break;
      case 1:
        if (at < file.length) file[at]! ^= 1 << random(8);
        break;
      case 2:
        file = join(file.subarray(0, at), Uint8Array.of(byte), file.subarray(at));
        break;
      case 3:
        file = join(file.subarray(0, at), file.subarray(at + count));
        break;
      case 4: // a piece stands twice
        file = join(file.subarray(0, at + count), file.subarray(at));
        break;
      case 5:
        if (file.length > 0) file[random(Math.min(head, file.length))] = byte;
        break;
    }
  }
  return file;
}

/** Byte arrays one after the other. */
export const join = (...parts: readonly Uint8Array[]) => joinedBytes(parts);

/** A file that is overwritten in place: some file systems flush to the disk whenever a truncated file is closed. */
export class Overwritten implements Disposable {
  readonly path: string;
  readonly #file: Deno.FsFile;

  constructor(path: string) {
    this.path = path;
    this.#file = Deno.openSync(path, { write: true, create: true });
  }

  write(content: Uint8Array): void {
    this.#file.seekSync(0, Deno.SeekMode.Start);
    for (let done = 0; done < content.length;) done += this.#file.writeSync(content.subarray(done));
    this.#file.truncateSync(content.length);
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
