/** Stopping in an orderly way when asked to. */
import { setImmediate } from "node:timers";

/** Work that ended early because it was asked to; what can be kept is saved. */
export class Interrupted extends Error {
  override name = "Interrupted";
}

/** Throws `Interrupted` once the signal is raised. */
export function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new Interrupted("Interrupted");
}

/**
 * Lets timers and signal handlers run. The device is waited for without giving way to them, so that long work must do
 * so itself now and then. (A timer of zero milliseconds takes two.)
 */
export function pause(): Promise<void> {
  return new Promise((resume) => setImmediate(resume));
}
