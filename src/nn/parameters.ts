/** The parameters of a model: declared by name, laid out in a few flat device arrays. */
import type { Gpu } from "../gpu/gpu.ts";
import { type Shape, showShape, sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { fill } from "../ops/fill.ts";
import {
  ALIGNMENT,
  disposeMemory,
  F16_ALIGNMENT,
  type FlatArray,
  type LearnedArray,
  memoryIn,
  readArrays,
} from "./flat_arrays.ts";
import { DeclaredParameter } from "./declared_parameter.ts";
import { F16Copies } from "./f16_copies.ts";
import type { Initializer } from "./initializers.ts";
import { JoinedParameters } from "./joined_parameters.ts";
import type { Adapters, Constant, ModelBuffer, Parameter, ParameterOptions } from "./parameter.ts";

interface Declaration extends Required<ParameterOptions> {
  readonly name: string;
  readonly shape: Shape;
  readonly initializer: Initializer;
}

/** A module's place in the tree of names: below `at("encoder").at("layer.0")`, names begin with `encoder.layer.0.` */
export class ModulePath {
  readonly #parameters: Parameters;
  readonly #prefix: string;

  constructor(parameters: Parameters, prefix = "") {
    this.#parameters = parameters;
    this.#prefix = prefix;
  }

  at(name: string): ModulePath {
    return new ModulePath(this.#parameters, `${this.#prefix}${name}.`);
  }

  /** Declares a parameter; its memory exists once `Parameters.allocate` has run. */
  parameter(name: string, shape: Shape, initializer: Initializer, options?: ParameterOptions): Parameter {
    return this.#parameters.declare(this.#prefix + name, shape, initializer, options);
  }

  /** How the linear layer here is adapted, where it is. */
  get adapters(): Adapters | undefined {
    return this.#parameters.adaptersOf(this.#prefix.replace(/\.$/, ""));
  }

  /** Declares a buffer, which is saved and restored like a parameter, and never learned. */
  buffer(name: string, shape: Shape, initializer: Initializer): ModelBuffer {
    return this.parameter(name, shape, initializer, { isBuffer: true });
  }

  /** Declares numbers that the configuration decides, which are neither learned nor saved. */
  constant(name: string, shape: Shape, values: Float32Array): Constant {
    const initializer: Initializer = (into) => into.set(values);
    return this.#parameters.declare(this.#prefix + name, shape, initializer, {
      isBuffer: true,
      isConstant: true,
    });
  }

  /** Several parameters of one shape as one, joined along their first dimension. */
  joined(parts: readonly Parameter[]): JoinedParameters {
    return this.#parameters.join(parts);
  }
}

/**
 * All parameters of a model, and its buffers. Modules declare them while they are built; `allocate` then lays them out one after the
 * other in flat arrays (`values`, and `grads` of the same layout), as few as the adapter's binding limit allows, so
 * that the optimizer walks arrays and not parameters.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, Parameters, zeros } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const bias = parameters.root.at("encoder").parameter("bias", [3], zeros);
 * parameters.allocate(gpu, 0);
 * parameters.write("encoder.bias", Float32Array.of(1, 2, 3));
 * assert.deepEqual(await bias.value.read(), Float32Array.of(1, 2, 3));
 * gpu.destroy();
 * ```
 */
export class Parameters {
  readonly #declarations: Declaration[] = [];
  readonly #byName = new Map<string, DeclaredParameter>();
  #arrays: LearnedArray[] = [];
  #frozenArrays: FlatArray[] = [];
  readonly #f16Copies = new F16Copies();
  readonly #joined: JoinedParameters[] = [];
  #adapters: Adapters | undefined;

  /** The root of the tree of names. */
  get root(): ModulePath {
    return new ModulePath(this);
  }

  /** Linear layers that are declared from now on have adapters where they are targets: see low_rank.ts. */
  adapt(adapters: Adapters): void {
    this.#adapters = adapters;
  }

