/**
 * Writes and verifies the checksum that a file carries of itself: the SHA-256 of all its bytes, in which its own digits
 * count as zeros. It stands under the key "sha256" in JSON near the start of the file, be that a JSON file or the header
 * of another.
 */
import { createHash } from "node:crypto";
import { openRegularFile, readFully } from "./file_bytes.ts";

/** The key of the checksum. */
export const CHECKSUM = "sha256";

/** The zeros that stand in its place until `fillInChecksum` replaces them. */
export const BLANK_CHECKSUM = "0".repeat(64);

/** `whole`: the contents are those that were written. `missing`: no checksum is to be found. */
export type Soundness = "whole" | "damaged" | "missing";

/** Bytes from the start of a file among which the checksum is looked for. */
const SEARCHED_BYTES = 4096;
/** Bytes that are read at a time. */
const CHUNK_BYTES = 4 * 2 ** 20;

/** Writes the checksum of a file into `head`, its first bytes, which hold a blank one; `rest` are all that follow. */
export function fillInChecksum(head: Uint8Array, rest: Iterable<Uint8Array> = []): void {
  const stored = storedIn(head);
  if (stored?.digits !== BLANK_CHECKSUM) {
    throw new TypeError("Cannot fill in a checksum: there is no blank one");
  }
  const hash = createHash("sha256").update(head);
  for (const bytes of rest) hash.update(bytes);
  head.set(new TextEncoder().encode(hash.digest("hex")), stored.at);
}

/** Compares a file with its checksum. Throws a UserError where it cannot be read. */
export function verifyChecksum(path: string): Soundness {
  using file = openRegularFile(path);
  const { size } = file.statSync();
  const chunk = new Uint8Array(Math.min(size, CHUNK_BYTES));
  const hash = createHash("sha256");
  let expected: string | undefined;
  for (let done = 0; done < size; done += chunk.length) {
    const bytes = chunk.subarray(0, size - done);
    readFully(path, file, done, bytes);
    if (done === 0) {
      const stored = storedIn(bytes);
      if (stored === undefined) return "missing";
      expected = stored.digits;
      bytes.set(new TextEncoder().encode(BLANK_CHECKSUM), stored.at);
    }
    hash.update(bytes);
  }
  if (expected === undefined) return "missing";
  return hash.digest("hex") === expected ? "whole" : "damaged";
}

/** The checksum among the first bytes of a file, and where its digits begin. */
function storedIn(head: Uint8Array): { digits: string; at: number } | undefined {
  // One character a byte, so that places among characters are places among bytes.
  const text = new TextDecoder("latin1").decode(head.subarray(0, SEARCHED_BYTES));
  const match = new RegExp(`"${CHECKSUM}": ?"([^"]{${BLANK_CHECKSUM.length}})"`).exec(text);
  return match
    ? { digits: match[1]!, at: match.index + match[0].length - 1 - BLANK_CHECKSUM.length }
    : undefined;
}
