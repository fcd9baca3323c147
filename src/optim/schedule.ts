/** Learning rates over the steps of a run, as factors of each group's own rate. */

/** Rises from 1 / `warmup` to 1 over the first `warmup` steps, then stays; steps count from 0. */
export function linearWarmup(step: number, warmup: number): number {
  return step < warmup ? (step + 1) / warmup : 1;
}

/** As `linearWarmup`, then falls to 0 at step `total` along half a cosine. */
export function cosineAfterWarmup(step: number, warmup: number, total: number): number {
  if (step < warmup) return linearWarmup(step, warmup);
  const share = Math.min(1, (step - warmup) / Math.max(1, total - warmup));
  return (1 + Math.cos(Math.PI * share)) / 2;
}
