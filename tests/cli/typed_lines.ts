/**
 * Runs the command lines given as arguments, one after the other, in the folder and with the variables it is started
 * with; prints for each what it said on each stream, its status and its milliseconds, as a line of JSON.
 */
import { run } from "../../src/cli/program.ts";

export interface Typed {
  readonly status: number;
  readonly out: readonly string[];
  readonly errors: readonly string[];
  readonly milliseconds: number;
}

const print = console.log;

for (const line of Deno.args) {
  const [out, errors]: [string[], string[]] = [[], []];
  console.log = (...parts) => void out.push(parts.join(" "));
  console.warn = console.error = (...parts) => void errors.push(parts.join(" "));
  const begin = performance.now();
  const status = await run(line.split(" "));
  print(JSON.stringify({ status, out, errors, milliseconds: performance.now() - begin } satisfies Typed));
}
