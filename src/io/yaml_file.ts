/** Reads and makes YAML, of which JSON is a part. */
import { parse, stringify, YAMLParseError } from "yaml";
import { UserError } from "../base/user_error.ts";
import { reason } from "./file_bytes.ts";
import { readUtf8 } from "./text_file.ts";

/** The content of a file. Throws a UserError that names the file and the line where it is no YAML. */
export function readYaml(path: string): unknown {
  const text = readUtf8(path, MOST_BYTES);
  try {
    return parsed(text);
  } catch (error) {
    const line = error instanceof YAMLParseError ? error.linePos?.[0].line : undefined;
    const where = line === undefined ? "" : `, line ${line}`;
    const [what] = reason(error).split("\n") as [string];
    throw new UserError(`Cannot read ${path}${where}: ${what.replace(/( at line \d+, column \d+)?:?$/, "")}`);
  }
}

/** What a text says as YAML; the text itself where it is none. */
export function valueOfYaml(text: string): unknown {
  try {
    return parsed(text);
  } catch {
    return text;
  }
}

/** The parser takes some seconds for so many. */
const MOST_BYTES = 10_000_000;
/** Collections within collections; keys of a configuration nest six deep at most. */
const MOST_DEEP = 32;
const TOO_DEEP = `it nests deeper than ${MOST_DEEP} levels`;
/** Aliases may repeat what they stand for, which may hold aliases: so many values are made of all. */
const MOST_VALUES = 1_000_000;

/** Throws an Error for what is no YAML, and for more than JSON could say. */
function parsed(text: string): unknown {
  let value: unknown;
  try {
    value = parse(text, { logLevel: "error" }); // warnings would go to the console past everything else
  } catch (error) {
    // The parser calls itself for what nests.
    throw /call stack/.test(reason(error)) ? new Error(TOO_DEEP, { cause: error }) : error;
  }
  mustBePlain(value, 0, { left: MOST_VALUES });
  return value;
}

/** Throws an Error for what nests too deep, such as an alias within what it stands for, and for sets and the like. */
function mustBePlain(value: unknown, depth: number, values: { left: number }): void {
  if (typeof value !== "object" || value === null) return;
  if (depth === MOST_DEEP) throw new Error(TOO_DEEP);
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) {
    throw new Error("it has a value that is no text, number, list or group of keys");
  }
  // Schemas pass over it, so that what stands there would not be read, without a word.
  if (Object.hasOwn(value, "__proto__")) throw new Error('no key may be called "__proto__"');
  const inner = Object.values(value);
  if ((values.left -= inner.length) < 0) throw new Error(`its aliases make more than ${MOST_VALUES} values`);
  for (const one of inner) mustBePlain(one, depth + 1, values);
}

/** A value as YAML, a key a line; strings that would be read as something else are quoted. */
export function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
