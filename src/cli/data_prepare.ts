/** The command `unis data prepare`: a clean list of a data set of the paper, and a report of what was wrong with it. */
import { join, resolve } from "node:path";
import { CheckFailed } from "../app/errors.ts";
import type { Split } from "../data/batch.ts";
import { type Packaging, PREPARED_LIST } from "../data/readers/listed_rows.ts";
import {
  foundPackaging,
  hintsIn,
  type PieceFound,
  piecesIn,
  prepare,
  type Prepared,
  REPORT,
} from "../data/prepare/prepare.ts";
import { PUBLISHED_SETS, type PublishedName, type PublishedSet } from "../data/prepare/published.ts";
import { output } from "../report/output.ts";
import { formatTable } from "../report/table.ts";
import { formatCount } from "../report/units.ts";
import { progressNotes } from "./data.ts";

export interface PrepareFlags {
  roots?: string[];
}

/** Prepares a data set in a folder and prints what was found. Throws `CheckFailed` where the folder has none of its lists. */
export async function prepareData(
  name: PublishedName,
  folder: string,
  { roots = [] }: PrepareFlags,
): Promise<void> {
  const set: PublishedSet = PUBLISHED_SETS[name];
  const root = resolve(folder);
  const pieces = piecesIn(root, set);
  for (const line of pieceLines(pieces)) output.result(line);
  const packaging = foundPackaging(root, set);
  if (packaging === undefined) {
    for (const hint of hintsIn(root, set)) output.result(hint);
    throw new CheckFailed(
      `${root} has no lists of ${set.title} yet: nothing was prepared, and nothing is fetched`,
    );
  }
  const done = await prepare(root, set, packaging, {
    progress: progressNotes(),
    roots: roots.map((path) => resolve(path)),
  });
  for (const line of summaryOf(name, root, packaging, done)) output.result(line);
}

/** A line for each piece: whether it is there, and where it is published if not. */
function pieceLines(pieces: readonly PieceFound[]): string[] {
  return pieces.map(({ found, what, where, missing }) =>
    missing.length === 0
      ? `There       ${found.join(", ")}: ${what}`
      : `Missing     ${missing.join(", ")}: ${what}; ${where}`
  );
}

function summaryOf(
  name: PublishedName,
  root: string,
  { layout }: Packaging,
  { kind, expected, listed, kept, repaired, faults }: Prepared,
): string[] {
  // What is yet to be drawn from the training rows is among them.
  const drawn = (["validation", "test"] as const).filter((split) => listed[split] === 0);
  const published = (split: Split) => {
    const counts = split === "train" ? [split, ...drawn] : drawn.some((one) => one === split) ? [] : [split];
    const known = counts.flatMap((one) => expected?.[one] ?? []);
    return known.length === 0 || known.length < counts.length
      ? ""
      : formatCount(known.reduce((a, b) => a + b));
  };
  const table = formatTable([
    ["split", "listed", "kept", "published"],
    ...(["train", "validation", "test"] as const).map((split) => [
      split,
      ...[listed[split], kept[split]].map(formatCount),
      published(split),
    ]),
  ]);
  const kinds = Map.groupBy(faults, ({ kind }) => kind);
  const counts = [...kinds].map(([kind, some]) => `${formatCount(some.length)} ${kind}`);
  return [
    "",
    ...table,
    "",
    `Layout      ${layout}${kind === undefined ? "" : `, by its ${kind}s`}`,
    ...(drawn.length > 0
      ? [`Drawn       ${drawn.join(" and ")}, from the training samples, when it is read`]
      : []),
    `Repaired    ${formatCount(repaired.length)} rows`,
    `Left out    ${formatCount(faults.length)} rows${counts.length > 0 ? `: ${counts.join(", ")}` : ""}`,
    `Report      ${join(root, REPORT)}`,
    `Clean list  ${join(root, PREPARED_LIST)}, which --data ${name}:${root} reads from now on`,
  ];
}
