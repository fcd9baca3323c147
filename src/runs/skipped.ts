/** The samples that a run leaves out, in skipped.csv of its folder. */
import { join } from "node:path";
import { csvCell, readCsv } from "../io/csv.ts";
import { type Fault, originKey } from "../data/index/sample_index.ts";
import { writeTextFile } from "../io/file_bytes.ts";
import { UserError } from "../base/user_error.ts";
import { exists } from "../io/files.ts";
import type { RunFolder } from "./run_folder.ts";

const HEADER = ["file", "row", "id", "kind", "message"] as const;

const pathOf = (run: RunFolder) => join(run.path, "skipped.csv");

/** Writes down what a run leaves out, and why. */
export function writeSkipped(run: RunFolder, faults: readonly Fault[]): void {
  const rows = faults.map((fault) => HEADER.map((key) => String(fault[key])));
  writeTextFile(pathOf(run), [HEADER, ...rows].map((cells) => cells.map(csvCell).join(",") + "\n").join(""));
}

/** The samples that a run leaves out, by `originKey`; none where it has no such file. Throws a UserError where the file is broken. */
export function readSkipped(run: RunFolder): ReadonlySet<string> {
  if (!exists(pathOf(run))) return new Set();
  const [, ...rows] = readCsv(pathOf(run));
  return new Set(rows.map(({ line, cells: [file, row] }) => {
    if (file !== undefined && Number.isInteger(Number(row))) return originKey({ file, row: Number(row) });
    throw new UserError(`Cannot read ${pathOf(run)}, line ${line}: it needs a file and a row`);
  }));
}
