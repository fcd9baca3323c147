/**
 * The process in which files are read, so that whatever they do to it is seen from without. By each line that it is sent,
 * the key of random numbers, it mutates a file of the format that its first argument names, reads it in the folder of the
 * second, and says how that ended; of bombs a line is the number.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { answer } from "../answers.ts";
import { bomb } from "./bombs.ts";
import { FORMATS } from "./formats.ts";
import { type Answer, peakBytes, resetPeak } from "./measured.ts";
import { triesOf } from "./tries.ts";

const [name, folder] = Deno.args as [string, string];
const format = FORMATS.find((one) => one.name === name);
const attempt = format === undefined
  ? (number: number) => bomb(number, folder)
  : await triesOf(format, folder);
const tell = (one: Answer) => answer(one);
tell({ how: "ready", milliseconds: 0, bytes: 0 });
for await (const line of createInterface({ input: process.stdin })) {
  resetPeak();
  const before = peakBytes();
  const started = process.cpuUsage();
  const outcome = await attempt(Number(line));
  const { user, system } = process.cpuUsage(started);
  tell({ ...outcome, milliseconds: (user + system) / 1000, bytes: peakBytes() - before });
}
Deno.exit(); // a server goes on else
