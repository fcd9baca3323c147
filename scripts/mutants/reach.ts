/** Which tests run which lines of the source: each file of tests is run once, with what V8 counts, and that is kept. */
import { createHash } from "node:crypto";
import { join, relative } from "node:path";
import { exists } from "../../src/io/files.ts";
import type { Sandbox } from "./sandbox.ts";

export const DENO_TEST = [
  "test",
  "-A",
  "--no-check",
  "--fail-fast",
  "--quiet",
  "--preload",
  "tests/backend.ts",
];

/** For each source that tests load, how often each of its lines was run. */
type Lines = ReadonlyMap<string, ReadonlyMap<number, number>>;

interface Measured {
  readonly milliseconds: number;
  readonly lines: Lines;
}

export class Reach {
  readonly #measured: ReadonlyMap<string, Measured>;

  constructor(measured: ReadonlyMap<string, Measured>) {
    this.#measured = measured;
  }

  /**
   * Runs each of `tests` unchanged, as many at a time as there are sandboxes; not those of which the folder `kept` has what
   * came of it, as long as nothing but other tests has changed since. Throws where one fails.
   */
  static async measure(
    sandboxes: readonly Sandbox[],
    tests: readonly string[],
    kept: string,
  ): Promise<Reach> {
    const measured = new Map<string, Measured>(), left = [...tests];
    const shared = digestOfShared(sandboxes[0]!.root);
    await Deno.mkdir(kept, { recursive: true });
    await Promise.all(sandboxes.map(async (sandbox) => {
      for (let test = left.shift(); test !== undefined; test = left.shift()) {
        const own = await Deno.readFile(join(sandbox.root, test));
        const digest = createHash("sha256").update(shared).update(own).digest("hex");
        const file = join(kept, `${test.replaceAll("/", "-")}.json`);
        const before = await readKept(file, digest);
        measured.set(test, before ?? await measure(sandbox, test));
        if (before === undefined) await Deno.writeTextFile(file, toJson(digest, measured.get(test)!));
      }
    }));
    return new Reach(measured);
  }

  /** The tests that run a line of a source, the quickest first. */
  of(file: string, line: number): string[] {
    return [...this.#measured].filter(([, { lines }]) => {
      const counts = lines.get(file);
      return counts !== undefined && counts.get(line) !== 0; // a line that is not counted may have been run
    }).sort(([, a], [, b]) => a.milliseconds - b.milliseconds).map(([test]) => test);
  }

  /** What these arguments of `deno test` took, one file after the other. */
  milliseconds(run: readonly string[]): number {
    return run.reduce((sum, test) => sum + (this.#measured.get(test)?.milliseconds ?? 0), 0);
  }
}

async function measure(sandbox: Sandbox, test: string): Promise<Measured> {
  const folder = await Deno.makeTempDir({ dir: sandbox.temporary, prefix: "coverage-" });
  try {
    const start = performance.now();
    const counting = [`--coverage=${folder}`, "--coverage-raw-data-only"];
    // Programs that a test starts count as well: they take the folder from the variable.
    const variables = { DENO_COVERAGE_DIR: folder };
    const run = async () => await sandbox.deno([...DENO_TEST, ...counting, test], { variables });
    let outcome = await run();
    // A test that waits may fail on a busy machine.
    if (!outcome.passed) outcome = await run();
    if (!outcome.passed) throw new Error(`${test} fails as it is, twice:\n${outcome.output}`);
    const milliseconds = performance.now() - start;
    const report = join(folder, "report.lcov");
    await sandbox.deno(["coverage", "--quiet", "--lcov", `--output=${report}`, folder]);
    return { milliseconds, lines: linesOf(await Deno.readTextFile(report), sandbox.root) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Reads what `deno coverage --lcov` writes: of it, the names of the files below `root` and the counts of their lines. */
export function linesOf(lcov: string, root: string): Lines {
  const lines = new Map<string, Map<number, number>>();
  let counts = new Map<number, number>();
  for (const row of lcov.split("\n")) {
    const [, file, line, count] = row.match(/^(?:SF:(.+)|DA:(\d+),(\d+).*)$/) ?? [];
    if (file !== undefined) lines.set(relative(root, file), counts = new Map());
    if (line !== undefined) counts.set(Number(line), Number(count));
  }
  return lines;
}

/** A digest of all that tests share: the sources, and what lies beside tests. */
function digestOfShared(root: string): string {
  const hash = createHash("sha256");
  const add = (folder: string) => {
    for (
      const { name, isDirectory } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)
    ) {
      const path = join(folder, name);
      if (isDirectory) add(path);
      else if (!name.endsWith("_test.ts")) {
        hash.update(`${path.slice(root.length)}\n`).update(Deno.readFileSync(path));
      }
    }
  };
  for (const folder of ["src", "wgsl", "tests"]) if (exists(join(root, folder))) add(join(root, folder));
  return hash.digest("hex");
}

function toJson(digest: string, { milliseconds, lines }: Measured): string {
  const sources = [...lines].filter(([file]) => file.startsWith("src/"));
  return JSON.stringify({
    digest,
    milliseconds,
    lines: sources.map(([file, counts]) => [file, [...counts]]),
  });
}

async function readKept(file: string, digest: string): Promise<Measured | undefined> {
  if (!exists(file)) return undefined;
  const kept: { digest: string; milliseconds: number; lines: [string, [number, number][]][] } = JSON.parse(
    await Deno.readTextFile(file),
  );
  if (kept.digest !== digest) return undefined;
  return {
    milliseconds: kept.milliseconds,
    lines: new Map(kept.lines.map(([name, counts]) => [name, new Map(counts)])),
  };
}
