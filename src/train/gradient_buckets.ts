/** The gradients of a model in buckets, and when in a backward pass each of them is whole. */
import { ALIGNMENT } from "../nn/flat_arrays.ts";
import type { Parameters } from "../nn/parameters.ts";
import type { GradientWatch } from "../tensor/open_leaves.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Gradients go in about so many buckets: with fewer, less is exchanged while others are computed; each costs a wait. */
const BUCKETS = 12;
/** Bytes that a bucket has at least and at most. */
const LEAST = 2 ** 20;
const MOST = 100 * 2 ** 20;

/** Elements of a bucket of gradients of so many bytes in all. */
export function bucketSize(bytes: number): number {
  return Math.ceil(Math.min(MOST, Math.max(LEAST, bytes / BUCKETS)) / 4 / ALIGNMENT) * ALIGNMENT;
}

/**
 * Views of the flat arrays of gradients, all of `elements` (of `bucketSize`, if not given) but for the last of an array. They
 * stand in the order in which a backward pass can be expected to end them: it begins at the outputs, and parameters are declared
 * from the inputs on. For all processes that have this model the order is the same. The caller disposes them.
 */
export function gradientBuckets(parameters: Parameters, elements?: number): Tensor[] {
  const places = new Map(Array.from(parameters, ({ name }, place) => [name, place]));
  const grads = parameters.arrays.map((array) => array.grads);
  const size = elements ?? bucketSize(grads.reduce((sum, { bytes }) => sum + bytes, 0));
  const buckets = parameters.arrays.flatMap(({ grads, members }) =>
    Array.from({ length: Math.ceil(grads.size / size) }, (_, i) => {
      const [start, end] = [i * size, Math.min((i + 1) * size, grads.size)];
      const within = members.filter(({ parameter: { shape }, start: at }) =>
        at < end && at + sizeOf(shape) > start
      );
      const first = Math.min(...within.map(({ parameter }) => places.get(parameter.name)!));
      return { first, start, grads, view: grads.view([end - start], { offset: start }) };
    })
  );
  return buckets.sort((a, b) => b.first - a.first || b.start - a.start).map(({ view }) => view);
}

/** Follows a backward pass; of each bucket, in order, it tells when it is whole and so are all before it. */
export class BucketWatch implements GradientWatch {
  readonly #buckets: readonly Tensor[];
  readonly #whole: () => void;
  /** The leaves in each bucket that are not whole. */
  #open: Set<Tensor>[] = [];
  #next = 0;

  /** `whole` is called for each bucket once, in order. */
  constructor(buckets: readonly Tensor[], whole: () => void) {
    this.#buckets = buckets;
    this.#whole = whole;
  }

  begin(leaves: Iterable<Tensor>): void {
    const all = [...leaves];
    this.#open = this.#buckets.map((bucket) =>
      new Set(all.filter(({ grad }) => grad && overlap(grad, bucket)))
    );
    this.#tell();
  }

  whole(leaf: Tensor): void {
    for (const open of this.#open) open.delete(leaf);
    this.#tell();
  }

  #tell(): void {
    while (this.#open[this.#next]?.size === 0) {
      this.#next++;
      this.#whole();
    }
  }
}

function overlap(one: Tensor, other: Tensor): boolean {
  return one.buffer === other.buffer && one.offset < other.offset + other.bytes &&
    other.offset < one.offset + one.bytes;
}
