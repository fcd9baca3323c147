/** A training so small that attacks make hundreds of it, and how the program is started on it. */
import { join } from "node:path";
import { encode } from "fast-png";
import { SMALL_TEXT, writeTable } from "../../tests/app/small_runs.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const COLOURS = ["red", "green", "blue"];

/** Of all that attacks start: a thread each for software adapters, and no colours. */
export const ENVIRONMENT = { LP_NUM_THREADS: "1", NO_COLOR: "1" };

/** Steps of an epoch: 104 samples of training by 24. */
export const STEPS_OF_EPOCH = 5;

/** The command line that starts the program with these arguments; `preload` is a module that Deno runs before it. */
export function program(args: readonly string[], preload?: string): string[] {
  const loaded = preload === undefined ? [] : ["--preload", preload];
  return [Deno.execPath(), "run", "-A", "--no-check", ...loaded, MAIN, ...args];
}

/** Writes 150 texts of three classes as a table; gives its path. */
export function writeTexts(folder: string): string {
  const path = join(folder, "items.csv");
  writeTable(path, [
    ["title", "label"],
    ...Array.from(
      { length: 150 },
      (_, i) => [`${COLOURS[i % 3]} thing ${"very ".repeat(i % 7)}`, COLOURS[i % 3]!],
    ),
  ]);
  return path;
}

/** Writes 90 images of three classes to a folder, and a table of them, for a model of all modalities. */
export function writeImages(folder: string, table: string): void {
  const rows = Array.from({ length: 90 }, (_, i) => {
    const path = `${i}.png`;
    const data = Uint8Array.from({ length: 12 * 12 * 3 }, (_, at) => 40 * (i % 3) * (at % 3) + i);
    Deno.writeFileSync(join(folder, path), encode({ width: 12, height: 12, channels: 3, data }));
    const split = i % 5 === 0 ? "test" : i % 5 === 1 ? "validation" : "train";
    return [path, `thing ${i % 3}`, `${i % 7}`, `${i % 4}`, "abc"[i % 3]!, split];
  });
  writeTable(table, [["path", "title", "a", "b", "label", "split"], ...rows]);
}

/** The arguments that train on such a table, in four micro-batches a step. */
export const training = (table: string, out: string, settings: readonly string[] = []): string[] => [
  ...["train", "--data", `table:${table}`, "--out", out],
  ...["--set", ...SMALL_TEXT, "method=text", "training.batch=24", "training.micro_batch=6", ...settings],
];
