/** Parameters: what is learned, by name, in a few flat device arrays. */
import type { Gpu } from "../gpu/gpu.ts";
import { scope } from "../tensor/scope.ts";
import { type Shape, showShape, sizeOf } from "../tensor/shape.ts";
import { readTensors, Tensor } from "../tensor/tensor.ts";
import { fill } from "../ops/pointwise.ts";
import type { Initializer } from "./initializers.ts";

/** One learned tensor. `value` is a leaf of the tape; gradients gather in `grad` until `zeroGrad`. */
export interface Parameter {
  readonly name: string;
  readonly shape: Shape;
  readonly value: Tensor;
  readonly grad: Tensor;
}

interface Declaration {
  readonly name: string;
  readonly shape: Shape;
  readonly initializer: Initializer;
}

/** Parameters start at multiples of this many elements, so that each can be bound by itself (256 bytes). */
export const ALIGNMENT = 64;

/** A flat device array of parameters; `grads` has the layout of `values`. Between parameters stands anything. */
export interface ParameterArray {
  readonly values: Tensor;
  readonly grads: Tensor;
  /** Who lies where, from which element on (a multiple of ALIGNMENT), in order. */
  readonly members: readonly { readonly parameter: Parameter; readonly start: number }[];
}

/** Elements of an array that one window holds: of blocks of ALIGNMENT elements, a multiple of ALIGNMENT. */
function windowSize({ limits }: Gpu): number {
  const step = ALIGNMENT * ALIGNMENT;
  return Math.max(step, Math.floor(limits.maxStorageBufferBindingSize / 4 / step) * step);
}

/** Views of a flat array, one after the other, each within the adapter's binding limit. */
export function windowsOf(array: Tensor): Tensor[] {
  const size = windowSize(array.gpu);
  return Array.from(
    { length: Math.ceil(array.size / size) },
    (_, i) => array.view([Math.min(size, array.size - i * size)], { offset: i * size }),
  );
}

/** Overwrites a flat array in place, however large. */
export function fillArray(array: Tensor, value: number): void {
  scope(() => {
    for (const window of windowsOf(array)) fill(window, value);
  });
}

/** A module's place in the tree of names: `at("encoder").at("layer.0")` prefixes what is declared below it. */
export class Scope {
  readonly #parameters: Parameters;
  readonly #prefix: string;

  constructor(parameters: Parameters, prefix = "") {
    this.#parameters = parameters;
    this.#prefix = prefix;
  }

  at(name: string): Scope {
    return new Scope(this.#parameters, `${this.#prefix}${name}.`);
  }

  /** Declares a parameter; its memory exists once `Parameters.allocate` has run. */
  parameter(name: string, shape: Shape, initializer: Initializer): Parameter {
    return this.#parameters.declare(this.#prefix + name, shape, initializer);
  }
}

/**
 * All parameters of a model. Modules declare them while they are built; `allocate` then lays them out one after the
 * other in flat arrays (`values`, and `grads` of the same layout), as few as the adapter's binding limit allows, so
 * that the optimizer walks arrays and not parameters.
 */
export class Parameters {
  readonly #declarations: Declaration[] = [];
  readonly #byName = new Map<string, Parameter & { tensors?: { value: Tensor; grad: Tensor } }>();
  #arrays: ParameterArray[] = [];

  /** The root of the tree of names. */
  get root(): Scope {
    return new Scope(this);
  }

