/** Writes the module by which exported scripts make features of cells. */
import { join } from "node:path";
import { writeTextFile } from "../io/file_bytes.ts";
import cellsPy from "./cells.py" with { type: "text" };

const CELLS = "cells.py";

/** Writes it where there are features among the inputs; gives the paths written. */
export function writeCells(to: string, inputs: readonly { readonly kind: string }[]): string[] {
  if (!inputs.some(({ kind }) => kind === "features")) return [];
  const path = join(to, CELLS);
  writeTextFile(path, cellsPy);
  return [path];
}
