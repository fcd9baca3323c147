/** Tries of a class in a process of their own, which they may end. */
import { answersIn } from "./answers.ts";
import { type Outcome, Tally } from "./attack.ts";
import type { Told, Tries } from "./one_class.ts";
import { ENVIRONMENT } from "./tiny_training.ts";

const PROGRAM = new URL("one_class.ts", import.meta.url).pathname;

export interface Listener {
  /** A line that was printed by what is attacked. */
  printed(line: string): void;
  failed(number: number, why: string): void;
}

/** Makes tries of a class. One that ends the process in which it is made has failed; those that are left go on in another. */
export async function attackApart(
  { numbers, ...tries }: Omit<Tries, "folder">,
  { printed, failed }: Listener,
  program = PROGRAM,
): Promise<Tally> {
  const started = performance.now();
  const tally = new Tally();
  const add = (number: number, outcome: Outcome) => {
    tally.add(number, outcome);
    if ("failed" in outcome) failed(number, outcome.failed);
  };
  for (let left = [...numbers], isOver = false; !isOver;) {
    const folder = await Deno.makeTempDir({ prefix: `torture-${tries.name}-` });
    const process = begin(program, { ...tries, numbers: left, folder });
    const errors = Array.fromAsync(answersIn<never>(process.stderr, printed));
    let isReady = false;
    for await (const told of answersIn<Told>(process.stdout, printed)) {
      if (told.kind === "ready") isReady = true;
      if (told.kind === "ended") {
        add(told.number, told.outcome);
        left = left.filter((number) => number !== told.number);
      }
      if (told.kind === "over") {
        isOver = true;
        tally.processorSeconds = told.processorSeconds;
        if (told.leftOut !== undefined) tally.leftOut = told.leftOut;
      }
    }
    await errors;
    const { success, signal, code } = await process.status;
    if (!success || !isOver) {
      // Whatever was to be next had begun.
      const number = left.shift() ?? numbers.at(-1)!;
      const when = !isReady ? "before the first try" : isOver ? "after the last try" : "in it";
      add(number, { failed: `the process ended ${when}: ${signal ?? `status ${code}`}` });
      // Without what they share none can be made.
      isOver ||= !isReady || left.length === 0;
    }
    await Deno.remove(folder, { recursive: true });
  }
  tally.seconds = (performance.now() - started) / 1000;
  return tally;
}

/** Starts the process that makes these tries. */
function begin(program: string, tries: Tries): Deno.ChildProcess {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", program],
    env: ENVIRONMENT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  void new Blob([JSON.stringify(tries)]).stream().pipeTo(process.stdin).catch(() => {});
  return process;
}
