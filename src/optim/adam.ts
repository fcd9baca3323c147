/** Adam and AdamW over flat arrays: one dispatch an array, whatever the number of parameters. */
import { defineKernel } from "../gpu/kernel.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { rangesOf, readArrays } from "../nn/flat_arrays.ts";
import type { Parameter } from "../nn/parameter.ts";
import type { Parameters } from "../nn/parameters.ts";
import { full } from "../ops/fill.ts";
import { scope } from "../tensor/scope.ts";
import { sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { AdamOptions, StepOptions } from "./adam_options.ts";
import { FiniteFlags, type Inspected } from "./finite_flags.ts";
import { gradientNorm } from "./gradient_norm.ts";
import { type ParameterRange, parameterRanges } from "./binding_ranges.ts";
import adam_ from "../../wgsl/optim/adam.wgsl" with { type: "text" };
import adamBefore from "../../wgsl/optim/adam_before.wgsl" with { type: "text" };
import adamInPlace from "../../wgsl/optim/adam_in_place.wgsl" with { type: "text" };
import blocks from "../../wgsl/optim/blocks.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import lossScaled from "../../wgsl/optim/loss_scaled.wgsl" with { type: "text" };
import lossScaleState from "../../wgsl/optim/loss_scale_state.wgsl" with { type: "text" };
import unscaled from "../../wgsl/optim/unscaled.wgsl" with { type: "text" };

/** What adam_before.wgsl reads through textures. */
const BEFORE = ["values_before", "exp_avg_before", "exp_avg_sq_before"];
const kernelsOf = (...files: readonly string[]) => ({
  inPlace: defineKernel("adam", [adam_, adamInPlace, ...files, blocks, grid], ["grads"]),
  before: defineKernel("adam", [adam_, adamBefore, ...files, blocks, grid], ["grads", ...BEFORE]),
});
const plain = kernelsOf(unscaled);
const scaled = kernelsOf(lossScaled, lossScaleState);

/** Moments as torch calls them: averages, falling off exponentially, of gradients and of their squares. */
interface Moments<T> {
  readonly expAvg: T;
  readonly expAvgSq: T;
}

/** Moments by the parameter's name, in the parameter's layout. */
export type AdamState = Moments<ReadonlyMap<string, Float32Array<ArrayBuffer>>> & {
  readonly step: number;
  readonly learningRates: Readonly<Record<string, number>>;
};

/** The moments of one flat array, and the array's ranges with theirs. */
interface ArrayMoments extends Moments<Tensor> {
  readonly ranges: readonly (ParameterRange & Moments<Tensor>)[];
}

/**
 * Adam (Kingma and Ba, 2015), with weight decay within the gradient, as torch's Adam has it, or beside it, as AdamW
 * (Loshchilov and Hutter, 2019). Learning rates and weight decays are those of groups of parameters.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Adam, backward, Gpu, mul, ones, Parameters, sum } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const w = parameters.root.parameter("w", [2], ones);
 * parameters.allocate(gpu, 0);
 * const groups = { all: { learningRate: 0.1, weightDecay: 0 } };
 * const adam = new Adam(parameters, { groups, groupOf: () => "all" });
 * backward(sum(mul(w.value, w.value)));
 * adam.step();
 * parameters.zeroGrad();
 * const moved = await w.value.read();
 * assert.ok(moved.every((value) => Math.abs(value - 0.9) < 1e-5)); // the first step is as long as the rate
 * gpu.destroy();
 * ```
 */
export class Adam {
  readonly #gpu: Gpu;
  readonly #parameters: Parameters;
  readonly #options: Required<AdamOptions>;
  readonly #rates: Map<string, number>;
  readonly #moments: readonly ArrayMoments[];
  /** Raised for gradients that are not finite by a step that inspects them, for weights and moments by `inspect`. */
  readonly finite: FiniteFlags;
  /** f32 [groups, 2]: learning rate and weight decay of each. */
  readonly #groups: Tensor;
  #groupsAreCurrent = false;
  #step = 0;

  /** `parameters` are allocated. Throws RangeError for a group that does not exist, a negative rate, or betas from 1 on. */
  constructor(parameters: Parameters, options: AdamOptions) {
    const [array] = parameters.arrays;
    if (!array) throw new RangeError("Cannot optimize parameters before they are allocated");
    this.#gpu = array.values.gpu;
    this.#parameters = parameters;
    this.#options = { betas: [0.9, 0.999], epsilon: 1e-8, decoupled: false, ...options };
    const { betas } = this.#options;
    if (!betas.every((beta) => beta >= 0 && beta < 1)) {
      throw new RangeError(
        `Cannot optimize with betas ${betas.join(" and ")}: they are at least 0 and below 1`,
      );
    }
    const names = Object.keys(options.groups);
    this.#rates = new Map(names.map((name) => [name, mustBeRate(name, options.groups[name]!.learningRate)]));
    const ranges = parameterRanges(parameters, (parameter) => {
      const name = options.groupOf(parameter);
      if (name === undefined) return undefined;
      if (!names.includes(name)) {
        throw new RangeError(`Cannot put ${parameter.name} into group "${name}": no such group`);
      }
      return names.indexOf(name);
    });
    this.#groups = Tensor.empty(this.#gpu, [names.length, 2]);
    this.finite = new FiniteFlags(this.#gpu, this.#learned.map(({ name }) => name));
    this.#moments = parameters.arrays.map(({ values }) => {
      const [expAvg, expAvgSq] = [0, 0].map((start) => full(this.#gpu, [values.size], start)) as [
        Tensor,
        Tensor,
      ];
      const squares = rangesOf(expAvgSq);
      return {
        expAvg,
        expAvgSq,
        ranges: rangesOf(expAvg).map((range, i) => ({
          ...ranges.shift()!,
          expAvg: range,
          expAvgSq: squares[i]!,
        })),
      };
    });
  }

  /** Learning rates by group, before `rateFactor`. */
  get learningRates(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#rates);
  }

  /** Throws RangeError for a group that does not exist, or a negative rate. */
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

  get #ranges() {
    return this.#moments.flatMap(({ ranges }) => ranges);
  }

  /** The Euclidean norm of the gradients of all learned parameters, before any scaling: f32 [1] on the device. */
  gradientNorm(): Tensor {
    return gradientNorm(this.#ranges);
  }

  /** Moves every parameter by its gradient. Gradients stay: `Parameters.zeroGrad` ends them. */
  step({ gradientScale = 1, rateFactor = 1, maxNorm, lossScale, inspected }: StepOptions = {}): void {
    const { betas, epsilon, decoupled } = this.#options;
    const [beta1, beta2] = betas;
    this.#uploadGroups();
    this.#step++;
    if (lossScale) lossScale.decide(this.#ranges, betas);
    else if (inspected) this.#inspect("gradients", "grads");
    const params = {
      beta1,
      one_minus_beta1: 1 - beta1,
      beta2,
      one_minus_beta2: 1 - beta2,
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
    for (const { values, grads, blocks, packs, expAvg, expAvgSq } of this.#ranges) {
      const copies = this.#gpu.adapterClass === "software" && this.#gpu.fitsTexture(values);
      const buffers = {
        blocks,
        groups_given: this.#groups,
        grads,
        values,
        exp_avg: expAvg,
        exp_avg_sq: expAvgSq,
        ...(copies && { values_before: values, exp_avg_before: expAvg, exp_avg_sq_before: expAvgSq }),
        ...(norm && { norm }),
        ...(lossScale && { scaling: lossScale.state }),
      };
      this.#gpu.dispatch({
        kernel: copies ? before : inPlace,
        entry: norm ? "clipped" : "plain",
        buffers,
        params: { packs, ...params },
        invocations: packs,
        constants: { DECOUPLED: decoupled },
        work: () => ({ bytes: 7 * grads.bytes }), // four arrays are read, three of them written back
      });
    }
    norm?.dispose();
    this.#parameters.valuesChanged();
  }

  /** Looks for NaN and infinity in all weights that are learned and in their moments, and raises the flags of those. */
  inspect(): void {
    this.#inspect("weights", "values");
    this.#inspect("moments", "expAvg");
    this.#inspect("moments", "expAvgSq");
  }

  #inspect(what: Inspected, key: "values" | "grads" | keyof Moments<Tensor>): void {
    for (const range of this.#ranges) this.finite.inspect(what, range[key], range);
  }

  /** Reads the state that `write` goes on from. */
  async read(): Promise<AdamState> {
    const names = this.#learned.map(({ name }) => name);
    const views = scope(() => [...this.#views("expAvg"), ...this.#views("expAvgSq")]) as Tensor[];
    const arrays = await readArrays(views);
    for (const view of views) view.dispose();
    const named = (part: Float32Array<ArrayBuffer>[]) => new Map(part.map((array, i) => [names[i]!, array]));
    return {
      step: this.#step,
      learningRates: this.learningRates,
      expAvg: named(arrays.slice(0, names.length)),
      expAvgSq: named(arrays.slice(names.length)),
    };
  }

  /** Takes over a state that was read. Throws RangeError where a parameter's moments are missing or of another size. */
  write({ step, learningRates, expAvg, expAvgSq }: AdamState): void {
    for (const { name, shape } of this.#learned) {
      for (const moments of [expAvg.get(name), expAvgSq.get(name)]) {
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
      for (const [part, values] of [["expAvg", expAvg], ["expAvgSq", expAvgSq]] as const) {
        for (const [i, view] of this.#views(part).entries()) this.#gpu.write(view, values.get(names[i]!)!);
      }
    });
    for (const [group, rate] of Object.entries(learningRates)) this.setLearningRate(group, rate);
    this.#step = step;
  }

  /** Frees the moments. */
  dispose(): void {
    for (const { expAvg, expAvgSq, ranges } of this.#moments) {
      expAvg.dispose();
      expAvgSq.dispose();
      for (const range of ranges) {
        for (const tensor of [range.values, range.grads, range.blocks, range.expAvg, range.expAvgSq]) {
          tensor.dispose();
        }
      }
    }
    this.#groups.dispose();
    this.finite.dispose();
  }

  /** Every parameter that is not frozen, in the order of the arrays. */
  get #learned(): Parameter[] {
    return this.#parameters.arrays.flatMap(({ members }) => members.map(({ parameter }) => parameter));
  }

  /** The moments of the learned parameters, in their order, as views. */
  #views(part: keyof Moments<Tensor>): Tensor[] {
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
