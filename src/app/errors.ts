/** From what went wrong to a line and an exit status. */
import { CommanderError } from "commander";
import { AdapterError } from "../gpu/adapter.ts";
import { DeviceLost, OutOfMemory, WrongResults } from "../gpu/device_errors.ts";
import { RankMissing } from "../distributed/collective.ts";
import { firstCause } from "../base/first_cause.ts";
import { UserError } from "../base/user_error.ts";
import { Interrupted } from "../base/interrupt.ts";

/** A check that found something: no mistake in the command, so the status is 1. */
export class CheckFailed extends Error {
  override name = "CheckFailed";
}

/** A rank that `unis launch` started ended with this status. The message is empty where the rank has told why. */
export class RankFailed extends Error {
  override name = "RankFailed";
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** `lost` is EX_TEMPFAIL of sysexits.h: nothing was wrong with the command, which may be tried again. */
export const EXIT = { ok: 0, unexpected: 1, usage: 2, lost: 75, interrupted: 130 } as const;

/**
 * The line to show, if any, and the exit status: 2 for what the user can mend (what Deno was not allowed included), 75 where
 * the device was lost or a rank is missing, 130 when interrupted, else 1.
 */
export function describeError(thrown: unknown): { line: string | undefined; status: number } {
  const error = firstCause(thrown);
  if (error instanceof CommanderError) {
    // Help and version have been printed.
    if (error.exitCode === 0) return { line: undefined, status: EXIT.ok };
    if (error.code === "commander.help") return { line: undefined, status: EXIT.usage };
    return { line: oneLine(error.message.replace(/^error: /, "")), status: EXIT.usage };
  }
  if (error instanceof UserError || error instanceof AdapterError) {
    return { line: oneLine(error.message), status: EXIT.usage };
  }
  if (error instanceof OutOfMemory) {
    const cure = "use smaller batches, or end what else uses the adapter";
    return { line: `${error.message}; ${cure}`, status: EXIT.usage };
  }
  if (error instanceof RankFailed) return { line: error.message || undefined, status: error.status };
  if (error instanceof RankMissing) return { line: oneLine(error.message), status: EXIT.lost };
  if (error instanceof DeviceLost) return { line: oneLine(error.message), status: EXIT.lost };
  if (error instanceof CheckFailed || error instanceof WrongResults) {
    return { line: oneLine(error.message), status: EXIT.unexpected };
  }
  if (error instanceof Interrupted) return { line: oneLine(error.message), status: EXIT.interrupted };
  if (error instanceof Deno.errors.NotCapable) {
    // "Requires env access to "X", run again with the --allow-env flag"
    const line = `${oneLine(error.message)}; sh scripts/run.sh grants what a command needs`;
    return { line, status: EXIT.usage };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { line: `${oneLine(message)} (unexpected; --debug shows the trace)`, status: EXIT.unexpected };
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, " ");
}
