/**
 * The process in which files are read, so that whatever they do to it is seen from without. By each line that it is sent,
 * the key of random numbers, it mutates a file of the format that its first argument names, reads it in the
 * folder of the second, and says how that ended.
 */
import { createInterface } from "node:readline";
import { Random } from "../../../src/base/random.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { FORMATS } from "./formats.ts";
import { mutate } from "./mutate.ts";
import { ANSWER, type Answer, peakBytes, resetPeak } from "./measured.ts";

/** The share of files whose checksums are made right again. */
const MENDED = 0.7;

const [name, folder] = Deno.args as [string, string];
const format = FORMATS.find((one) => one.name === name)!;
const refuses = format.refuses ?? ((error) => error instanceof UserError);
const seeds = await format.seeds();
const words = (format.words ?? []).map((word) =>
  Uint8Array.from(word, (character) => character.charCodeAt(0))
);
const read = await format.open(folder);
for (const seed of seeds) await read(new Uint8Array(seed)); // what is sound is read
resetPeak();
const before = peakBytes();
answer({ how: "ready", milliseconds: 0, bytes: 0 });
for await (const line of createInterface({ input: process.stdin })) {
  const random = new Random(Number(line));
  const bytes = mutate(seeds[Math.floor(random.uniform() * seeds.length)]!, random, words);
  if (format.mend !== undefined && random.uniform() < MENDED) format.mend(bytes);
  const started = performance.now();
  let how = "read", failed: string | undefined;
  try {
    await read(bytes);
  } catch (error) {
    if (refuses(error)) how = "refused";
    else failed = error instanceof Error ? error.stack ?? String(error) : `${error}`;
  }
  const milliseconds = performance.now() - started;
  answer({ how, milliseconds, bytes: peakBytes() - before, ...(failed !== undefined && { failed }) });
}
Deno.exit(); // a server goes on else

function answer(one: Answer): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${ANSWER}${JSON.stringify(one)}\n`));
}
