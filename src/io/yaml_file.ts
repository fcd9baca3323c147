/** Reads and makes YAML, of which JSON is a part. */
import { parse, stringify, YAMLParseError } from "yaml";
import { UserError } from "../base/user_error.ts";
import { reason } from "./file_bytes.ts";
import { readUtf8 } from "./text_file.ts";

/** The content of a file. Throws a UserError that names the file and the line where it is no YAML. */
export function readYaml(path: string): unknown {
  const text = readUtf8(path);
  try {
    return parse(text, { logLevel: "error" }); // warnings would go to the console past everything else
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
    return parse(text, { logLevel: "error" });
  } catch {
    return text;
  }
}

/** A value as YAML, a key a line; strings that would be read as something else are quoted. */
export function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
