/** Layer normalisation with a learned gain and shift. */
import { layerNorm } from "../ops/layer_norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ones, zeros } from "./initializers.ts";
import type { Parameter } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";

/** Declares `weight`, the gain, and `bias`, the shift. */
export class LayerNorm {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly #epsilon: number;

  constructor(path: ModulePath, width: number, epsilon: number) {
    this.weight = path.parameter("weight", [width], ones);
    this.bias = path.parameter("bias", [width], zeros);
    this.#epsilon = epsilon;
  }

  /** Normalises the last axis of [.., width]. */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight.value, this.bias.value, this.#epsilon);
  }
}