  declare(name: string, shape: Shape, initializer: Initializer): Parameter {
    if (this.#byName.has(name)) throw new RangeError(`Cannot declare parameter "${name}": it exists`);
    if (this.#arrays.length > 0) {
      throw new Error(`Cannot declare parameter "${name}": memory is allocated already`);
    }
    const parameter = {
      name,
      shape,
      tensors: undefined as { value: Tensor; grad: Tensor } | undefined,
      get value(): Tensor {
        return allocated(this.tensors, name).value;
      },
      get grad(): Tensor {
        return allocated(this.tensors, name).grad;
      },
    };
    this.#declarations.push({ name, shape, initializer });
    this.#byName.set(name, parameter as Parameter);
    return parameter;
  }

  /** Lays the declared parameters out and fills them by their initialisers, reproducibly from the seed. */
  allocate(gpu: Gpu, seed: number): void {
    if (this.#arrays.length > 0) throw new Error("Cannot allocate parameters twice");
    const limit = Math.floor(gpu.limits.maxStorageBufferBindingSize / 4);
    const arrays: { size: number; members: { declaration: Declaration; start: number }[] }[] = [];
    for (const declaration of this.#declarations) {
      const size = Math.ceil(sizeOf(declaration.shape) / ALIGNMENT) * ALIGNMENT;
      let array = arrays.at(-1);
      // A parameter beyond the limit gets an array of its own; kernels bind it window by window.
      if (!array || (array.size > 0 && array.size + size > limit)) {
        arrays.push(array = { size: 0, members: [] });
      }
      array.members.push({ declaration, start: array.size });
      array.size += size;
    }
    for (const { size, members } of arrays) {
      const first = new Float32Array(size);
      for (const { declaration: { name, shape, initializer }, start } of members) {
        initializer(first.subarray(start, start + sizeOf(shape)), shape, `${seed}/${name}`);
      }
      const values = Tensor.from(gpu, first, [size]);
      const grads = Tensor.empty(gpu, [size]);
      fillArray(grads, 0);
      this.#arrays.push({
        values,
        grads,
        members: members.map(({ declaration: { name, shape }, start }) => {
          const parameter = this.#byName.get(name)!;
          const value = values.view(shape, { offset: start, requiresGrad: true });
          const grad = grads.view(shape, { offset: start });
          value.grad = grad;
          parameter.tensors = { value, grad };
          return { parameter, start };
        }),
      });
    }
  }

  /** Every parameter, in the order declared. */
  *[Symbol.iterator](): Generator<Parameter> {
    yield* this.#byName.values();
  }

  get(name: string): Parameter {
    const parameter = this.#byName.get(name);
    if (!parameter) throw new RangeError(`Cannot find parameter "${name}"`);
    return parameter;
  }

  /** The number of learned values. */
  get count(): number {
    return this.#declarations.reduce((total, { shape }) => total + sizeOf(shape), 0);
  }

  /** The flat arrays; none before `allocate`. */
  get arrays(): readonly ParameterArray[] {
    return this.#arrays;
  }

  /** Sets every gradient to zero. */
  zeroGrad(): void {
    for (const { grads } of this.#arrays) fillArray(grads, 0);
  }

  /** Reads every parameter back, by name. */
  async read(): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const parameters = [...this];
    const arrays = await readTensors(parameters.map(({ value }) => value));
    return new Map(parameters.map(({ name }, i) => [name, arrays[i] as Float32Array<ArrayBuffer>]));
  }

  /** Overwrites one parameter. Throws TypeError where the sizes differ. */
  write(name: string, values: Float32Array<ArrayBuffer>): void {
    const { value, shape } = this.get(name);
    if (values.length !== sizeOf(shape)) {
      throw new TypeError(
        `Cannot write ${values.length} values into "${name}" of ${showShape(shape)}: sizes differ`,
      );
    }
    value.gpu.write(value, values);
  }

  /** Frees the memory. */
  dispose(): void {
    for (const parameter of this.#byName.values()) {
      parameter.tensors?.value.dispose();
      parameter.tensors?.grad.dispose();
    }
    for (const { values, grads } of this.#arrays) {
      values.dispose();
      grads.dispose();
    }
  }
}

function allocated<T>(tensors: T | undefined, name: string): T {
  if (!tensors) throw new Error(`Cannot use parameter "${name}": its memory is not allocated yet`);
  return tensors;
}
