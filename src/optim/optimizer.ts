/** What all optimizers have in common: they walk flat arrays, one dispatch a range, whatever the number of parameters. */
import type { Gpu } from "../gpu/gpu.ts";
import { rangesOf, readArrays } from "../nn/flat_arrays.ts";
import type { Parameter } from "../nn/parameter.ts";
import type { Parameters } from "../nn/parameters.ts";
import { full } from "../ops/fill.ts";
import { scope } from "../tensor/scope.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ParameterRange, parameterRanges, writeBlocks } from "./binding_ranges.ts";
import { FiniteFlags } from "./finite_flags.ts";
import { gradientNorm } from "./gradient_norm.ts";
import { GroupTable } from "./group_table.ts";
import type { GroupOptions, StepOptions } from "./optimizer_options.ts";
import { ParameterNorms } from "./parameter_norms.ts";
import type { UpdateRule } from "./update_rule.ts";

/** By the name of a moment, as torch calls it: averages, falling off exponentially, of gradients, their squares, or steps. */
type Moments<T> = Readonly<Record<string, T>>;

/** What an optimizer goes on from; moments by the parameter's name, in the parameter's layout. */
export type OptimizerState = {
  readonly step: number;
  readonly learningRates: Readonly<Record<string, number>>;
  readonly moments: Moments<ReadonlyMap<string, Float32Array<ArrayBuffer>>>;
};

/** The moments of one flat array, and the array's ranges with theirs. */
interface ArrayMoments {
  readonly moments: Moments<Tensor>;
  readonly ranges: readonly (ParameterRange & { readonly moments: Moments<Tensor> })[];
}

/** An optimizer by its update rule. Learning rates and weight decay are those of groups of parameters. */
export class Optimizer {
  readonly gpu: Gpu;
  readonly #parameters: Parameters;
  readonly #rule: UpdateRule;
  readonly #groups: GroupTable;
  readonly #groupOf: (parameter: Parameter) => number | undefined;
  readonly #arrays: readonly ArrayMoments[];
  /** Raised for gradients that are not finite by a step that inspects them, for weights and moments by `inspect`. */
  readonly finite: FiniteFlags;
  #norms: ParameterNorms | undefined;
  #step = 0;

  /** `parameters` are allocated. Throws RangeError for a group that does not exist, or a negative rate. */
  constructor(parameters: Parameters, rule: UpdateRule, { groups, groupOf }: GroupOptions) {
    const [array] = parameters.arrays;
    if (!array) throw new RangeError("Cannot optimize parameters before they are allocated");
    this.gpu = array.values.gpu;
    this.#parameters = parameters;
    this.#rule = rule;
    this.#groups = new GroupTable(this.gpu, groups);
    this.#groupOf = (parameter) => this.#groups.numberOf(groupOf(parameter), parameter);
    const ranges = parameterRanges(parameters, this.#groupOf);
    this.finite = new FiniteFlags(this.gpu, this.#learned.map(({ name }) => name));
    this.#arrays = parameters.arrays.map(({ values }) => {
      const moments = named(rule.moments, () => full(this.gpu, [values.size], 0));
      const cut = named(rule.moments, (name) => rangesOf(moments[name]!));
      return {
        moments,
        ranges: rangesOf(values).map((whole, i) => {
          whole.dispose();
          return { ...ranges.shift()!, moments: named(rule.moments, (name) => cut[name]![i]!) };
        }),
      };
    });
    this.#hold();
  }

  /** Learning rates by group, before `rateFactor`. */
  get learningRates(): Readonly<Record<string, number>> {
    return this.#groups.rates;
  }

  /** Throws RangeError for a group that does not exist, or a negative rate. */
  setLearningRate(group: string, rate: number): void {
    this.#groups.setRate(group, rate);
  }

  /** The moments it keeps of every parameter, as torch calls them. */
  get momentNames(): readonly string[] {
    return this.#rule.moments;
  }

  /** Calls of `step`, those skipped by a loss scale included. */
  get steps(): number {
    return this.#step;
  }

