// Makes a clean list of a data set of the paper, as people got it, and a report of what was wrong with it. Both are written
// beside the files of the data set; none of those is changed, and nothing is fetched.
import { join } from "node:path";
import { UserError } from "../../base/user_error.ts";
import { csvCell } from "../../io/csv.ts";
import { mustBeWritable } from "../../io/file_bytes.ts";
import { writeTextFile } from "../../io/new_file.ts";
import { exists } from "../../io/files.ts";
import type { Split } from "../batch.ts";
import type { InnerPathsOptions } from "../index/inner_path.ts";
import { type Fault, originKey, type SplitCounts } from "../index/sample_index.ts";
import { faultyRows, verifyIndex, type VerifyOptions } from "../index/verify.ts";
import {
  expectedOf,
  type ListedRow,
  type Packaging,
  PREPARED_LIST,
  writePrepared,
} from "../readers/listed_rows.ts";
import type { Piece, PublishedSet } from "./published.ts";

export const REPORT = "unis_report.csv";

/** A piece of a data set, the files of it that are there, and those that are not. */
export interface PieceFound extends Piece {
  readonly found: readonly string[];
  readonly missing: readonly string[];
}

export interface Prepared {
  /** The kind of text by which a sample was found to have one. */
  readonly kind: string | undefined;
  /** How many the packaging has as published, where that is known. */
  readonly expected: Partial<SplitCounts> | undefined;
  readonly listed: SplitCounts;
  readonly kept: SplitCounts;
  /** Rows that were wrong and are made good in the clean list. */
  readonly repaired: readonly ListedRow[];
  /** What is wrong with the rows that are left out. */
  readonly faults: readonly Fault[];
}

/** The pieces of a data set in a folder. */
export function piecesIn(root: string, { pieces }: PublishedSet): PieceFound[] {
  return pieces.map((piece) => {
    const ways = piece.ways.map((paths) => ({
      found: paths.filter((path) => exists(join(root, path))),
      missing: paths.filter((path) => !exists(join(root, path))),
    }));
    return { ...piece, ...ways.find(({ missing }) => missing.length === 0) ?? ways[0]! };
  });
}

/** Sentences that say what may be meant where a folder has none of the packagings: a folder in it, an archive to unpack. */
export function hintsIn(root: string, set: PublishedSet): string[] {
  const entries = entriesOf(root);
  const inner = entries.filter(({ isDirectory, name }) =>
    isDirectory && foundPackaging(join(root, name), set) !== undefined
  );
  const archives = entries.filter(({ name }) => /\.(zip|tar|tgz|gz|bz2|xz|7z|rar)$/i.test(name));
  return [
    ...inner.map(({ name }) => `${join(root, name)} looks like it: give that folder`),
    ...archives.map(({ name }) => `${join(root, name)} is an archive: unpack it first`),
  ];
}

function entriesOf(root: string): Deno.DirEntry[] {
  try {
    return Array.from(Deno.readDirSync(root));
  } catch {
    return []; // that there is no such folder is told by what lacks
  }
}

/** The first packaging that a folder has, but for the clean list; undefined where it has none. */
export function foundPackaging(root: string, { packagings }: PublishedSet): Packaging | undefined {
  return packagings.find(({ layout, lists }) => layout !== "prepared" && exists(join(root, lists[0]!)));
}

/**
 * Reads the lists of a packaging, repairs what is known to be wrong with published ones, decodes every image, and writes
 * the samples without a fault as a clean list and all else as a report. Throws a UserError where no sample is left, or
 * nothing can be written.
 */
export async function prepare(
  root: string,
  set: PublishedSet,
  packaging: Packaging,
  { roots, ...options }: Omit<VerifyOptions, "compare"> & Pick<InnerPathsOptions, "roots">,
): Promise<Prepared> {
  for (const name of [PREPARED_LIST, REPORT]) mustBeWritable(join(root, name));
  const { rows, kind } = withTexts(root, packaging);
  const { faults } = await verifyIndex(
    set.index(root, rows, kind ?? "", { ...(roots && { roots }), key: "--roots" }),
    { ...options, compare: false },
  );
  const bad = faultyRows(faults);
  const kept = rows.filter((row) => !bad.has(originKey(row)));
  if (kept.length === 0) {
    const [first] = faults;
    const why = first === undefined
      ? "it lists none"
      : `the first of its faults is in ${first.file}, row ${first.row}: ${first.message}`;
    throw new UserError(`No sample of ${root} can be used: ${why}`);
  }
  const repaired = kept.filter((row) => row.repaired !== undefined);
  writePrepared(root, kept);
  writeTextFile(join(root, REPORT), reportOf(repaired, faults));
  return {
    kind,
    expected: expectedOf(packaging, rows),
    listed: countsOf(rows),
    kept: countsOf(kept),
    repaired,
    faults,
  };
}

/** The rows of a packaging; without pages where the folder of all pages is not there, so that titles are read. */
function withTexts(root: string, packaging: Packaging): { rows: ListedRow[]; kind: string | undefined } {
  const rows = packaging.rows(root, true);
  const [first, second] = packaging.texts ?? [];
  if (first !== "page" || second === undefined || exists(join(root, "texts_txt"))) {
    return { rows, kind: first };
  }
  return { rows: rows.map(({ texts: { page: _, ...texts }, ...row }) => ({ ...row, texts })), kind: second };
}

function countsOf(rows: readonly ListedRow[]): SplitCounts {
  const counts: Record<Split, number> = { train: 0, validation: 0, test: 0 };
  for (const { split } of rows) counts[split]++;
  return counts;
}

function reportOf(repaired: readonly ListedRow[], faults: readonly Fault[]): string {
  const rows = [
    ["file", "row", "id", "done", "kind", "message"],
    ...repaired.map(({ file, row, id, repaired }) => [file, String(row), id, "repaired", "row", repaired!]),
    ...faults.map(({ file, row, id, kind, message }) => [file, String(row), id, "left out", kind, message]),
  ];
  return rows.map((cells) => cells.map(csvCell).join(",") + "\n").join("");
}
