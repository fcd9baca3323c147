/** Reads JSON files strictly, and writes them whole or not at all. */
import { readBytes } from "./file_bytes.ts";
import { writeTextFile } from "./new_file.ts";
import { isJsonObject, parseStrictJson } from "./strict_json.ts";
import { UserError } from "../base/user_error.ts";

const MAX_BYTES = 100_000_000;
const LIMITS = { depth: 32, keys: 1_000_000 };

/** Reads a JSON file within limits. Throws a UserError where there is none, or it breaks a rule. */
export function readJsonFile(path: string, limits: { depth: number; keys: number } = LIMITS): unknown {
  const bytes = readBytes(path, MAX_BYTES);
  try {
    return parseStrictJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes), limits);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserError(`Cannot read ${path}: it ${error.message}`);
    if (error instanceof TypeError) throw new UserError(`Cannot read ${path}: it is not valid UTF-8`);
    throw error;
  }
}

/** As `readJsonFile`, for a file that holds an object. */
export function readJsonObject(path: string): Record<string, unknown> {
  const value = readJsonFile(path);
  if (isJsonObject(value)) return value;
  throw new UserError(`Cannot read ${path}: it is not a JSON object`);
}

/** Writes a value as indented JSON, whole or not at all. Throws a UserError where the file cannot be written. */
export function writeJsonFile(path: string, value: unknown): void {
  writeTextFile(path, JSON.stringify(value, null, 2) + "\n");
}
