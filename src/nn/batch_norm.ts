/** Batch normalisation with a learned gain and shift, and running statistics for evaluation. */
import type { FloatType, Value } from "../onnx/graph.ts";
import * as onnx from "../onnx/operators.ts";
import { batchNorm } from "../ops/batch_norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Context } from "./context.ts";
import { ones, zeros } from "./initializers.ts";
import type { ModelBuffer, Parameter } from "./parameter.ts";
import type { ModulePath } from "./parameters.ts";

/** What normalises in training where gain and shift are frozen: the running statistics, which then stay, or the batch's. */
export type FrozenStatistics = "running" | "batch";

/** By how much of the way running statistics move to those of a batch, unless a layer is told otherwise. */
export const MOMENTUM = 0.1;

export interface BatchNormSettings {
  /** 1e-5 if not given. */
  readonly epsilon?: number;
  /** By how much of the way running statistics move to those of a batch; `MOMENTUM`, 0.1, if not given. */
  readonly momentum?: number;
  /**
   * "running" if not given: a frozen layer does the same in training as in evaluation. "batch" is what PyTorch does where
   * `requires_grad` alone is switched off, as MMBT's published training has it: statistics go on moving.
   */
  readonly whenFrozen?: FrozenStatistics;
}

/**
 * Declares `weight`, the gain, and `bias`, the shift; and the buffers `running_mean`, `running_var` and
 * `num_batches_tracked`, a number, by the names of PyTorch.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { BatchNorm2d, full, Gpu, Parameters } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const parameters = new Parameters();
 * const norm = new BatchNorm2d(parameters.root.at("norm"), 4);
 * parameters.allocate(gpu, 0);
 * norm.forward(full(gpu, [2, 3, 3, 4], 10), { training: true });
 * assert.deepEqual(await parameters.get("norm.running_mean").value.read(), Float32Array.of(1, 1, 1, 1));
 * assert.deepEqual([...parameters].map(({ name }) => name), ["norm.weight", "norm.bias"]);
 * gpu.destroy();
 * ```
 */
export class BatchNorm2d {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly #mean: ModelBuffer;
  readonly #variance: ModelBuffer;
  readonly #batches: ModelBuffer;
  readonly #settings: Required<BatchNormSettings>;

  constructor(path: ModulePath, channels: number, settings: BatchNormSettings = {}) {
    this.weight = path.parameter("weight", [channels], ones);
    this.bias = path.parameter("bias", [channels], zeros);
    this.#mean = path.buffer("running_mean", [channels], zeros);
    this.#variance = path.buffer("running_var", [channels], ones);
    this.#batches = path.buffer("num_batches_tracked", [], zeros);
    this.#settings = { epsilon: 1e-5, momentum: MOMENTUM, whenFrozen: "running", ...settings };
  }

  /** Normalises each channel of a map [batch, height, width, channels]. */
  forward(x: Tensor, { training = false, recomputing = false }: Context): Tensor {
    const { epsilon, momentum, whenFrozen } = this.#settings;
    const running = {
      mean: this.#mean.value,
      variance: this.#variance.value,
      batches: this.#batches.value,
    };
    const byBatch = training && (!this.weight.frozen || whenFrozen === "batch");
    return batchNorm(x, this.weight.value, this.bias.value, running, {
      epsilon,
      statistics: byBatch ? "batch" : "running",
      ...(!recomputing && { momentum }),
    });
  }

  /** The same in a graph of ONNX, by the running statistics: [batch, channels, height, width]. */
  toOnnx(x: Value): Value {
    const vector = (one: ModelBuffer) => x.graph.weight(one, x.type as FloatType);
    return onnx.batchNorm(
      x,
      {
        gain: vector(this.weight),
        shift: vector(this.bias),
        mean: vector(this.#mean),
        variance: vector(this.#variance),
      },
      this.#settings.epsilon,
    );
  }
}
