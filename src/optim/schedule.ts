/** Learning rates over the steps of a run, as factors of each group's own rate. */

/** Rises from 1 / `warmup` to 1 over the first `warmup` steps, then stays; steps count from 0. */
export function linearWarmup(step: number, warmup: number): number {
  return step < warmup ? (step + 1) / warmup : 1;
}

/** Rises like `linearWarmup`, then falls to 0 at step `total` along half a cosine. */
export function cosineAfterWarmup(step: number, warmup: number, total: number): number {
  if (step < warmup) return linearWarmup(step, warmup);
  const progress = Math.min(1, (step - warmup) / Math.max(1, total - warmup));
  return (1 + Math.cos(Math.PI * progress)) / 2;
}

/** The course of learning rates after warm-up. On a plateau, it is `ReduceOnPlateau` that lowers them. */
export type Schedule = "plateau" | "cosine" | "constant";

/** The factor of a schedule at a step of a run of `total` steps. */
export function rateFactor(schedule: Schedule, step: number, warmup: number, total: number): number {
  return schedule === "cosine" ? cosineAfterWarmup(step, warmup, total) : linearWarmup(step, warmup);
}
