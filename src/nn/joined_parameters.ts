/** Parameters that are used as one. */
import { concat } from "../ops/shape.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Parameter, ParameterArray } from "./parameters.ts";

/** What a product reads: a parameter, or several as one. */
export type Operand = Pick<Parameter, "value" | "half">;

/**
 * Parameters of one shape, joined along their first dimension. Where they lie side by side in a flat array, as those do
 * that are declared one after the other and fill whole blocks of it, that is a view, whose gradient is theirs; else
 * they are joined anew at every use.
 */
export class JoinedParameters implements Operand {
  readonly #parts: readonly Parameter[];
  #view:
    | { readonly value: Tensor; readonly half: Tensor | undefined; readonly grad: Tensor | undefined }
    | undefined;

  constructor(parts: readonly Parameter[]) {
    this.#parts = parts;
  }

  get value(): Tensor {
    return this.#view?.value ?? concat(this.#parts.map(({ value }) => value), 0);
  }

  get half(): Tensor {
    const halves = this.#parts.map(({ half }) => half); // which brings them up to date
    return this.#view?.half ?? concat(halves, 0);
  }

  /** To be told of every flat array that has been laid out. */
  seek(
    { values, halves, grads, members }: Omit<ParameterArray, "grads"> & { readonly grads?: Tensor },
  ): void {
    const first = members.findIndex(({ parameter }) => parameter === this.#parts[0]);
    if (first < 0) return;
    const offset = members[first]!.start;
    const [rows, ...inner] = this.#parts[0]!.shape;
    const shape = [this.#parts.length * rows!, ...inner];
    const size = sizeOf(this.#parts[0]!.shape);
    const sideBySide = this.#parts.every((part, i) => {
      const member = members[first + i];
      return member?.parameter === part && member.start === offset + i * size;
    });
    if (!sideBySide) return;
    const place = { offset, requiresGrad: grads !== undefined };
    const value = values.view(shape, place);
    const half = halves?.view(shape, place);
    const grad = grads?.view(shape, { offset });
    value.grad = grad;
    if (half) half.grad = grad;
    this.#view = { value, half, grad };
  }

  dispose(): void {
    this.#view?.value.dispose();
    this.#view?.half?.dispose();
    this.#view?.grad?.dispose();
  }
}
