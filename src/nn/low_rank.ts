/**
 * LoRA (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021): a linear layer whose weight stays as it is, and
 * beside it a product of two small matrices, which is what is learned.
 */
import { linear } from "../ops/matmul.ts";
import { scale } from "../ops/pointwise.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { uniformByInputs, zeros } from "./initializers.ts";
import type { Parameter } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";

/** Whether a parameter is one of the two matrices of an adapter, by its name. */
export function isAdapter(name: string): boolean {
  return /(^|\.)lora_[AB]\.weight$/.test(name);
}

/** α/r (x Aᵀ) Bᵀ: A is [rank, inputs] and drawn, B [outputs, rank] and 0 at first, so that the layer begins as it was. */
export class LowRank {
  readonly #a: Parameter;
  readonly #b: Parameter;
  readonly #scale: number;

  constructor(
    path: ModulePath,
    inputs: number,
    outputs: number,
    rank: number,
    alpha: number,
    isOperand: boolean,
  ) {
    this.#a = path.at("lora_A").parameter("weight", [rank, inputs], uniformByInputs, { isOperand });
    this.#b = path.at("lora_B").parameter("weight", [outputs, rank], zeros, { isOperand });
    this.#scale = alpha / rank;
  }

  /** [.., inputs] to [.., outputs]. */
  forward(x: Tensor): Tensor {
    const [a, b] = [this.#a, this.#b].map((one) => x.dtype === "f16" ? one.half : one.value);
    return scope(() => linear(scale(linear(x, a!), this.#scale), b!));
  }
}

/** The adapter of the linear layer at a path, where `Parameters.adapt` asked for one. */
export function lowRankAt(
  path: ModulePath,
  inputs: number,
  outputs: number,
  isOperand: boolean,
): LowRank | undefined {
  const adapters = path.adapters;
  return adapters && new LowRank(path, inputs, outputs, adapters.rank, adapters.alpha, isOperand);
}
