/** JSON files: read strictly, written whole or not at all. */
import { openRegularFile, readFully, reason } from "./file_bytes.ts";
import { isJsonObject, parseStrictJson } from "./strict_json.ts";
import { UserError } from "./user_error.ts";

const MAX_BYTES = 100_000_000;
const LIMITS = { depth: 32, keys: 1_000_000 };

/** Reads a file that holds a JSON object. Throws a UserError where there is none, or it breaks a rule. */
export function readJsonObject(path: string): Record<string, unknown> {
  using file = openRegularFile(path);
  const { size } = file.statSync();
  if (size > MAX_BYTES) {
    throw new UserError(`Cannot read ${path}: it is over the limit of ${MAX_BYTES} bytes`);
  }
  const bytes = new Uint8Array(size);
  readFully(path, file, 0, bytes);
  try {
    const value = parseStrictJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes), LIMITS);
    if (isJsonObject(value)) return value;
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserError(`Cannot read ${path}: it ${error.message}`);
    if (error instanceof TypeError) throw new UserError(`Cannot read ${path}: it is not valid UTF-8`);
    throw error;
  }
  throw new UserError(`Cannot read ${path}: it is not a JSON object`);
}

/** Writes a value as indented JSON. Throws a UserError where the file cannot be written. */
export function writeJsonFile(path: string, value: unknown): void {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    Deno.writeTextFileSync(temporary, JSON.stringify(value, null, 2) + "\n", { createNew: true });
    Deno.renameSync(temporary, path);
  } catch (error) {
    try {
      Deno.removeSync(temporary);
    } catch {
      // It was never created.
    }
    throw new UserError(`Cannot write ${path}: ${reason(error)}`);
  }
}
