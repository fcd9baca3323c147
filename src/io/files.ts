/** Small files of a run. */
import { openRegularFile, readFully, reason } from "./file_bytes.ts";
import { UserError } from "../base/user_error.ts";

/** Throws a UserError where there is no such file. */
export function readText(path: string): string {
  using file = openRegularFile(path);
  const bytes = new Uint8Array(file.statSync().size);
  readFully(path, file, 0, bytes);
  return new TextDecoder().decode(bytes);
}

/** `revive` is that of `JSON.parse`. Throws a UserError where there is no such file or it is no JSON. */
export function readJson(path: string, revive?: (key: string, value: unknown) => unknown): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text, revive);
  } catch {
    throw new UserError(`Cannot read ${path}: it is not valid JSON`);
  }
}

export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new UserError(`Cannot look at ${path}: ${reason(error)}`);
  }
}

/** Removes a file if it is there. */
export function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was never there, or went with its folder.
  }
}
