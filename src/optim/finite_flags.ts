/** Which learned parameters hold NaN or infinity, in their weights, gradients or moments: found by bits, on the device. */
import { defineKernel } from "../gpu/kernel.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { full } from "../ops/fill.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParameterRange } from "./binding_ranges.ts";
import blocks from "../../wgsl/optim/blocks.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import inspect_ from "../../wgsl/optim/inspect.wgsl" with { type: "text" };
import notFinite from "../../wgsl/optim/not_finite.wgsl" with { type: "text" };

const kernel = defineKernel("finiteFlags", [inspect_, notFinite, blocks, grid]);

/** The bit of a flag that stands for each array of a parameter. */
const MARKS = { weights: 1, gradients: 2, moments: 4 } as const;

export type Inspected = keyof typeof MARKS;

/** A parameter that is not finite, and in what. */
export interface NotFinite {
  readonly name: string;
  readonly what: readonly Inspected[];
}

/**
 * One flag a parameter, which once raised stays so: what is looked at now and then is found whenever it was NaN or infinite
 * at one of those times. An inspection is one dispatch a range of a flat array; nothing is read back.
 */
export class FiniteFlags {
  /** u32 [parameters], 0 where all is finite: to be read together with what else is read. */
  readonly flags: Tensor;
  readonly #names: readonly string[];

  /** `names` are the learned parameters, in the order of their arrays. */
  constructor(gpu: Gpu, names: readonly string[]) {
    this.flags = full(gpu, [names.length], 0, "u32");
    this.#names = names;
  }

  /** Inspects an array that is laid out like a range of parameters. */
  inspect(what: Inspected, elements: Tensor, { blocks, packs }: ParameterRange): void {
    elements.gpu.dispatch({
      kernel,
      entry: "inspect",
      buffers: { blocks, elements, flags: this.flags },
      params: { packs, mark: MARKS[what] },
      invocations: packs,
      work: () => ({ bytes: elements.bytes }),
    });
  }

  /** The parameters that were not finite, in their order, from what was read of `flags`. */
  raised(flags: ArrayLike<number>): NotFinite[] {
    const kinds = Object.entries(MARKS) as [Inspected, number][];
    return this.#names.flatMap((name, i) => {
      const what = kinds.filter(([, mark]) => (flags[i]! & mark) !== 0).map(([kind]) => kind);
      return what.length > 0 ? [{ name, what }] : [];
    });
  }

  dispose(): void {
    this.flags.dispose();
  }
}
