/** Guesses which file or folder a misspelt path means, and says why one cannot be written. */
import { basename, dirname, join } from "node:path";
import { nearest } from "../base/nearest.ts";

/** A folder of more names is not looked through. */
const MOST_NAMES = 10_000;

/** The end of a sentence on a path where nothing is: the nearest name in its folder, or nothing where none is near. */
export function suggestPath(path: string): string {
  const folder = dirname(path);
  const names: string[] = [];
  try {
    for (const { name } of Deno.readDirSync(folder)) if (names.push(name) > MOST_NAMES) return "";
  } catch {
    return ""; // there is no such folder either
  }
  // Endings are alike without that names are.
  const stemOf = (name: string) => name.replace(/(?<=.)\.[^.]*$/, "");
  const stem = nearest(stemOf(basename(path)), names.map(stemOf));
  const near = names.filter((name) => stemOf(name) === stem);
  const meant = nearest(basename(path), near) ?? near[0];
  return meant === undefined ? "" : `; did you mean ${folder === "." ? meant : join(folder, meant)}?`;
}

/** Why a file cannot be written at a path, as far as one can see beforehand; undefined where nothing speaks against it. */
export function whyUnwritable(path: string): string | undefined {
  if (kindOf(path) === "folder") return "it is a folder";
  const folder = dirname(path);
  const kind = kindOf(folder);
  if (kind === "nothing") return `there is no folder ${folder}`;
  return kind === "file" ? `${folder} is no folder` : undefined;
}

function kindOf(path: string): "folder" | "file" | "nothing" | "unknown" {
  try {
    return Deno.statSync(path).isDirectory ? "folder" : "file";
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "nothing" : "unknown";
  }
}
