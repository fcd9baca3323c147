/** The SHA-256 of files, and lists of these as `sha256sum` writes and checks them. */
import { createHash } from "node:crypto";
import { UserError } from "../base/user_error.ts";
import { chunksOf } from "./file_bytes.ts";

/** The SHA-256 of a file, in hexadecimal digits. Throws a UserError where it cannot be read. */
export function checksumOf(path: string): string {
  const hash = createHash("sha256");
  for (const bytes of chunksOf(path)) hash.update(bytes);
  return hash.digest("hex");
}

/** A list of checksums by names: a line each, in the order of the names, which have no line breaks. */
export function checksumList(sums: ReadonlyMap<string, string>): string {
  return [...sums].sort(([a], [b]) => a < b ? -1 : 1).map(([name, sum]) => `${sum}  ${name}\n`).join("");
}

/** Reads the text of such a list; `path` is for the message. Throws a UserError where a line is none of it. */
export function parseChecksumList(text: string, path: string): Map<string, string> {
  const lines = text.split("\n");
  const isWhole = lines.pop() === "";
  const entries = lines.map((line, i) => {
    const [, sum, name] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
    if (sum === undefined || name === undefined) {
      throw new UserError(`Cannot use ${path}: line ${i + 1} is no checksum of a file`);
    }
    return [name, sum] as const;
  });
  if (!isWhole) throw new UserError(`Cannot use ${path}: it ends within a line`);
  return new Map(entries);
}
