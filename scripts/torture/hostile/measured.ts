/** What a process says of itself, and how its memory is measured. */

import type { Outcome } from "../attack.ts";

export type Answer = Outcome & {
  /** Of processor time, of all threads: a machine that is busy with something else changes nothing. */
  readonly milliseconds: number;
  /** Memory at its highest, above that before the file. */
  readonly bytes: number;
};

const KIBIBYTE = 1024;

/** The most memory that this process had since `resetPeak`; what it has now where the system does not say. */
export function peakBytes(): number {
  try {
    return KIBIBYTE * Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))![1]);
  } catch {
    return Deno.memoryUsage().rss;
  }
}

export function resetPeak(): void {
  try {
    Deno.writeTextFileSync("/proc/self/clear_refs", "5");
  } catch {
    // The peak is that of the whole life then.
  }
}
