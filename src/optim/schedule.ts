/** Learning rates over the steps of a run, as factors of each group's own rate. */

/**
 * Rises from 1 / `warmup` to 1 over the first `warmup` steps, then stays; steps count from 0.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { linearWarmup } from "unis/engine";
 *
 * assert.deepEqual([0, 1, 2, 3, 100].map((step) => linearWarmup(step, 4)), [0.25, 0.5, 0.75, 1, 1]);
 * ```
 */
export function linearWarmup(step: number, warmup: number): number {
  return step < warmup ? (step + 1) / warmup : 1;
}

/**
 * Rises like `linearWarmup`, then falls to 0 at step `total` along half a cosine.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { cosineAfterWarmup } from "unis/engine";
 *
 * assert.equal(cosineAfterWarmup(0, 10, 110), 0.1);
 * assert.ok(Math.abs(cosineAfterWarmup(60, 10, 110) - 0.5) < 1e-12); // half way down
 * assert.equal(cosineAfterWarmup(110, 10, 110), 0);
 * ```
 */
export function cosineAfterWarmup(step: number, warmup: number, total: number): number {
  if (step < warmup) return linearWarmup(step, warmup);
  const progress = Math.min(1, (step - warmup) / Math.max(1, total - warmup));
  return (1 + Math.cos(Math.PI * progress)) / 2;
}

/**
 * Rises like `linearWarmup`, then falls to 0 at step `total` along a line.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { linearAfterWarmup } from "unis/engine";
 *
 * assert.deepEqual([0, 1, 2, 3, 6, 7].map((step) => linearAfterWarmup(step, 2, 6)), [0.5, 1, 1, 0.75, 0, 0]);
 * ```
 */
export function linearAfterWarmup(step: number, warmup: number, total: number): number {
  if (step < warmup) return linearWarmup(step, warmup);
  return Math.max(0, total - step) / Math.max(1, total - warmup);
}

/** The course of learning rates after warm-up. On a plateau, it is `ReduceOnPlateau` that lowers them. */
export const SCHEDULES = ["plateau", "linear", "cosine", "constant"] as const;
export type Schedule = typeof SCHEDULES[number];

/** The factor of a schedule at a step of a run of `total` steps. */
export function rateFactor(schedule: Schedule, step: number, warmup: number, total: number): number {
  if (schedule === "linear") return linearAfterWarmup(step, warmup, total);
  return schedule === "cosine" ? cosineAfterWarmup(step, warmup, total) : linearWarmup(step, warmup);
}
