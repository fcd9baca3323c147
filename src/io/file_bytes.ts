import { UserError } from "../base/user_error.ts";

/**
 * Opens a file to read it. Throws a UserError where there is none, or something else than a regular file: opening a
 * pipe would wait for a writer for ever.
 */
export function openRegularFile(path: string): Deno.FsFile {
  try {
    if (Deno.statSync(path).isFile) return Deno.openSync(path);
  } catch (error) {
    throw new UserError(`Cannot read ${path}: ${reason(error)}`);
  }
  throw new UserError(`Cannot read ${path}: it is not a file`);
}

/** Fills `into` from `position` on. Throws a UserError if the file ends before. */
export function readFully(path: string, file: Deno.FsFile, position: number, into: Uint8Array): void {
  file.seekSync(position, Deno.SeekMode.Start);
  for (let done = 0; done < into.length;) {
    const count = file.readSync(into.subarray(done));
    if (count === null) throw new UserError(`Cannot read ${path}: it became shorter while it was read`);
    done += count;
  }
}

/** Writes a text file whole or not at all. Throws a UserError where it cannot be written. */
export function writeTextFile(path: string, text: string): void {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    {
      using file = Deno.openSync(temporary, { write: true, createNew: true });
      const bytes = new TextEncoder().encode(text);
      for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
      file.syncSync();
    } // closed before it is renamed, as Windows wants it
    Deno.renameSync(temporary, path);
  } catch (error) {
    try {
      Deno.removeSync(temporary);
    } catch {
      // It was never created, or went with its folder.
    }
    throw new UserError(`Cannot write ${path}: ${reason(error)}`);
  }
}

/** The bytes behind a typed array, not copied. */
export function asBytes(view: ArrayBufferView<ArrayBufferLike>): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The message of whatever was thrown. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
