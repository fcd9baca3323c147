/**
 * Runs tests with a process for each file, which Dawn wants (tests/backend.ts); those of `deno task test` if none are named:
 *
 *     UNIS_TEST_BACKEND=dawn deno run -A scripts/test_by_file.ts [FILE or FOLDER ...] [--jobs 2] [--seconds 1800]
 *
 * Of a file that takes long, a line a minute tells how far it is. One that takes longer than `--seconds` is ended, with all
 * that it started. To the tests that such a file has had by then, or one whose process ends without counts or with a status
 * that they do not explain, one failure is added. The last line is "N passed, N failed, N ignored"; before it stand the files
 * that failed. Exit status: 1 where there was a failure.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";

const ROOT = join(import.meta.dirname!, "..");

/** Processes of tests, each of which leads a group, and would outlive this one. */
const running = new Set<number>();

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
}

export interface Outcome extends Counts {
  /** What failed beside tests, or of which tests do not tell. */
  readonly fault?: string;
  readonly output: string;
}

/** The files with tests or examples among `paths`, which are files or folders. */
export function filesIn(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (Deno.statSync(join(ROOT, path)).isFile) return [path];
    const below = Array.from(Deno.readDirSync(join(ROOT, path)), ({ name }) => `${path}/${name}`).sort();
    const folders = below.filter((path) => Deno.statSync(join(ROOT, path)).isDirectory);
    return [...below.filter((path) => !folders.includes(path) && hasTests(path)), ...filesIn(folders)];
  });
}

function hasTests(path: string): boolean {
  return path.endsWith("_test.ts") || (!path.startsWith("tests/") && hasExamples(path));
}

function hasExamples(path: string): boolean {
  return /\.(ts|md)$/.test(path) && /^[ *]*```ts$/m.test(Deno.readTextFileSync(join(ROOT, path)));
}

/** Runs the tests of a file; after `seconds` it is ended. `note` is told every `every` seconds how far it is. */
export async function testFile(
  path: string,
  seconds: number,
  note: (progress: string) => void = () => {},
  every = 60,
): Promise<Outcome> {
  const doc = path.endsWith("_test.ts") ? [] : ["--doc", "--permit-no-files"];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--preload", "tests/backend.ts", ...doc, path],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true, // a process group of its own
  }).spawn();
  running.add(child.pid);
  let isOver = false;
  const timer = setTimeout(() => (isOver = true, end(child.pid)), 1000 * seconds);
  const printed = { stdout: "", stderr: "" };
  const progress = setInterval(() => note(`${told(tally(printed.stdout))} so far`), 1000 * every);
  const collected = [collect("stdout"), collect("stderr")];
  const { code } = await child.status;
  clearTimeout(timer);
  end(child.pid); // what it left running
  await Promise.all(collected);
  clearInterval(progress);
  running.delete(child.pid);
  return outcomeOf(printed.stdout + printed.stderr, isOver ? `was ended after ${seconds} s` : code);

  async function collect(from: "stdout" | "stderr"): Promise<void> {
    for await (const text of child[from].pipeThrough(new TextDecoderStream())) printed[from] += text;
  }
}

/** What has come of tests that printed `output`, then ended with a status or, said in words, otherwise. */
export function outcomeOf(output: string, ending: number | string): Outcome {
  const counts = countsOf(output);
  const { passed, failed, ignored } = counts ?? tally(output);
  const fault = typeof ending === "string"
    ? ending
    : counts === undefined
    ? `ended with status ${ending} and without counts`
    : ending !== 0 && failed === 0
    ? `ended with status ${ending} after its tests`
    : undefined;
  return fault === undefined
    ? { passed, failed, ignored, output }
    : { passed, failed: failed + 1, ignored, fault, output };
}

/** The counts that `deno test` prints last. */
function countsOf(output: string): Counts | undefined {
  const summary = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed.*?(?: \| (\d+) ignored.*)?$/gm;
  const last = [...output.matchAll(summary)].at(-1);
  return last && { passed: Number(last[1]), failed: Number(last[2]), ignored: Number(last[3] ?? 0) };
}

/** What the lines of single tests add up to, those of steps, which are indented, left out. */
function tally(output: string): Counts {
  const endings = Array.from(output.matchAll(/^\S.* \.\.\. (ok|FAILED|ignored) /gm), ([, ending]) => ending);
  const count = (which: string) => endings.filter((ending) => ending === which).length;
  return { passed: count("ok"), failed: count("FAILED"), ignored: count("ignored") };
}

const told = ({ passed, failed, ignored }: Counts) =>
  `${passed} passed, ${failed} failed, ${ignored} ignored`;

function end(group: number): void {
  try {
    Deno.kill(-group, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** What `deno task test` runs. */
function everything(): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json")));
  return (tasks.test as string).split("--permit-no-files ")[1]!.split(" ");
}

if (import.meta.main) {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      for (const group of running) end(group);
      Deno.exit(130);
    });
  }
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { jobs: { type: "string", default: "1" }, seconds: { type: "string", default: "1800" } },
  });
  const files = filesIn(positionals.length > 0 ? positionals : everything());
  const total = { passed: 0, failed: 0, ignored: 0 };
  const faults: string[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: Number(values.jobs) }, async () => {
    while (next < files.length) {
      const path = files[next++]!;
      const start = performance.now();
      const seconds = () => ((performance.now() - start) / 1000).toFixed(0);
      const note = (progress: string) => console.log(`${path}: ${progress} (${seconds()} s)`);
      const { output, fault, ...counts } = await testFile(path, Number(values.seconds), note);
      total.passed += counts.passed;
      total.failed += counts.failed;
      total.ignored += counts.ignored;
      const line = `${path}: ${told(counts)}${fault === undefined ? "" : `; ${fault}`}`;
      if (counts.failed > 0) {
        console.log(output);
        faults.push(line);
      }
      console.log(`${line} (${seconds()} s)`);
    }
  }));
  for (const line of faults) console.log(`Failed: ${line}`);
  console.log(told(total));
  Deno.exit(total.failed > 0 ? 1 : 0);
}
