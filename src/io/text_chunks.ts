/** Reads text in chunks, for files that are larger than memory. */
import { UserError } from "../base/user_error.ts";
import { reason } from "./file_bytes.ts";
import { suggestPath } from "./nearby_path.ts";

/** Bytes read at once. Rows that wait keep all of the text that they were read from in memory, so it is no more than needed. */
const CHUNK = 1 << 16;

/**
 * The text of a file, or of standard input where the path is "-", in pieces that break anywhere between characters,
 * without a byte order mark. Throws a UserError where it cannot be read or is not valid UTF-8.
 */
export async function* textChunks(path: string): AsyncGenerator<string> {
  const name = path === "-" ? "standard input" : path;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes?: Uint8Array) => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      throw new UserError(`Cannot read ${name}: it is not valid UTF-8: save it as UTF-8`);
    }
  };
  using file = path === "-" ? undefined : open(path);
  const bytes = new Uint8Array(CHUNK);
  for (;;) {
    const count = await (file ?? Deno.stdin).read(bytes);
    if (count === null) break;
    yield decode(bytes.subarray(0, count));
  }
  yield decode();
}

function open(path: string): Deno.FsFile {
  try {
    if (Deno.statSync(path).isDirectory) throw new Error("it is a folder");
    return Deno.openSync(path);
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound;
    throw new UserError(
      `Cannot read ${path}: ${isMissing ? `it is missing${suggestPath(path)}` : reason(error)}`,
    );
  }
}
