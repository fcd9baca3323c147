/** Copies in f16 of the weights that matrix products read, beside the f32 values that learn (mixed precision). */
import { castInto } from "../ops/cast.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { windowsOf } from "./flat_arrays.ts";

/** One f16 array for each flat array of values; both have one layout. */
export class Halves {
  readonly #copies: { readonly values: Tensor; readonly halves: Tensor }[] = [];
  #isStale = false;

  /** Makes the f16 array of a flat array, for the parts of which `view` serves. */
  copyOf(values: Tensor): Tensor {
    const halves = Tensor.empty(values.gpu, values.shape, "f16");
    this.#copies.push({ values, halves });
    this.#isStale = true;
    return halves;
  }

  /** To be told whenever values have changed. */
  valuesChanged(): void {
    this.#isStale = true;
  }

  /** Brings the copies up to date, if they are not: one dispatch an array. */
  refresh(): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    scope(() => {
      for (const { values, halves } of this.#copies) {
        const targets = windowsOf(halves);
        for (const [i, window] of windowsOf(values).entries()) castInto(window, targets[i]!);
      }
    });
  }

  dispose(): void {
    for (const { halves } of this.#copies) halves.dispose();
  }
}
