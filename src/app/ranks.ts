/** What a command does as one of the ranks that a launcher started, and how all of them end. */
import { setTimeout } from "node:timers/promises";
import { firstCause } from "../base/first_cause.ts";
import { Interrupted } from "../base/interrupt.ts";
import { leavesOf } from "../base/leaves.ts";
import { UserError } from "../base/user_error.ts";
import { VERSION } from "../base/version.ts";
import { ALONE, type Collective, mustBeAlike, type Ranks } from "../distributed/collective.ts";
import { type Launched, launched } from "../distributed/launcher.ts";
import { Mpi } from "../distributed/mpi.ts";
import { Sockets } from "../distributed/sockets.ts";
import { SPLITS } from "../data/batch.ts";
import { output } from "../report/output.ts";
import { type KeptData, summariseSplit } from "../runs/preprocessing.ts";
import type { Predictor } from "../train/predictor.ts";
import { describeError, EXIT } from "./errors.ts";

/** Seconds that a rank waits for the others, if UNIS_MPI_TIMEOUT does not say: start-up may download an encoder. */
const PATIENCE = 1800;
/** The most, some 24 days: timers that are set for longer run out at once. */
const MOST_PATIENCE = Math.floor((2 ** 31 - 1) / 1000);
/** Milliseconds that launchers have to pass on what a rank said at last, which else may be lost. */
const HEARING = 100;
/** Milliseconds that a launcher has to end all: the library of one that is out of reach, by a link that was cut, waits for ever. */
const FAREWELL = 5000;
/** Milliseconds that other ranks let the first go ahead with an error, which most often is that of all. */
const PRECEDENCE = 1000;

/**
 * Runs `body` as the rank that this process is, or alone. The first rank prints; of others, errors alone are shown. An error of
 * one rank ends all with its exit status, as the others would wait for it.
 */
export async function amongRanks(body: (collective: Collective) => Promise<void>): Promise<void> {
  const started = launched();
  if (started === undefined) return await body(ALONE);
  const ranks = await join(started);
  try {
    await body(ranks);
  } catch (error) {
    if (!(firstCause(error) instanceof Interrupted)) await endAll(ranks, error);
    // All were interrupted at the same step, and have saved. Launchers end what still runs once one process ends with another
    // status than 0, so that only the first has that of all.
    await ranks.leave();
    if (ranks.rank > 0) Deno.exit(EXIT.ok);
    throw error;
  }
  await ranks.leave();
}

async function join(started: Launched): Promise<Ranks> {
  try {
    const seconds = patience();
    return started.place === undefined
      ? await Mpi.join(started, seconds)
      : await Sockets.join(started.place, seconds);
  } catch (error) {
    if (started.rank > 0) await setTimeout(PRECEDENCE);
    throw error;
  }
}

async function endAll(ranks: Ranks, error: unknown): Promise<never> {
  if (ranks.rank > 0) await setTimeout(PRECEDENCE);
  const { line, status } = describeError(error);
  output.error(`unis: ${line}`);
  output.detail(Deno.inspect(error));
  output.close();
  await setTimeout(HEARING);
  ranks.abort(status).catch(() => {});
  await setTimeout(FAREWELL);
  Deno.exit(status);
}

function patience(): number {
  const text = Deno.env.get("UNIS_MPI_TIMEOUT");
  const seconds = Number(text ?? PATIENCE);
  if (seconds > 0) return Math.min(seconds, MOST_PATIENCE);
  throw new UserError(`UNIS_MPI_TIMEOUT must be a number of seconds above 0, got ${text}`);
}

/**
 * Throws a UserError unless all ranks train, or ask, the same model on the same data, by the same program, on adapters of one
 * kind. A collective call.
 */
export async function mustWorkAlike(
  { collective, config, gpu }: Pick<Predictor, "collective" | "config" | "gpu">,
  { samples }: KeptData,
): Promise<void> {
  if (collective.size === 1) return;
  await mustBeAlike(collective, {
    "the version of unis": VERSION,
    "the version of Deno": Deno.version.deno,
    ...Object.fromEntries(leavesOf(config).map(([key, value]) => [`"${key}"`, value])),
    ...Object.fromEntries(SPLITS.flatMap((split) => {
      const { inputs, labels, samples: count } = summariseSplit(samples, split);
      const of = `of the ${split} split`;
      return [
        [`the number of samples ${of}`, String(count)],
        [`the digest of inputs ${of}`, inputs],
        [`the digest of labels ${of}`, labels],
      ];
    })),
    "the adapter": gpu.name,
  });
}
