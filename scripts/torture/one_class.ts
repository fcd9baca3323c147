/**
 * The process in which tries of a class are made, for some change what their process is: its console, its file system, its devices.
 * Which they are it reads as JSON from its input; it answers how each ended.
 */
import { processorTime } from "../processor_time.ts";
import { answer } from "./answers.ts";
import { attack, type Outcome } from "./attack.ts";
import { CLASSES } from "./classes.ts";

export interface Tries {
  readonly name: string;
  readonly numbers: readonly number[];
  readonly seed: number;
  /** An empty one, for what the tries need. */
  readonly folder: string;
}

export type Told =
  | { readonly kind: "ready" }
  | { readonly kind: "ended"; readonly number: number; readonly outcome: Outcome }
  /** All tries were made, or none, and why; with what they took of processors, in seconds. */
  | { readonly kind: "over"; readonly leftOut?: string; readonly processorSeconds: number | undefined };

const tell = (told: Told) => answer(told);

if (import.meta.main) {
  const { name, numbers, seed, folder }: Tries = JSON.parse(await new Response(Deno.stdin.readable).text());
  const of = CLASSES.find((one) => one.name === name)!;
  const prepare = async (folder: string) => {
    const made = await of.prepare(folder);
    tell({ kind: "ready" });
    return made;
  };
  const leftOut = await attack(
    { ...of, prepare },
    numbers,
    seed,
    folder,
    (number, outcome) => tell({ kind: "ended", number, outcome }),
  );
  const processorSeconds = Deno.build.os === "linux"
    ? processorTime("self", { withChildren: true }) / 1000
    : undefined;
  tell({ kind: "over", processorSeconds, ...leftOut !== undefined && { leftOut } });
  Deno.exit(); // whatever still runs
}
