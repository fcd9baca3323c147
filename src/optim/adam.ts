/** Adam and AdamW over flat arrays: one dispatch an array, whatever the number of parameters. */
import { defineKernel } from "../gpu/kernel.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { readArrays, windowsOf } from "../nn/flat_arrays.ts";
import type { Parameter } from "../nn/parameter.ts";
import type { Parameters } from "../nn/parameters.ts";
import { fill } from "../ops/fill.ts";
import { scope } from "../tensor/scope.ts";
import { sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { gradientNorm } from "./gradient_norm.ts";
import type { LossScale } from "./loss_scale.ts";
import { openWindows, type Window } from "./binding_ranges.ts";
import adam_ from "../../wgsl/optim/adam.wgsl" with { type: "text" };
import adamBefore from "../../wgsl/optim/adam_before.wgsl" with { type: "text" };
import adamInPlace from "../../wgsl/optim/adam_in_place.wgsl" with { type: "text" };
import blocks from "../../wgsl/optim/blocks.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import lossScaled from "../../wgsl/optim/loss_scaled.wgsl" with { type: "text" };
import lossScaleState from "../../wgsl/optim/loss_scale_state.wgsl" with { type: "text" };
import unscaled from "../../wgsl/optim/unscaled.wgsl" with { type: "text" };

const BEFORE = ["values_before", "first_before", "second_before"];
const kernelsOf = (...files: readonly string[]) => ({
  inPlace: defineKernel("adam", [adam_, adamInPlace, ...files, blocks, grid], ["grads"]),
  before: defineKernel("adam", [adam_, adamBefore, ...files, blocks, grid], ["grads", ...BEFORE]),
});
const plain = kernelsOf(unscaled);
const scaled = kernelsOf(lossScaled, lossScaleState);
export type AdamGroup = { readonly learningRate: number; readonly weightDecay: number };

export type AdamOptions = {
  readonly groups: Readonly<Record<string, AdamGroup>>;
  /** The name of a parameter's group; a parameter without one is not learned. */
  readonly groupOf: (parameter: Parameter) => string | undefined;
  /** 0.9 and 0.999 if not given. */
  readonly betas?: readonly [number, number];
  /** 1e-8 if not given. */
  readonly epsilon?: number;
  /** True: weight decay beside the gradient (AdamW). False, as if not given: within it (torch's Adam). */
  readonly decoupled?: boolean;
};

export type StepOptions = {
  /** Gradients are multiplied by it: 1 / n makes the sum of n micro-batches their mean. 1 if not given. */
  readonly gradientScale?: number;
  /** Learning rates are multiplied by it, in this step only: warm-up and the like. 1 if not given. */
  readonly rateFactor?: number;
  /** Gradients, once scaled, whose norm over all parameters is larger are shortened to it. */
  readonly maxNorm?: number;
  /**
   * What the losses were scaled by: gradients are divided by it before all else. Where one has overflowed, parameters and
   * moments stay as they are, as if there had been no step.
   */
  readonly lossScale?: LossScale;
};

/** Moments by the parameter's name, in the parameter's layout. */
export type AdamState = {
  readonly step: number;
  readonly learningRates: Readonly<Record<string, number>>;
  readonly first: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
  readonly second: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
};

/** The moments of one flat array, in windows as the array has them. */
interface Moments {
  readonly first: Tensor;
  readonly second: Tensor;
  readonly windows: readonly (Window & { readonly first: Tensor; readonly second: Tensor })[];
}

export class Adam {
  readonly #gpu: Gpu;
  readonly #parameters: Parameters;
  readonly #options: Required<AdamOptions>;
  readonly #rates: Map<string, number>;
  readonly #moments: readonly Moments[];
  /** Of each group, its learning rate and its weight decay. */
  readonly #groups: Tensor;
  #groupsAreCurrent = false;
  #step = 0;

  /** Takes parameters that are allocated. Throws RangeError for a group that is not there, or a negative rate. */
  constructor(parameters: Parameters, options: AdamOptions) {
    const [array] = parameters.arrays;
    if (!array) throw new RangeError("Cannot optimize parameters before they are allocated");
    this.#gpu = array.values.gpu;
    this.#parameters = parameters;
    this.#options = { betas: [0.9, 0.999], epsilon: 1e-8, decoupled: false, ...options };
    const names = Object.keys(options.groups);
    this.#rates = new Map(names.map((name) => [name, mustBeRate(name, options.groups[name]!.learningRate)]));
    const windows = openWindows(parameters, (parameter) => {
      const name = options.groupOf(parameter);
      if (name === undefined) return undefined;
      if (!names.includes(name)) {
        throw new RangeError(`Cannot put ${parameter.name} into group "${name}": no such group`);
      }
      return names.indexOf(name);
    });
    this.#groups = Tensor.empty(this.#gpu, [names.length, 2]);
    this.#moments = parameters.arrays.map(({ values }) => {
      const [first, second] = [0, 0].map(() => {
        const moments = Tensor.empty(this.#gpu, [values.size]);
        fill(moments, 0);
        return moments;
      }) as [Tensor, Tensor];
      const seconds = windowsOf(second);
      return {
        first,
        second,
        windows: windowsOf(first).map((window, i) => ({
          ...windows.shift()!,
          first: window,
          second: seconds[i]!,
        })),
      };
    });
  }

  /** Learning rates by group, before `rateFactor`. */
  get learningRates(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#rates);
  }

  /** Throws RangeError for a group that is not there, or a negative rate. */
  setLearningRate(group: string, rate: number): void {
    if (!this.#rates.has(group)) {
      throw new RangeError(`Cannot set the learning rate of group "${group}": no such group`);
    }
    this.#rates.set(group, mustBeRate(group, rate));
    this.#groupsAreCurrent = false;
  }

  /** Calls of `step`, those skipped by a loss scale included. */
  get steps(): number {
    return this.#step;
  }

  get #windows() {
    return this.#moments.flatMap(({ windows }) => windows);
  }

  /** The norm of the gradients of all that is learned, unscaled: f32 [1] on the device. */
  gradientNorm(): Tensor {
    return gradientNorm(this.#windows);
  }

  /** Moves every parameter by its gradient. Gradients stay: `Parameters.zeroGrad` ends them. */
  step({ gradientScale = 1, rateFactor = 1, maxNorm, lossScale }: StepOptions = {}): void {
    const { betas, epsilon, decoupled } = this.#options;
    const [beta1, beta2] = betas;
    this.#uploadGroups();
    this.#step++;
    lossScale?.decide(this.#windows, betas);
    const params = {
      beta1,
      rest1: 1 - beta1,
      beta2,
      rest2: 1 - beta2,
      epsilon,
      rate_factor: rateFactor,
      gradient_scale: gradientScale,
      ...(maxNorm !== undefined && { max_norm: maxNorm }),
      // Where losses are scaled, only the device knows how many steps were not skipped.
      ...(!lossScale && {
        correction1: 1 / (1 - beta1 ** this.#step),
        correction2: 1 / Math.sqrt(1 - beta2 ** this.#step),
      }),
    };
    const norm = maxNorm === undefined ? undefined : this.gradientNorm();
    const { before, inPlace } = lossScale ? scaled : plain;
    for (const { values, grads, blocks, vectors, first, second } of this.#windows) {
      const copies = this.#gpu.adapterClass === "software" && this.#gpu.fitsTexture(values);
      const buffers = {
        blocks,
        groups_given: this.#groups,
        grads,
        values,
        first_moments: first,
        second_moments: second,
        ...(copies && { values_before: values, first_before: first, second_before: second }),
        ...(norm && { norm }),
        ...(lossScale && { scaling: lossScale.state }),
      };
      this.#gpu.dispatch({
        kernel: copies ? before : inPlace,
        entry: norm ? "clipped" : "plain",
        buffers,
        params: { vectors, ...params },
        invocations: vectors,
        constants: { DECOUPLED: decoupled },
        work: () => ({ bytes: 7 * grads.bytes }), // four arrays are read, three of them written back
      });
    }
    norm?.dispose();
    this.#parameters.valuesChanged();
  }

  /** Reads what a checkpoint must hold to go on from here. */
  async read(): Promise<AdamState> {
    const names = this.#learned.map(({ name }) => name);
    const [first, second] = scope(() => [this.#views("first"), this.#views("second")]) as [
      Tensor[],
      Tensor[],
    ];
    const arrays = await readArrays([...first, ...second]);
    for (const view of [...first, ...second]) view.dispose();
    const named = (part: Float32Array<ArrayBuffer>[]) => new Map(part.map((array, i) => [names[i]!, array]));
    return {
      step: this.#step,
      learningRates: this.learningRates,
      first: named(arrays.slice(0, names.length)),
      second: named(arrays.slice(names.length)),
    };
  }

  /** Goes on from a state that was read. Throws RangeError where a parameter's moments are missing or of another size. */
  write({ step, learningRates, first, second }: AdamState): void {
    for (const { name, shape } of this.#learned) {
      for (const moments of [first.get(name), second.get(name)]) {
        if (moments?.length !== sizeOf(shape)) {
          throw new RangeError(
            `Cannot restore the moments of ${name}: ${sizeOf(shape)} values are needed, ${
              moments?.length ?? 0
            } given`,
          );
        }
      }
    }
    const names = this.#learned.map(({ name }) => name);
    scope(() => {
      for (const [part, values] of [["first", first], ["second", second]] as const) {
        for (const [i, view] of this.#views(part).entries()) this.#gpu.write(view, values.get(names[i]!)!);
      }
    });
    for (const [group, rate] of Object.entries(learningRates)) this.setLearningRate(group, rate);
    this.#step = step;
  }

  /** Frees the moments. */
  dispose(): void {
    for (const { first, second, windows } of this.#moments) {
      first.dispose();
      second.dispose();
      for (const window of windows) {
        for (const tensor of [window.values, window.grads, window.blocks, window.first, window.second]) {
          tensor.dispose();
        }
      }
    }
    this.#groups.dispose();
  }

  /** All that is not frozen. */
  get #learned(): Parameter[] {
    return this.#parameters.arrays.flatMap(({ members }) => members.map(({ parameter }) => parameter));
  }

  /** The moments of every parameter that is not frozen, in their order, as views. */
  #views(part: "first" | "second"): Tensor[] {
    return this.#parameters.arrays.flatMap(({ members }, i) =>
      members.map(({ parameter, start }) => this.#moments[i]![part].view(parameter.shape, { offset: start }))
    );
  }

  #uploadGroups(): void {
    if (this.#groupsAreCurrent) return;
    const { groups } = this.#options;
    const words = [...this.#rates].flatMap(([name, rate]) => [rate, groups[name]!.weightDecay]);
    this.#gpu.write(this.#groups, Float32Array.from(words));
    this.#groupsAreCurrent = true;
  }
}

function mustBeRate(group: string, rate: number): number {
  if (!(rate >= 0 && rate < Infinity)) {
    throw new RangeError(`Cannot learn group "${group}" at a rate of ${rate}`);
  }
  return rate;
}
