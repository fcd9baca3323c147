/** How many threads software adapters compute with that work beside each other. */

/** Shares the cores out among so many devices, in this process and those that it starts, unless somebody else has. */
export function limitThreads(devices: number): void {
  // Mesa's software adapter computes with so many threads besides the one that asks.
  const share = Math.floor(navigator.hardwareConcurrency / devices) - 1;
  if (!Deno.env.has("LP_NUM_THREADS")) Deno.env.set("LP_NUM_THREADS", String(Math.max(0, share)));
}
