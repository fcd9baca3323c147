/** The exponential moving average of weights, which often answers better than the weights of any one step. */
import { defineKernel } from "../gpu/kernel.ts";
import { rangesOf, readArrays } from "../nn/flat_arrays.ts";
import type { Parameters } from "../nn/parameters.ts";
import { full } from "../ops/fill.ts";
import { scope } from "../tensor/scope.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import average_ from "../../wgsl/optim/average.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };

const kernel = defineKernel("average", [average_, grid]);

/**
 * The average of all parameters that are learned, as torch's `AveragedModel` has it with `avg_fn` a decay · a + (1 − decay) · p:
 * it begins with the parameters as they are after the first step. Buffers are in no average.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, Parameters, WeightAverage, zeros } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const w = parameters.root.parameter("w", [1], zeros);
 * parameters.allocate(gpu, 0);
 * const average = new WeightAverage(parameters, 0.9);
 * for (const value of [1, 2]) {
 *   parameters.write("w", Float32Array.of(value)); // a step
 *   average.update();
 * }
 * average.exchange();
 * assert.ok(Math.abs((await w.value.read())[0]! - 1.1) < 1e-6);
 * average.exchange();
 * assert.deepEqual(await w.value.read(), Float32Array.of(2));
 * gpu.destroy();
 * ```
 */
export class WeightAverage {
  readonly #parameters: Parameters;
  readonly #decay: number;
  /** One for each flat array, in its layout. */
  readonly #arrays: readonly Tensor[];
  #hasBegun = false;

  /** `parameters` are allocated. Throws RangeError for a decay outside 0 to 1. */
  constructor(parameters: Parameters, decay: number) {
    if (!(decay >= 0 && decay < 1)) {
      throw new RangeError(`Cannot average weights by a decay of ${decay}: it is at least 0 and below 1`);
    }
    this.#parameters = parameters;
    this.#decay = decay;
    this.#arrays = parameters.arrays.map(({ values }) => full(values.gpu, values.shape, 0));
  }

  /** Takes the parameters in, after a step. */
  update(): void {
    this.#run("update", { share: this.#hasBegun ? 1 - this.#decay : 1 });
    this.#hasBegun = true;
  }

  /** Puts the average in the place of the parameters, and these in its place; once more, and all is as before. */
  exchange(): void {
    if (!this.#hasBegun) return;
    this.#run("exchange", {});
    this.#parameters.valuesChanged();
  }

  /** The average by the names of parameters; undefined before the first step. */
  async read(): Promise<Map<string, Float32Array<ArrayBuffer>> | undefined> {
    if (!this.#hasBegun) return undefined;
    const views = scope(() => this.#views().map(({ view }) => view)) as Tensor[];
    const arrays = await readArrays(views);
    for (const view of views) view.dispose();
    return new Map(this.#members.map(({ name }, i) => [name, arrays[i]!]));
  }

  /** Takes over what `read` gave. Throws RangeError where a parameter is missing or of another size. */
  write(values: ReadonlyMap<string, Float32Array<ArrayBuffer>>): void {
    scope(() => {
      for (const { name, view } of this.#views()) {
        const given = values.get(name);
        if (given?.length !== view.size) {
          throw new RangeError(
            `Cannot restore the average of ${name}: ${view.size} values are needed, ${
              given?.length ?? 0
            } given`,
          );
        }
        view.gpu.write(view, given);
      }
    });
    this.#hasBegun = true;
  }

  /** Frees the memory. */
  dispose(): void {
    for (const array of this.#arrays) array.dispose();
  }

  get #members() {
    return this.#parameters.arrays.flatMap(({ members }) => members.map(({ parameter }) => parameter));
  }

  #views(): { name: string; view: Tensor }[] {
    return this.#parameters.arrays.flatMap(({ members }, i) =>
      members.map(({ parameter: { name, shape }, start }) => ({
        name,
        view: this.#arrays[i]!.view([sizeOf(shape)], { offset: start }),
      }))
    );
  }

  #run(entry: "update" | "exchange", params: Record<string, number>): void {
    scope(() => {
      for (const [i, { values: all }] of this.#parameters.arrays.entries()) {
        const averages = rangesOf(this.#arrays[i]!);
        for (const [at, values] of rangesOf(all).entries()) {
          const packs = values.size / 4;
          all.gpu.dispatch({
            kernel,
            entry,
            buffers: { values, average: averages[at]! },
            params: { packs, ...params },
            invocations: packs,
          });
        }
      }
    });
  }
}
