/** A parameter from its declaration on: its memory comes later. */
import type { Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { F16Copies } from "./f16_copies.ts";
import type { Memory } from "./flat_arrays.ts";
import type { Parameter } from "./parameter.ts";

export class DeclaredParameter implements Parameter {
  readonly name: string;
  readonly shape: Shape;
  frozen: boolean;
  held = false;
  /** Once it is allocated. */
  memory: Memory | undefined;
  readonly #f16Copies: F16Copies;

  constructor(name: string, shape: Shape, frozen: boolean, f16Copies: F16Copies) {
    this.name = name;
    this.shape = shape;
    this.frozen = frozen;
    this.#f16Copies = f16Copies;
  }

  get value(): Tensor {
    return this.#now.value;
  }

  get grad(): Tensor {
    const { grad } = this.#allocated;
    if (!grad) throw new Error(`Cannot use the gradient of parameter "${this.name}": it is frozen`);
    return grad;
  }

  get half(): Tensor {
    const { half } = this.#now;
    if (!half) throw new Error(`Cannot use parameter "${this.name}" in f16: it is kept in f32 alone`);
    this.#f16Copies.refresh();
    return half;
  }

  get #now() {
    return this.held ? this.#allocated.held : this.#allocated;
  }

  get #allocated(): Memory {
    if (this.memory) return this.memory;
    throw new Error(`Cannot use parameter "${this.name}": its memory is not allocated yet`);
  }
}
