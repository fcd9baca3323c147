/** Reads text files, and says what is wrong with the encoding of those that are no UTF-8. */
import { UserError } from "../base/user_error.ts";
import { readBytes, reason } from "./file_bytes.ts";

/**
 * The text of a file, without a byte order mark. Throws a UserError where there is none, where it is not valid UTF-8
 * (naming the line), and where it is too large for a string, or has more than `most` bytes.
 */
export function readUtf8(path: string, most?: number): string {
  const bytes = readBytes(path, most);
  const other = otherEncoding(bytes);
  if (other !== undefined) throw new UserError(`Cannot read ${path}: it is ${other}: save it as UTF-8`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw new UserError(`Cannot read ${path}: ${reason(error)}`);
    const line = firstInvalidLine(bytes);
    throw new UserError(`Cannot read ${path}: line ${line} is not valid UTF-8: save the file as UTF-8`);
  }
}

/** As `readUtf8`, for pages gathered from anywhere: what is not valid becomes U+FFFD. */
export function readAnyText(path: string): string {
  return new TextDecoder().decode(readBytes(path));
}

/** UTF-16 by its byte order mark; NUL stands in no text, but in UTF-16 without a mark and in binary files. */
function otherEncoding(bytes: Uint8Array): string | undefined {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return "UTF-16";
  return bytes.subarray(0, 4096).includes(0) ? "UTF-16 or no text at all" : undefined;
}

const LINE_FEED = 10;

/** The line, from 1, of the first byte that UTF-8 does not allow there; no character reaches over a line feed. */
function firstInvalidLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let line = 1, at = 0;; line++) {
    const end = bytes.indexOf(LINE_FEED, at);
    try {
      decoder.decode(bytes.subarray(at, end < 0 ? undefined : end));
    } catch {
      return line;
    }
    if (end < 0) return line;
    at = end + 1;
  }
}
