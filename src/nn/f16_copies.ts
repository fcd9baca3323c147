/** Mixed precision: f16 copies of the weights that matrix products read, beside the f32 values that are learned. */
import { castInto } from "../ops/cast.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { rangesOf } from "./flat_arrays.ts";

/** One f16 array for each flat array of values; both have one layout. */
export class F16Copies {
  readonly #copies: { readonly values: Tensor; readonly half: Tensor }[] = [];
  #isStale = false;

  /** Makes the f16 array of a flat array; views of it serve the parameters. */
  copyOf(values: Tensor): Tensor {
    const half = Tensor.empty(values.gpu, values.shape, "f16");
    this.#copies.push({ values, half });
    this.#isStale = true;
    return half;
  }

  /** Must be called whenever values have changed. */
  valuesChanged(): void {
    this.#isStale = true;
  }

  /** Brings the copies up to date, if they are not: one dispatch an array. */
  refresh(): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    scope(() => {
      for (const { values, half } of this.#copies) {
        const targets = rangesOf(half);
        for (const [i, range] of rangesOf(values).entries()) castInto(range, targets[i]!);
      }
    });
  }

  dispose(): void {
    for (const { half } of this.#copies) half.dispose();
  }
}
