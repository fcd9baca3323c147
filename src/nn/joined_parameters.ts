/** Several parameters that are used as one: query, key and value weights are one product. */
import { concat } from "../ops/shape.ts";
import { sameShape, showShape, sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { disposeMemory, type FlatArray, type Memory, memoryIn } from "./flat_arrays.ts";
import type { Parameter } from "./parameter.ts";

/** What a matrix product reads: a parameter, or several as one. */
export type Operand = Pick<Parameter, "value" | "half">;

/**
 * Parameters of one shape, joined along their first dimension. Where they lie side by side in a flat array, this is a view,
 * whose gradient is theirs: parameters do that are declared one after the other and whose size is a multiple of the array's
 * alignment. Others are joined anew at every use.
 */
export class JoinedParameters implements Operand {
  readonly #parts: readonly Parameter[];
  #memory: Memory | undefined;

  /** Throws TypeError for shapes that differ. */
  constructor(parts: readonly Parameter[]) {
    const other = parts.find(({ shape }) => !sameShape(shape, parts[0]!.shape));
    if (other) {
      const [{ name, shape }] = parts as [Parameter];
      throw new TypeError(
        `Cannot join "${name}" of ${showShape(shape)} and "${other.name}" of ${
          showShape(other.shape)
        }: shapes differ`,
      );
    }
    this.#parts = parts;
  }

  get value(): Tensor {
    return this.#current?.value ?? concat(this.#parts.map(({ value }) => value), 0);
  }

  get half(): Tensor {
    const parts = this.#parts.map(({ half }) => half); // reading them brings the copies up to date
    return this.#current?.half ?? concat(parts, 0);
  }

  /** Where some parts are held and some are not, gradients of all are made. */
  get #current() {
    return this.#parts.every(({ held }) => held) ? this.#memory?.held : this.#memory;
  }

  /** Must be called for every flat array that has been laid out; `grads` are those of an array that is learned. */
  placeIn(array: FlatArray, grads?: Tensor): void {
    const { members } = array;
    const first = members.findIndex(({ parameter }) => parameter === this.#parts[0]);
    if (first < 0) return;
    const { parameter: { shape: [rows, ...inner] }, start } = members[first]!;
    const size = rows! * sizeOf(inner);
    const sideBySide = this.#parts.every((part, i) => {
      const member = members[first + i];
      return member?.parameter === part && member.start === start + i * size;
    });
    if (sideBySide) this.#memory = memoryIn(array, grads, [this.#parts.length * rows!, ...inner], start);
  }

  dispose(): void {
    if (this.#memory) disposeMemory(this.#memory);
  }
}
