/** Which leaves a backward pass still adds to: who watches is told when the gradient of one is whole. */
import type { Tensor } from "./tensor.ts";

/** Is told of the gradients of leaves while a backward pass goes on. */
export interface GradientWatch {
  /** The pass begins, and will add to the gradients of these leaves alone. */
  begin(leaves: Iterable<Tensor>): void;
  /** All that the pass adds to the gradient of a leaf is encoded. */
  whole(leaf: Tensor): void;
}

/** The watched pass that is under way. Passes within its closures, as of what is recomputed, are part of it. */
let watched: OpenLeaves | undefined;

export class OpenLeaves {
  /** How often each leaf will still be added to. */
  readonly #uses = new Map<Tensor, number>();
  readonly #watch: GradientWatch;

  /** `uses` are the leaves that are added to, each as often as it is. */
  constructor(watch: GradientWatch, uses: Iterable<Tensor>) {
    this.#watch = watch;
    for (const leaf of uses) this.open(leaf);
    watch.begin(this.#uses.keys());
    watched = this;
  }

  open(leaf: Tensor): void {
    this.#uses.set(leaf, (this.#uses.get(leaf) ?? 0) + 1);
  }

  close(leaf: Tensor): void {
    const left = (this.#uses.get(leaf) ?? 0) - 1;
    if (left > 0) this.#uses.set(leaf, left);
    else if (this.#uses.delete(leaf)) this.#watch.whole(leaf);
  }

  end(): void {
    watched = undefined;
  }
}

/**
 * For closures that leave a part of the gradients of leaves for later in the pass: these count as not whole until the function
 * that it gives is called.
 */
export function keepOpen(leaves: readonly Tensor[]): () => void {
  const pass = watched;
  for (const leaf of leaves) pass?.open(leaf);
  return () => {
    for (const leaf of leaves) pass?.close(leaf);
  };
}
