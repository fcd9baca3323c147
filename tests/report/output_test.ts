// What is shown with --quiet and --verbose, what the file of --log has, and that neither holds control characters.
import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import { ConsoleObserver } from "../../src/report/console.ts";
import { Output, type OutputFlags } from "../../src/report/output.ts";
import { temporaryFolder } from "../io/crafted.ts";

/** What stands on each stream after one line of every kind. */
function shown(flags: OutputFlags, rank = 0): { out: string[]; err: string[] } {
  const [out, err]: [string[], string[]] = [[], []];
  const { log, warn, error } = console;
  console.log = (text) => void out.push(text);
  console.warn = console.error = (text) => void err.push(text);
  const output = new Output();
  try {
    output.open(flags, ["train", "--seed", "3"], rank);
    output.result("result\nof two lines");
    output.note("note");
    output.aside("aside");
    output.detail("detail");
    output.logged("bar");
    output.error("error with \x1b[31mcolour\x1b[0m,\ttab and \r");
    output.close();
  } finally {
    Object.assign(console, { log, warn, error });
  }
  return { out, err };
}

const RESULT = "result\nof two lines";
const ERROR = "error with \\x1b[31mcolour\\x1b[0m,\ttab and \\x0d";

Deno.test("--quiet shows results and errors, --verbose details too", () => {
  assert.deepEqual(shown({}), { out: [RESULT, "note"], err: ["aside", ERROR] });
  assert.deepEqual(shown({ quiet: true }), { out: [RESULT], err: [ERROR] });
  const { out, err } = shown({ verbose: true });
  assert.deepEqual([out, err.slice(1)], [[RESULT, "note"], ["aside", "detail", ERROR]]);
  assert.match(err[0]!, /^unis \d.*, Deno \d.*: unis train --seed 3$/);
});

Deno.test("--log adds everything to a file, with times and without control characters, whatever is shown", () => {
  using folder = temporaryFolder();
  const log = join(folder.path, "new", "log.txt");
  for (const flags of [{ log }, { log, quiet: true }]) shown(flags);
  const lines = Deno.readTextFileSync(log).split("\n");
  assert.equal(lines.pop(), "");
  const half = lines.length / 2;
  const untimed = lines.map((line) => {
    const [, time, rest] = /^(\S+) (.*)$/.exec(line)!;
    assert.ok(Math.abs(Date.parse(time!) - Date.now()) < 60_000 && time!.endsWith("Z"), line);
    assert.match(line, /^[^\p{Cc}\t]*\t?[^\p{Cc}]*$/u);
    return rest!;
  });
  assert.deepEqual(
    untimed.slice(0, half),
    untimed.slice(half),
    "it was replaced, or lacks what was not shown",
  );
  assert.deepEqual(untimed.slice(1, half), [
    "result result",
    "result of two lines",
    "note   note",
    "note   aside",
    "detail detail",
    "note   bar",
    `error  ${ERROR}`,
  ]);
  const ofRank = join(folder.path, "new", "log.rank2.txt");
  assert.deepEqual(shown({ log }, 2), { out: [], err: [`[rank 2] ${ERROR}`] });
  assert.deepEqual(
    Deno.readTextFileSync(ofRank).trimEnd().split("\n").map((line) => line.replace(/^\S+ /, "")),
    untimed.slice(0, half),
    "a rank after the first has a log of its own, which lacks nothing",
  );
  assert.throws(
    () => new Output().open({ log: folder.path }, []),
    (error: Error) => error instanceof UserError && /it is a folder$/.test(error.message),
  );
});

Deno.test("bars move on a terminal alone, and not where NO_COLOR is set", () => {
  for (const isTerminal of [true, false]) {
    for (const noColor of [true, false]) {
      for (const quiet of [true, false]) {
        const output = new Output({ noColor, isTerminal: () => isTerminal });
        output.open({ quiet }, []);
        assert.equal(output.hasBars("stdout"), isTerminal && !noColor && !quiet);
      }
    }
  }
});

Deno.test("progress without a bar is lines of text", () => {
  const lines: string[] = [];
  const observer = new ConsoleObserver(false, (line) => lines.push(line));
  observer.note("begun");
  const progress = {
    epoch: 1,
    epochs: 2,
    done: 3,
    total: 4,
    loss: 1,
    accuracy: 0.5,
    samplesPerSecond: 6,
    remaining: 7,
  };
  observer.progressed(progress);
  observer.note("ended");
  assert.deepEqual(lines, ["begun", "ended"]);
});
