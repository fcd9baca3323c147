/** What the plans of matrix products for GPUs of all forms are chosen by: how long they take on the cores of an adapter. */
import { coresOf } from "../gpu/cores.ts";
import { DeviceSlot } from "../gpu/device_slot.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { depthOf, type GemmShape, leastSplits } from "./gemm_shape.ts";

/** Cores where the adapter is not known: a plan is then the best on the average of these. */
const USUAL_CORES = [16, 32, 48, 68, 84, 108, 132];
/** The least length of a part of the inner dimension, and the most parts. */
const LEAST_DEPTH = 64;
const MOST_SPLITS = 128;
/** What a core multiplies and adds in the microseconds between two dispatches of which one needs the other's results. */
const JOIN_START = 1_000_000;
/** What a GPU multiplies and adds while its memory moves one number. */
const NUMBER_MOVED = 50;

/** The numbers of parts that the inner dimension may be cut into, all of them with something to do. */
export function splitsFor(shape: GemmShape): number[] {
  const least = leastSplits(shape);
  const most = Math.max(least, Math.min(Math.floor(shape.k / LEAST_DEPTH), MOST_SPLITS));
  return Array.from({ length: most - least + 1 }, (_, i) => least + i)
    .filter((splits) => splits === least || Math.ceil(shape.k / depthOf(shape.k, splits)) === splits);
}

/** How long it takes to store the parts of a product and to join them: in multiply-adds that a core does meanwhile. */
export function joinTime({ m, n, batch }: GemmShape, splits: number, cores: number): number {
  return splits === 1 ? 0 : JOIN_START + 2 * splits * batch * m * n * NUMBER_MOVED / cores;
}

/** The first of the plans that take the least time on the adapter of this name. */
export function fastest<Plan>(
  { name }: { readonly name: string },
  plans: readonly Plan[],
  timeOf: (plan: Plan, cores: number) => number,
): Plan {
  const cores = coresOf(name);
  const counts = cores === undefined ? USUAL_CORES : [cores];
  const times = plans.map((plan) => counts.reduce((sum, cores) => sum + cores * timeOf(plan, cores), 0));
  return plans[times.indexOf(Math.min(...times))]!;
}

/** Plans that were chosen before: to choose one takes longer than to encode its product. */
export class ChosenPlans<Plan> {
  readonly #slot = new DeviceSlot<Map<string, Plan>>();

  /** The plan of a device for a shape; `choose` is called the first time. */
  get(gpu: Pick<Gpu, "slots">, { m, n, k, batch }: GemmShape, choose: () => Plan): Plan {
    const plans = this.#slot.get(gpu) ?? new Map<string, Plan>();
    this.#slot.set(gpu, plans);
    const key = `${m},${n},${k},${batch}`;
    if (!plans.has(key)) plans.set(key, choose());
    return plans.get(key) as Plan;
  }
}
