/** Runs command lines in the process of the tests, and checks how they end. */
import assert from "node:assert/strict";
import { run } from "../../src/cli/program.ts";

/** What a command line printed on each stream, and its status. */
export async function unis(
  ...args: string[]
): Promise<{ status: number; output: string; errors: string }> {
  const output: string[] = [], errors: string[] = [];
  const { log, error } = console;
  console.log = (...parts: unknown[]) => output.push(parts.join(" "));
  console.error = (...parts: unknown[]) => errors.push(parts.join(" "));
  try {
    return { status: await run(args), output: output.join("\n"), errors: errors.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}

/** The output of a command line that must end well. */
export async function done(...args: string[]): Promise<string> {
  const { status, output, errors } = await unis(...args);
  assert.equal(status, 0, `${args.join(" ")}: ${errors}\n${output}`);
  return output;
}

/** What is said of a command line that must be refused. */
export async function refused(...args: string[]): Promise<string> {
  const { status, errors } = await unis(...args);
  assert.equal(status, 2, errors);
  return errors;
}
