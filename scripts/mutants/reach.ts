/** Which tests run which functions of the source: each file of tests is run once, with what V8 counts, and that is kept. */
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

/** What was run of a source. */
interface Ran {
  /** How often each line was; 0 also where a part of it was not. */
  readonly counts: ReadonlyMap<number, number>;
  /** The lines on which functions begin, in their order. */
  readonly functions: readonly number[];
}

interface Measured {
  readonly milliseconds: number;
  /** By the sources that a test loads. */
  readonly sources: ReadonlyMap<string, Ran>;
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

  /** The tests that run a function of a source up to a line in it, the quickest first. */
  of(file: string, line: number): string[] {
    return [...this.#measured].filter(([, { sources }]) => {
      const ran = sources.get(file);
      return ran !== undefined && mayHaveRun(ran, line);
    }).sort(([, a], [, b]) => a.milliseconds - b.milliseconds).map(([test]) => test);
  }

  /** What these arguments of `deno test` took, one file after the other. */
  milliseconds(run: readonly string[]): number {
    return run.reduce((sum, test) => sum + (this.#measured.get(test)?.milliseconds ?? 0), 0);
  }
}

/** Whether anything was run from the beginning of the function to the line: of `if (a) throw b;` the first part may be. */
function mayHaveRun({ counts, functions }: Ran, line: number): boolean {
  const first = functions.findLast((start) => start <= line) ?? 1;
  return [...counts].some(([at, count]) => at >= first && at <= line && count > 0);
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
    return { milliseconds, sources: sourcesOf(await Deno.readTextFile(report), sandbox.root) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Reads what `deno coverage --lcov` writes of the sources of the program. */
export function sourcesOf(lcov: string, root: string): ReadonlyMap<string, Ran> {
  const sources = lcov.split("end_of_record").map((record): [string, Ran] => {
    const numbers = (pattern: RegExp) =>
      Array.from(record.matchAll(pattern), (found) => found.slice(1).map(Number));
    return [relative(root, /^SF:(.+)$/m.exec(record)?.[1] ?? root), {
      counts: new Map(numbers(/^DA:(\d+),(\d+)/gm) as [number, number][]),
      functions: numbers(/^FN:(\d+),/gm).flat().sort((a, b) => a - b),
    }];
  });
  return new Map(sources.filter(([file]) => file.startsWith("src/")));
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

function toJson(digest: string, { milliseconds, sources }: Measured): string {
  const flat = Array.from(sources, ([file, { counts, functions }]) => [file, [...counts], functions]);
  return JSON.stringify({ digest, milliseconds, sources: flat });
}

async function readKept(file: string, digest: string): Promise<Measured | undefined> {
  if (!exists(file)) return undefined;
  const kept: {
    digest: string;
    milliseconds: number;
    sources: [file: string, counts: [number, number][], functions: number[]][];
  } = JSON.parse(await Deno.readTextFile(file));
  if (kept.digest !== digest) return undefined;
  const sources = kept.sources.map(([name, counts, functions]): [string, Ran] => [name, {
    counts: new Map(counts),
    functions,
  }]);
  return { milliseconds: kept.milliseconds, sources: new Map(sources) };
}
