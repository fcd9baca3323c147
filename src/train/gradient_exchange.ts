/** Ranks add up their gradients, bucket by bucket, while the backward pass goes on. */
import { setImmediate } from "node:timers/promises";
import type { Collective } from "../distributed/collective.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Parameters } from "../nn/parameters.ts";
import type { GradientWatch } from "../tensor/open_leaves.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { BucketWatch, gradientBuckets } from "./gradient_buckets.ts";
import { type Wire, type WireName, wireOf } from "./wires.ts";

/**
 * Buckets that are read and not yet added up, at most: while one is added up the next waits for that, and a third is read, which
 * takes some 10 ms beyond the copying on Deno's WebGPU.
 */
export const UNDER_WAY = 3;

/**
 * In each step every rank exchanges all buckets, in one order, whether its micro-batches gave them gradients or not. Where the
 * last backward pass of the step is watched, the device's work is cut where a bucket is whole, and what comes after waits on
 * the host: the bucket is read when the work before it has run, and the next piece starts at once. That is needed because on
 * Deno's WebGPU to wait for something is to wait for all that was submitted.
 */
export class GradientExchange {
  readonly #gpu: Gpu;
  readonly #buckets: readonly Tensor[];
  readonly #wire: Wire;
  /** What submits the work of the backward pass up to where a bucket is whole; none where that was not watched. */
  #pieces: (() => void)[] = [];
  #exchange: Promise<void> | undefined;

  /** `elements` are those of a bucket, if it is not to be of the usual size. */
  constructor(collective: Collective, parameters: Parameters, wire: WireName, elements?: number) {
    this.#buckets = gradientBuckets(parameters, elements);
    this.#gpu = this.#buckets[0]!.gpu;
    this.#wire = wireOf(wire, collective, this.#buckets);
  }

  /** What the last backward pass of a step is to tell, if gradients are to be exchanged in it. */
  watch(): GradientWatch {
    return new BucketWatch(this.#buckets, () => this.#pieces.push(this.#gpu.cut()));
  }

  /** Begins the exchange of a step, unless it has begun: after a backward pass that was watched, or after the last one. */
  begin(step: string): void {
    this.#exchange ??= this.#run(step);
    // An error is that of `end`, which is called later.
    this.#exchange.catch(() => {});
  }

  get isWatched(): boolean {
    return this.#pieces.length > 0;
  }

  /** Waits until every rank has the sums. */
  async end(): Promise<void> {
    await this.#exchange;
    this.#exchange = undefined;
  }

  async #run(step: string): Promise<void> {
    const pieces = this.#pieces;
    this.#pieces = [];
    /** Of each bucket, when it has been added up. */
    const added: Promise<void>[] = [];
    for (const [i, bucket] of this.#buckets.entries()) {
      pieces[i]?.();
      await added[i - UNDER_WAY];
      const reading = this.#wire.read(bucket);
      // The device goes on before anything else is done here.
      if (i + 1 < pieces.length) pieces[i + 1]!();
      else this.#gpu.flush();
      const what = `gradients of ${step}, part ${i + 1} of ${this.#buckets.length}`;
      const sum = this.#sum(bucket, reading, what, added[i - 1]);
      sum.catch(() => {}); // those who wait for it are told
      added.push(sum);
      await setImmediate(); // what has been read before goes on its way
    }
    await Promise.all(added);
    await this.#wire.end();
  }

  async #sum(bucket: Tensor, reading: ReturnType<Wire["read"]>, what: string, before?: Promise<void>) {
    const read = await reading;
    await before;
    await this.#wire.sum(bucket, read, what);
  }

  dispose(): void {
    this.#wire.dispose();
    for (const bucket of this.#buckets) bucket.dispose();
  }
}
