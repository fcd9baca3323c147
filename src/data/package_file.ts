/** Finds and reads files of npm packages. */
import { fileURLToPath } from "node:url";
import { UserError } from "../base/user_error.ts";

/** Turns a module specifier into a `file:` URL and throws where the package is not installed. */
export type Resolve = (specifier: string) => string;

/** The path of a file inside an npm package, e.g. `emojibase-data/en/data.json`; a `UserError` names a missing package. */
export function packagePath(specifier: string, resolve: Resolve = import.meta.resolve): string {
  let url: string;
  try {
    url = resolve(specifier);
  } catch (cause) {
    throw missing(specifier, cause);
  }
  if (!url.startsWith("file:")) throw missing(specifier);
  return fileURLToPath(url);
}

/** Parses a JSON file of an npm package; a missing package, missing file or broken JSON is a `UserError` that names it. */
export async function readPackageJson(specifier: string, resolve?: Resolve): Promise<unknown> {
  const path = packagePath(specifier, resolve);
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw missing(specifier, cause);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UserError(`${path} is not valid JSON: delete node_modules and run "deno install" again`, {
      cause,
    });
  }
}

function missing(specifier: string, cause?: unknown): UserError {
  return new UserError(`Cannot find ${specifier}: run "deno install" in the project folder`, { cause });
}
