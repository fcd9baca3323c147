/**
 * Mutation testing: changes one token of a source at a time, in a copy of the repository, and sees whether a test notices.
 *
 *     deno run -A scripts/mutants/main.ts --seed 1 --count 100 --folder src/ops --folder src/nn
 *
 * Folders take turns; `--file src/ops/cast.ts` takes of them this file alone. `--only 3,17-20` runs mutants by their numbers, `--jobs 2` two at a time. The tests are first run
 * unchanged: they must pass, and three times what they take is the most that a mutant's may take; `--timeout 120`, in
 * seconds, is taken in place of that.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { draw, type Mutant, mutantsOf } from "./draw.ts";
import { kernelsOf, runsFor, testsOf } from "./folders.ts";
import { Sandbox } from "./sandbox.ts";

const HOME = join(import.meta.dirname!, "../..");

/** What takes too long is noticed as well. */
type Verdict = "noticed" | "timed out" | "survived" | "does not compile";

const DENO_TEST = ["test", "-A", "--no-check", "--fail-fast", "--quiet"];
/** A shader that is no WGSL is found where it is first used. */
const INVALID_SHADER =
  /Shader '?.*(parsing|validation) error|(ComputePipeline|ShaderModule) with '.*' label is invalid/i;

const { values: options } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "20" },
    folder: { type: "string", multiple: true },
    file: { type: "string", multiple: true },
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
  const known = entriesOf("src").map(({ name }) => `src/${name}`), folders = options.folder ?? known;
  const unknown = folders.find((name) => !known.includes(name));
  if (unknown) throw new Error(`There is no folder ${unknown}; there are ${known.join(", ")}`);
  const testFiles = filesBelow("tests").filter((path) => path.endsWith("_test.ts"));
  const tests = new Map(testFiles.map((path) => [path, text(path)]));
  const mutants = draw(
    folders.map((name) => mutantsOf(name, filesOf(name), text)),
    Number(options.seed),
  );
  const only = options.only?.split(",").map((range) => range.split("-").map(Number));
  const isWanted = (number: number) =>
    !only || only.some(([first, last = first]) => number >= first! && number <= last!);
  const end = only ? Math.max(...only.flat()) : Infinity, count = only ? Infinity : Number(options.count);

  const limits = await timeLimits(sandboxes[0]!, folders);
  const verdicts: Verdict[] = [];
  const counted = () => verdicts.filter((verdict) => verdict !== "does not compile").length;
  let number = 0, inFlight = 0;
  await Promise.all(sandboxes.map(async (sandbox) => {
    // No more are begun than may count, so that which ones do is not a matter of speed.
    while (number < end && counted() + inFlight < count) {
      const { value: mutant, done } = mutants.next();
      if (done) break;
      const own = ++number;
      if (!isWanted(own)) continue;
      inFlight++;
      const start = performance.now();
      const verdict = await judge(sandbox, mutant, tests, limits.get(mutant.folder)!);
      inFlight--;
      verdicts.push(verdict);
      show(own, mutant, verdict, performance.now() - start);
    }
  }));
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

/** Milliseconds that the runs of a mutant may take, by folder. Throws where tests fail unchanged. */
async function timeLimits(sandbox: Sandbox, folders: readonly string[]): Promise<Map<string, number>> {
  const limits = new Map<string, number>();
  for (const name of folders) {
    const start = performance.now();
    if (options.timeout === undefined) {
      const { passed, output } = await sandbox.deno([...DENO_TEST, ...testsOf(name)]);
      if (!passed) throw new Error(`The tests of ${name} fail as it is:\n${output}`);
    }
    limits.set(
      name,
      options.timeout ? 1000 * Number(options.timeout) : 3 * (performance.now() - start) + 10_000,
    );
  }
  return limits;
}

/** Checks the types of a mutant, then runs the tests of its folder until one fails. */
async function judge(
  sandbox: Sandbox,
  mutant: Mutant,
  tests: ReadonlyMap<string, string>,
  limit: number,
): Promise<Verdict> {
  const { file, folder } = mutant;
  return await sandbox.withFile(file, mutant.text(), async () => {
    if (file.endsWith(".ts") && !(await sandbox.deno(["check", "--quiet", file])).passed) {
      return "does not compile";
    }
    for (const run of runsFor(file, folder, tests)) {
      const { passed, timedOut, output } = await sandbox.deno([...DENO_TEST, ...run], limit);
      if (file.endsWith(".wgsl") && INVALID_SHADER.test(output)) return "does not compile";
      if (timedOut) return "timed out";
      if (!passed) return "noticed";
    }
    return "survived";
  });
}

function show(
  number: number,
  { file, line, before, after }: Mutant,
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
