/** The samples that a run leaves out, in skipped.csv of its folder. */
import { csvCell, readCsv } from "../io/csv.ts";
import { type Fault, originKey } from "../data/index/sample_index.ts";
import { UserError } from "../base/user_error.ts";
import type { RunFolder } from "./run_folder.ts";

const HEADER = ["file", "row", "id", "kind", "message"] as const;

const FILE = "skipped.csv";

/** Writes down what a run leaves out, and why. */
export function writeSkipped(run: RunFolder, faults: readonly Fault[]): void {
  const rows = faults.map((fault) => HEADER.map((key) => String(fault[key])));
  const lines = [HEADER, ...rows].map((cells) => cells.map(csvCell).join(",") + "\n");
  run.files.writeText(FILE, lines.join(""));
}

/** The samples that a run leaves out, by `originKey`; none where it has no such file. Throws a UserError where the file is broken. */
export function readSkipped(run: RunFolder): ReadonlySet<string> {
  if (!run.files.has(FILE)) return new Set();
  const path = run.files.whole(FILE);
  const [, ...rows] = readCsv(path);
  return new Set(rows.map(({ line, cells: [file, row] }) => {
    if (file !== undefined && Number.isInteger(Number(row))) return originKey({ file, row: Number(row) });
    throw new UserError(`Cannot read ${path}, line ${line}: it needs a file and a row`);
  }));
}
