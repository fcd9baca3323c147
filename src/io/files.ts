/** Looks for, reads and removes the small files that the program itself writes. */
import { reason } from "./file_bytes.ts";
import { readAnyText } from "./text_file.ts";
import { UserError } from "../base/user_error.ts";

/** The value in a JSON file; `revive` is that of `JSON.parse`. Throws a UserError where there is no such file or it is no JSON. */
export function readJson(path: string, revive?: (key: string, value: unknown) => unknown): unknown {
  const text = readAnyText(path);
  try {
    return JSON.parse(text, revive);
  } catch {
    throw new UserError(`Cannot read ${path}: it is not valid JSON`);
  }
}

/** Whether something is at a path, be it a link that leads nowhere. Throws a UserError where that cannot be told. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw new UserError(`Cannot look at ${path}: ${reason(error)}`);
  }
}

/** Whether a path leads to a folder. What is wrong with one that leads nowhere is told where it is opened. */
export function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
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

/** Makes a folder, and those around it. Throws a UserError where that is not possible. */
export function makeFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new UserError(`Cannot make ${path}: ${reason(error)}`);
  }
}