  /** What `ModulePath.adapters` asks. */
  adaptersOf(layer: string): Adapters | undefined {
    return this.#adapters?.isTarget(layer) ? this.#adapters : undefined;
  }

  /** What `ModulePath.parameter` calls, with the whole name. Throws RangeError for a name that exists. */
  declare(
    name: string,
    shape: Shape,
    initializer: Initializer,
    { isOperand = false, isBuffer = false, isConstant = false }: ParameterOptions = {},
  ): Parameter {
    if (this.#byName.has(name)) throw new RangeError(`Cannot declare parameter "${name}": it exists`);
    if (this.#isAllocated) {
      throw new Error(`Cannot declare parameter "${name}": memory is allocated already`);
    }
    const parameter = new DeclaredParameter(name, shape, isBuffer, this.#f16Copies);
    this.#declarations.push({ name, shape, initializer, isOperand, isBuffer, isConstant });
    this.#byName.set(name, parameter);
    return parameter;
  }

  /** What `ModulePath.joined` calls. */
  join(parts: readonly Parameter[]): JoinedParameters {
    if (this.#isAllocated) throw new Error("Cannot join parameters: memory is allocated already");
    const joined = new JoinedParameters(parts);
    this.#joined.push(joined);
    return joined;
  }

  /** Excludes parameters from learning, by name; they then take memory for their values alone. Call it before `allocate`. */
  freeze(isFrozen: (name: string) => boolean): void {
    if (this.#isAllocated) throw new Error("Cannot freeze parameters: memory is allocated already");
    for (const parameter of this.#byName.values()) parameter.frozen ||= isFrozen(parameter.name);
  }

  /**
   * Holds those parameters that are named so, and lets go of all others: what is held is not learned for now, and as nothing is
   * recorded for it, no gradient of it is computed, nor of what it alone follows from. It keeps its memory.
   */
  hold(isHeld: (parameter: Parameter) => boolean): void {
    for (const parameter of this.#byName.values()) parameter.held = !parameter.frozen && isHeld(parameter);
  }

  /**
   * Lays the declared parameters out and fills them by their initialisers, reproducibly from the seed; those that
   * `isLoaded` names are zero, for the caller to write. With `withF16`, operands of matrix products have a copy in f16.
   */
  allocate(
    gpu: Gpu,
    seed: number,
    isLoaded: (name: string) => boolean = () => false,
    withF16 = false,
  ): void {
    if (this.#isAllocated) throw new Error("Cannot allocate parameters twice");
    const [frozen, learned] = [true, false].map((frozen) =>
      this.#declarations.filter(({ name }) => this.get(name).frozen === frozen)
    );
    const place = (array: FlatArray, grads?: Tensor) => {
      for (const { parameter: { name, shape }, start } of array.members) {
        this.#byName.get(name)!.memory = memoryIn(array, grads, shape, start);
      }
      for (const joined of this.#joined) joined.placeIn(array, grads);
    };
    this.#frozenArrays = this.#layOutAll(gpu, frozen!, withF16);
    for (const array of this.#frozenArrays) place(array);
    this.#arrays = this.#layOutAll(gpu, learned!, withF16).map((array) => {
      const grads = Tensor.empty(gpu, array.values.shape);
      fill(grads, 0);
      place(array, grads);
      return { ...array, grads };
    });
    for (const { name, shape, initializer, isConstant } of this.#declarations) {
      if (isLoaded(name) && !isConstant) continue;
      const values = new Float32Array(sizeOf(shape)); // one at a time: the host never holds a second model
      initializer(values, shape, `${seed}/${name}`);
      this.write(name, values);
    }
  }

  /** With f16 copies, operands stand in arrays of their own: the other parameters need no copy. */
  #layOutAll(gpu: Gpu, declarations: readonly Declaration[], withF16: boolean): FlatArray[] {
    if (!withF16) return this.#layOut(gpu, declarations, ALIGNMENT);
    const operands = this.#layOut(gpu, declarations.filter(({ isOperand }) => isOperand), F16_ALIGNMENT);
    return [
      ...operands.map((array) => ({ ...array, half: this.#f16Copies.copyOf(array.values) })),
      ...this.#layOut(gpu, declarations.filter(({ isOperand }) => !isOperand), ALIGNMENT),
    ];
  }

  /** Flat arrays of zeros, as few as the adapter's binding limit allows. */
  #layOut(gpu: Gpu, declarations: readonly Declaration[], alignment: number): FlatArray[] {
    const limit = Math.floor(gpu.limits.maxStorageBufferBindingSize / 4);
    const arrays: { size: number; members: { declaration: Declaration; start: number }[] }[] = [];
    for (const declaration of declarations) {
      const size = Math.ceil(sizeOf(declaration.shape) / alignment) * alignment;
      let array = arrays.at(-1);
      // A parameter beyond the limit gets an array of its own; kernels bind it range by range.
      if (!array || (array.size > 0 && array.size + size > limit)) {
        arrays.push(array = { size: 0, members: [] });
      }
      array.members.push({ declaration, start: array.size });
      array.size += size;
    }
    return arrays.map(({ size, members }) => {
      const values = Tensor.empty(gpu, [size]);
      fill(values, 0);
      return {
        values,
        members: members.map(({ declaration: { name }, start }) => ({ parameter: this.get(name), start })),
      };
    });
  }

  get #isAllocated(): boolean {
    return this.#arrays.length + this.#frozenArrays.length > 0;
  }

  /** Every parameter, in the order declared. */
  *[Symbol.iterator](): Generator<Parameter> {
    for (const { name, isBuffer } of this.#declarations) if (!isBuffer) yield this.get(name);
  }

  /** Every parameter and buffer, in the order declared: all that a file of weights holds, and so no constant. */
  *state(): Generator<Parameter> {
    for (const { name, isConstant } of this.#declarations) if (!isConstant) yield this.get(name);
  }

  /** A parameter or a buffer. */
  get(name: string): Parameter {
    const parameter = this.#byName.get(name);
    if (!parameter) throw new RangeError(`Cannot find parameter "${name}"`);
    return parameter;
  }

  /** The number of values of parameters, frozen ones included. */
  get count(): number {
    return [...this].reduce((total, { shape }) => total + sizeOf(shape), 0);
  }

  /** The flat arrays of the parameters that are learned; none before `allocate`. */
  get arrays(): readonly LearnedArray[] {
    return this.#arrays;
  }

  /** The flat arrays of the frozen parameters and of the buffers. */
  get frozenArrays(): readonly FlatArray[] {
    return this.#frozenArrays;
  }

  /** Sets every gradient to zero. */
  zeroGrad(): void {
    for (const { grads } of this.#arrays) fill(grads, 0);
  }

  /** Reads every parameter and buffer back, by name. */
  async read(): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const parameters = [...this.state()];
    const arrays = await readArrays(parameters.map(({ value }) => value));
    return new Map(parameters.map(({ name }, i) => [name, arrays[i]!]));
  }

  /** Overwrites one parameter or buffer. Throws TypeError where the sizes differ. */
  write(name: string, values: Float32Array<ArrayBuffer>): void {
    const { value, shape } = this.get(name);
    if (values.length !== sizeOf(shape)) {
      throw new TypeError(
        `Cannot write ${values.length} values into "${name}" of ${showShape(shape)}: sizes differ`,
      );
    }
    value.gpu.write(value, values);
    this.#f16Copies.valuesChanged();
  }

  /** Must be called when values have been changed on the device, as an optimizer's step does. */
  valuesChanged(): void {
    this.#f16Copies.valuesChanged();
  }

  /** Frees the memory. */
  dispose(): void {
    for (const { memory } of this.#byName.values()) {
      if (memory) disposeMemory(memory);
    }
    for (const joined of this.#joined) joined.dispose();
    this.#f16Copies.dispose();
    for (const { values } of [...this.#arrays, ...this.#frozenArrays]) values.dispose();
    for (const { grads } of this.#arrays) grads.dispose();
  }
}
