/** A problem of a machine, with its cure. */

/** `error`: training would not run. `warning`: it runs, but worse than it could. `note`: something else does not. */
export type Severity = "error" | "warning" | "note";

export interface Problem {
  /** Does not change from version to version. */
  readonly id: string;
  readonly severity: Severity;
  readonly what: string;
  readonly cure: string;
}

/** A problem before it is known how much it matters. */
export type Cause = Omit<Problem, "severity">;
