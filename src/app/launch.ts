/** Starts the ranks of a command on this host, and ends them together. */
import { setTimeout } from "node:timers/promises";
import { UserError } from "../base/user_error.ts";
import { launched, variablesOf } from "../distributed/launcher.ts";
import { Meeting } from "../distributed/meeting.ts";
import { EXIT, RankFailed } from "./errors.ts";
import { ownProgram } from "./own_program.ts";
import { limitThreads } from "./software_threads.ts";
import { SIGNALS } from "./stop.ts";

/** Commands that ranks share, or examine their devices for. */
export const SHARED = ["train", "experiment", "sweep", "evaluate", "doctor"];

/** Milliseconds in which ranks that were interrupted, and have saved, end by themselves. */
const LEAVING = 5000;

/** Variables of single ranks: each has one value for each rank. */
export type OwnVariables = Readonly<Record<string, readonly string[]>>;

/**
 * Runs `unis ARGS` as so many ranks, and waits for all. Signals are passed on to them. Throws a UserError where this process is a
 * rank itself, and `RankFailed`, with the status of the first that failed, once the others have been ended.
 */
export async function launch(size: number, args: readonly string[], own: OwnVariables): Promise<void> {
  const outer = launched();
  if (outer !== undefined) {
    throw new UserError(
      `unis launch is itself one of ${outer.size} processes that a launcher started (${outer.variable}): start unis ` +
        `${args[0]} by that launcher, or unis launch by none`,
    );
  }
  const { program, args: flags } = ownProgram(args[0]!);
  limitThreads(size);
  using meeting = new Meeting(size);
  const ranks = Array.from({ length: size }, (_, rank) =>
    new Deno.Command(program, {
      args: [...flags, ...args],
      env: {
        ...variablesOf(meeting.placeOf(rank)),
        ...Object.fromEntries(Object.entries(own).map(([name, values]) => [name, values[rank]!])),
      },
      stdin: "null",
    }).spawn());
  using _ = passingOn(ranks);
  const failed = await firstFailure(ranks);
  if (failed === undefined) return;
  const { rank, status } = failed;
  const all = Promise.all(ranks.map(({ status }) => status));
  // These have left each other, and write their last lines.
  if (status.code === EXIT.interrupted) {
    await Promise.race([all, setTimeout(LEAVING, undefined, { ref: false })]);
  }
  for (const each of ranks) send(each, "SIGKILL");
  await all;
  const why = status.signal === null
    ? ""
    : `rank ${rank} was ended by ${status.signal}, and the others with it`;
  throw new RankFailed(why, status.code);
}

/** The first that ended with another status than 0; undefined once all have ended with 0. */
async function firstFailure(
  ranks: readonly Deno.ChildProcess[],
): Promise<{ rank: number; status: Deno.CommandStatus } | undefined> {
  const { promise, resolve } = Promise.withResolvers<
    { rank: number; status: Deno.CommandStatus } | undefined
  >();
  const ended = ranks.map(async (each, rank) => {
    const status = await each.status;
    if (!status.success) resolve({ rank, status });
  });
  Promise.all(ended).then(() => resolve(undefined));
  return await promise;
}

/** Until it is disposed, what asks this process to end is passed on to the ranks, which do so together. */
function passingOn(ranks: readonly Deno.ChildProcess[]): Disposable {
  const listeners = SIGNALS.map((signal) =>
    [signal, () => ranks.forEach((each) => send(each, signal))] as const
  );
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return {
    [Symbol.dispose]() {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}

function send(rank: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    rank.kill(signal);
  } catch {
    // It has ended.
  }
}
