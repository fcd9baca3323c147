/** Sums over an epoch, gathered on the device and read now and then. */
import type { Gpu } from "../gpu/gpu.ts";
import { addToSums } from "../ops/running_sums.ts";
import { fill } from "../ops/fill.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Named running sums in one device array; whole numbers are exact up to 2^24. */
export class RunningSums {
  readonly sums: Tensor;
  readonly #places = new Map<string, { at: number; size: number }>();

  /** `sizes`: how many sums each name has. */
  constructor(gpu: Gpu, sizes: Readonly<Record<string, number>>) {
    let length = 0;
    for (const [name, size] of Object.entries(sizes)) {
      this.#places.set(name, { at: length, size });
      length += size;
    }
    this.sums = Tensor.empty(gpu, [length]);
    this.reset();
  }

  reset(): void {
    fill(this.sums, 0);
  }

  /**
   * Adds factor · values to the sums of each name, a factor being 1 if not given; no name comes twice. Values go to all sums
   * of a name, or to those from `first` on.
   */
  add(addends: readonly (readonly [name: string, values: Tensor, factor?: number, first?: number])[]): void {
    addToSums(
      this.sums,
      addends.map(([name, values, factor = 1, first]) => {
        const { at, size } = this.#place(name);
        const fits = first === undefined ? values.size === size : first >= 0 && first + values.size <= size;
        if (!fits) {
          const place = first === undefined ? "" : ` from the ${first}th on`;
          throw new TypeError(`Cannot add ${values.size} values to the ${size} of "${name}"${place}`);
        }
        return { at: at + (first ?? 0), values, factor };
      }),
    );
  }

  /** All sums by name, from what was read of `sums`. */
  byName(sums: Float32Array): (name: string) => Float32Array {
    return (name) => {
      const { at, size } = this.#place(name);
      return sums.subarray(at, at + size);
    };
  }

  dispose(): void {
    this.sums.dispose();
  }

  #place(name: string): { at: number; size: number } {
    const place = this.#places.get(name);
    if (place === undefined) throw new RangeError(`There is no sum "${name}"`);
    return place;
  }
}
