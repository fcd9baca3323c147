/** Text files of data sets. */
import { openRegularFile, readFully } from "./file_bytes.ts";
import { UserError } from "../base/user_error.ts";

/** The text of a file. Throws a UserError where there is none, it is not valid UTF-8, or it is too large for a string. */
export function readUtf8(path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readBytes(path));
  } catch (error) {
    if (error instanceof UserError) throw error;
    const why = error instanceof TypeError ? "it is not valid UTF-8" : (error as Error).message;
    throw new UserError(`Cannot read ${path}: ${why}`);
  }
}

/** As `readUtf8`, for pages gathered from anywhere: what is not valid becomes U+FFFD. */
export function readAnyText(path: string): string {
  return new TextDecoder().decode(readBytes(path));
}

function readBytes(path: string): Uint8Array {
  using file = openRegularFile(path);
  const bytes = new Uint8Array(file.statSync().size);
  readFully(path, file, 0, bytes);
  return bytes;
}
