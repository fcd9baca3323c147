/** What went wrong first. */

/** An error without those that came of it while what was held was given back, which hide it: a `SuppressedError` holds both. */
export function firstCause(error: unknown): unknown {
  return error instanceof SuppressedError ? firstCause(error.suppressed) : error;
}