  get #ranges() {
    return this.#arrays.flatMap(({ ranges }) => ranges);
  }

  /** The Euclidean norm of the gradients of all parameters that the next step moves, before any scaling: f32 [1] on the device. */
  gradientNorm(): Tensor {
    if (this.#groups.changesAt(this.#step)) this.#hold();
    return gradientNorm(this.#ranges);
  }

  /** Moves every parameter by its gradient. Gradients stay: `Parameters.zeroGrad` ends them. */
  step(options: StepOptions = {}): void {
    const { gradientScale = 1, rateFactor = 1, maxNorm, maxParameterNorm, lossScale, inspected } = options;
    if (maxNorm !== undefined && maxParameterNorm !== undefined) {
      throw new RangeError("Cannot shorten gradients both all together and each by itself");
    }
    const rule = this.#rule;
    if (this.#groups.changesAt(this.#step)) this.#hold();
    this.#step++;
    const corrections = lossScale ? undefined : rule.corrections?.bind(rule);
    this.#groups.upload(this.#step, corrections);
    if (lossScale) lossScale.decide(this.#ranges, rule.betas);
    else if (inspected) {
      for (const range of this.#ranges) this.finite.inspect("gradients", range.grads, range);
    }
    const norm = maxNorm !== undefined
      ? gradientNorm(this.#ranges)
      : maxParameterNorm === undefined
      ? undefined
      : this.#parameterNorms();
    const params = {
      ...rule.params(this.#step, options),
      rate_factor: rateFactor,
      gradient_scale: gradientScale,
      ...(norm && { max_norm: maxNorm ?? maxParameterNorm! }),
    };
    for (const range of this.#ranges) {
      const { values, grads, blocks, packs, moments } = range;
      const copied = rule.before !== undefined && this.gpu.adapterClass === "software" &&
        this.gpu.fitsTexture(values);
      const kernels = copied ? rule.before! : rule.inPlace;
      const befores = Object.entries(moments).map(([name, moment]) => [`${name}_before`, moment]);
      this.gpu.dispatch({
        kernel: lossScale ? kernels.scaled : kernels.plain,
        entry: norm === undefined ? "plain" : maxNorm === undefined ? "clipped_each" : "clipped",
        buffers: {
          ...{ blocks, groups_given: this.#groups.table, grads, values, ...moments },
          ...(copied && { values_before: values, ...Object.fromEntries(befores) }),
          ...(norm && { norm }),
          ...(lossScale && { scaling: lossScale.state }),
        },
        params: { packs, ...params },
        invocations: packs,
        ...(rule.constants && { constants: rule.constants }),
        // The gradient is read; values and moments are read and written back.
        work: () => ({ bytes: (3 + 2 * rule.moments.length) * grads.bytes }),
      });
    }
    norm?.dispose();
    this.#parameters.valuesChanged();
    // The gradients of the next step are made before it: what it moves must be let go of now.
    if (this.#groups.changesAt(this.#step)) this.#parameters.hold((parameter) => this.#isHeld(parameter));
  }

  /** Looks for NaN and infinity in all weights that are learned and in their moments, and raises the flags of those. */
  inspect(): void {
    for (const range of this.#ranges) {
      this.finite.inspect("weights", range.values, range);
      for (const moment of Object.values(range.moments)) this.finite.inspect("moments", moment, range);
    }
  }

  /** Reads the state that `write` goes on from. */
  async read(): Promise<OptimizerState> {
    const names = this.#learned.map(({ name }) => name);
    const views = scope(() => this.#rule.moments.flatMap((moment) => this.#views(moment))) as Tensor[];
    const arrays = await readArrays(views);
    for (const view of views) view.dispose();
    const part = (i: number) => arrays.slice(i * names.length, (i + 1) * names.length);
    const moments = this.#rule.moments.map((moment, i) =>
      [moment, new Map(part(i).map((array, at) => [names[at]!, array]))] as const
    );
    return {
      step: this.#step,
      learningRates: this.learningRates,
      moments: Object.fromEntries(moments),
    };
  }

  /** Takes over a state that was read. Throws RangeError where a parameter's moments are missing or of another size. */
  write({ step, learningRates, moments }: OptimizerState): void {
    for (const { name, shape } of this.#learned) {
      for (const moment of this.#rule.moments) {
        const given = moments[moment]?.get(name)?.length ?? 0;
        if (given === sizeOf(shape)) continue;
        throw new RangeError(
          `Cannot restore the moments of ${name}: ${sizeOf(shape)} values are needed, ${given} given`,
        );
      }
    }
    const names = this.#learned.map(({ name }) => name);
    scope(() => {
      for (const moment of this.#rule.moments) {
        for (const [i, view] of this.#views(moment).entries()) {
          this.gpu.write(view, moments[moment]!.get(names[i]!)!);
        }
      }
    });
    for (const [group, rate] of Object.entries(learningRates)) this.setLearningRate(group, rate);
    this.#step = step;
    this.#hold();
  }

  /** Frees the moments. */
  dispose(): void {
    for (const { moments, ranges } of this.#arrays) {
      for (const moment of Object.values(moments)) moment.dispose();
      for (const range of ranges) {
        const views = [range.values, range.grads, range.blocks, ...Object.values(range.moments)];
        for (const view of views) view.dispose();
      }
    }
    this.#groups.dispose();
    this.#norms?.dispose();
    this.finite.dispose();
  }

  /** Every parameter that is not frozen, in the order of the arrays. */
  get #learned(): Parameter[] {
    return this.#parameters.arrays.flatMap(({ members }) => members.map(({ parameter }) => parameter));
  }

  /** One moment of the learned parameters, in their order, as views. */
  #views(moment: string): Tensor[] {
    return this.#parameters.arrays.flatMap(({ members }, i) =>
      members.map(({ parameter, start }) =>
        this.#arrays[i]!.moments[moment]!.view(parameter.shape, { offset: start })
      )
    );
  }

  /** Leaves out what is held in the next step. */
  #hold(): void {
    if (!this.#groups.holdsAny) return;
    this.#parameters.hold((parameter) => this.#isHeld(parameter));
    writeBlocks(
      this.#parameters,
      this.#ranges,
      (parameter) => this.#isHeld(parameter) ? undefined : this.#groupOf(parameter),
    );
  }

  #isHeld(parameter: Parameter): boolean {
    const group = this.#groupOf(parameter);
    return group !== undefined && this.#groups.isHeld(group, this.#step);
  }

  #parameterNorms(): Tensor {
    this.#norms ??= new ParameterNorms(this.#parameters, this.#ranges);
    return this.#norms.compute();
  }
}

function named<T>(names: readonly string[], make: (name: string) => T): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, make(name)]));
}
