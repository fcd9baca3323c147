/**
 * Mutation testing: changes one token of a source at a time, in a copy of the repository, and sees whether a test notices.
 *
 *     deno run -A scripts/mutants/main.ts --seed 1 --count 100 --folder src/ops --folder src/data/readers
 *
 * Folders take turns; `--file src/ops/cast.ts` takes of them this file alone. `--only 3,17-20` runs mutants by their
 * numbers, `--jobs 2` two at a time. The tests are first run unchanged, each file for itself: they must pass, and what
 * each runs of the source is counted and kept, so that a mutant is given to those alone that run its function. Three times what they
 * took is the most that a mutant's may take; `--timeout 120`, in seconds, is taken in place of that. `--tests tests/io`
 * takes these tests, files or folders, in place of all that belong to the folders.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { draw, type Mutant, mutantsOf } from "./draw.ts";
import { kernelsOf, runsFor, testsOf, within } from "./folders.ts";
import { DENO_TEST, Reach } from "./reach.ts";
import { Sandbox } from "./sandbox.ts";

const HOME = join(import.meta.dirname!, "../..");
/** What tests were found to run, which git ignores. */
const KEPT = join(HOME, ".cache/mutants");

/** What takes too long is noticed as well. */
type Verdict = "noticed" | "timed out" | "survived" | "does not compile";

/** How many mutants' types are checked in one go. */
const AT_ONCE = 100;
/** A shader that is no WGSL is found where it is first used. */
const INVALID_SHADER =
  /Shader '?.*(parsing|validation) error|(ComputePipeline|ShaderModule) with '.*' label is invalid/i;

const { values: options } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "20" },
    folder: { type: "string", multiple: true },
    file: { type: "string", multiple: true },
    tests: { type: "string", multiple: true },
    only: { type: "string" },
    jobs: { type: "string", default: "1" },
    timeout: { type: "string" },
  },
});

const sandboxes: Sandbox[] = [];
/** A file as it was when the copies were made. */
const text = (path: string) => Deno.readTextFileSync(join(sandboxes[0]!.root, path));
const stop = (code: number) => {
  for (const sandbox of sandboxes.splice(0)) sandbox.remove();
  Deno.exit(code);
};
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stop(130));

try {
  stop(await main());
} catch (error) {
  console.error(error);
  stop(1);
}

async function main(): Promise<number> {
  for (let job = 0; job < Number(options.jobs); job++) sandboxes.push(await Sandbox.create(HOME));
  const folders = options.folder ?? entriesOf("src").map(({ name }) => `src/${name}`);
  const mutants = draw(
    folders.map((name) => mutantsOf(name, filesOf(name), text)),
    Number(options.seed),
  );
  const testFiles = filesBelow("tests").filter((path) => path.endsWith("_test.ts"));
  const testsFor = (folder: string) => within(testFiles, options.tests ?? testsOf(folder));
  const reach = await Reach.measure(sandboxes, [...new Set(folders.flatMap(testsFor))], KEPT);
  const wanted = numbered(mutants);
  const count = options.only ? Infinity : Number(options.count);

  const verdicts: Verdict[] = [];
  const counted = () => verdicts.filter((verdict) => verdict !== "does not compile").length;
  const tell = (mutant: Numbered, verdict: Verdict, milliseconds: number) => {
    verdicts.push(verdict);
    show(mutant, verdict, milliseconds);
  };
  for (let batch = take(wanted, count); batch.length > 0; batch = take(wanted, count - counted())) {
    const scripts = batch.filter(({ file }) => file.endsWith(".ts"));
    const right = await sandboxes[0]!.withoutMistakes(scripts);
    const left = batch.filter((mutant) => !scripts.includes(mutant) || right.has(mutant));
    for (const mutant of batch) if (!left.includes(mutant)) tell(mutant, "does not compile", 0);
    await Promise.all(sandboxes.map(async (sandbox) => {
      for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
        const start = performance.now();
        const verdict = await judge(sandbox, mutant, testsFor(mutant.folder), reach);
        tell(mutant, verdict, performance.now() - start);
      }
    }));
  }
  const total = counted(), noticed = total - verdicts.filter((verdict) => verdict === "survived").length;
  const share = total > 0 ? ` (${(100 * noticed / total).toFixed(1)} %)` : "";
  console.log(`${noticed} of ${total} noticed${share}; ${verdicts.length - total} did not compile`);
  return 0;
}

function filesOf(folder: string): string[] {
  const kernels = kernelsOf(folder, entriesOf("wgsl").map(({ name }) => name)).map((name) => `wgsl/${name}`);
  const files = [folder, ...kernels].flatMap((root) => filesBelow(root)).filter((path) =>
    /\.(ts|wgsl)$/.test(path)
  );
  return options.file ? files.filter((path) => options.file!.includes(path)) : files;
}

function entriesOf(folder: string): Deno.DirEntry[] {
  return [...Deno.readDirSync(join(sandboxes[0]!.root, folder))];
}

function filesBelow(folder: string): string[] {
  return entriesOf(folder).flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
  ).sort();
}

type Numbered = Mutant & { readonly number: number };

/** The mutants that are asked for, with their places among all. */
function* numbered(mutants: Iterable<Mutant>): Generator<Numbered, undefined> {
  const ranges = options.only?.split(",").map((range) => range.split("-").map(Number));
  const end = ranges ? Math.max(...ranges.flat()) : Infinity;
  let number = 0;
  for (const mutant of mutants) {
    if (++number > end) return;
    if (!ranges || ranges.some(([first, last = first]) => number >= first! && number <= last!)) {
      yield { ...mutant, number };
    }
  }
}

/** The next mutants: no more than `count`, nor than are checked in one go. */
function take(mutants: Generator<Numbered, undefined>, count: number): Numbered[] {
  const taken: Numbered[] = [];
  while (taken.length < Math.min(count, AT_ONCE)) {
    const { value, done } = mutants.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

/** Runs the tests of a mutant until one fails: those that run its function, or all of its folder where it is a shader's. */
async function judge(
  sandbox: Sandbox,
  { file, folder, line, text: changed }: Mutant,
  tests: readonly string[],
  reach: Reach,
): Promise<Verdict> {
  const reached = file.endsWith(".ts") ? reach.of(file, line).filter((test) => tests.includes(test)) : tests;
  return await sandbox.withFile(file, changed(), async () => {
    for (const run of runsFor(file, folder, new Map(reached.map((test) => [test, text(test)])))) {
      const limit = options.timeout ? 1000 * Number(options.timeout) : 3 * reach.milliseconds(run) + 10_000;
      const { passed, timedOut, output } = await sandbox.deno([...DENO_TEST, ...run], { limit });
      if (file.endsWith(".wgsl") && INVALID_SHADER.test(output)) return "does not compile";
      if (timedOut) return "timed out";
      if (!passed) return "noticed";
    }
    return "survived";
  });
}

function show(
  { number, file, line, before, after }: Numbered,
  verdict: Verdict,
  milliseconds: number,
): void {
  const brief = (text: string) => {
    const line = text.replaceAll(/\s+/g, " ");
    return line.length > 60 ? `${line.slice(0, 57)}...` : line || "nothing";
  };
  const seconds = Math.round(milliseconds / 1000);
  console.log(`#${number} ${file}:${line}  ${brief(before)} → ${brief(after)}  ${verdict} (${seconds} s)`);
}
