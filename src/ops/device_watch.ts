/** Tells a device that begins to compute wrong while it is at work: a product that is computed again and again stays the same. */
import type { Gpu } from "../gpu/gpu.ts";
import { Random } from "../base/random.ts";
import { capture } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { cast } from "./cast.ts";
import type { Float } from "./check.ts";
import { matmul } from "./matmul.ts";

/** Rows by class of adapter: the tiles of their product occupy all of a GPU, and take little beside what else is computed. */
const ROWS = { software: 128, gpu: 1024 };
const COLUMNS = 128;

/**
 * The product of a matrix of random numbers with its transpose, in f32, and in f16 too where that is computed in. Numbers and
 * result go to the device and back each time, so that its memory and the way there are tested as well.
 */
export class DeviceWatch {
  readonly #gpu: Gpu;
  readonly #rows: number;
  readonly #values: Float32Array<ArrayBuffer>;
  readonly #dtypes: readonly Float[];
  #first: readonly Uint32Array[] | undefined;

  constructor(gpu: Gpu, precision: Float) {
    this.#gpu = gpu;
    this.#rows = ROWS[gpu.adapterClass];
    const random = new Random(1);
    this.#values = Float32Array.from({ length: this.#rows * COLUMNS }, () => random.between(-1, 1));
    this.#dtypes = precision === "f16" ? ["f32", "f16"] : ["f32"];
  }

  /** The products, f32, to be read with whatever else is; the caller disposes them. */
  products(): Tensor[] {
    return capture(() =>
      noGrad(() => {
        const a = Tensor.from(this.#gpu, this.#values, [this.#rows, COLUMNS]);
        return this.#dtypes.map((dtype) => {
          const one = cast(a, dtype);
          return matmul(one, one, { transposeB: true, result: "f32" });
        });
      })
    );
  }

  /** Of products that were read, how they differ from those read first; undefined where they are the same to the bit. */
  difference(products: readonly Float32Array<ArrayBuffer>[]): string | undefined {
    const bits = products.map(({ buffer }) => new Uint32Array(buffer));
    const first = this.#first ??= bits;
    for (const [i, own] of bits.entries()) {
      const right = first[i]!;
      let wrong = 0;
      for (let at = 0; at < own.length; at++) if (own[at] !== right[at]) wrong++;
      if (wrong > 0) return `${wrong} of the ${own.length} numbers of a product in ${this.#dtypes[i]}`;
    }
    return undefined;
  }
}
