/** Dynamic loss scaling: keeps gradients within the range of f16, and skips the steps where that fails. */
import { defineKernel, readConstant } from "../gpu/kernel.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { fill } from "../ops/fill.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { ParameterRange } from "./binding_ranges.ts";
import blocks from "../../wgsl/optim/blocks.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import lossScale_ from "../../wgsl/optim/loss_scale.wgsl" with { type: "text" };
import notFinite from "../../wgsl/optim/not_finite.wgsl" with { type: "text" };
import state_ from "../../wgsl/optim/loss_scale_state.wgsl" with { type: "text" };

const kernel = defineKernel("lossScale", [lossScale_, state_, notFinite, blocks, grid]);

const [STATE_SIZE, SCALE, SKIPPED, IN_ROW] = ["STATE_SIZE", "SCALE", "SKIPPED", "IN_ROW"]
  .map((name) => readConstant(state_, name)) as [number, number, number, number];

export type LossScaleOptions = {
  /** The scale to begin with; 2^16 if not given. */
  readonly initial?: number;
  /** The scale is multiplied by it after a step that overflowed; 0.5 if not given. */
  readonly backoff?: number;
  /** The scale falls no lower; 2^-14, the least normal number of f16, if not given. */
  readonly minimum?: number;
  /** The scale is multiplied by it after `interval` steps in a row that did not overflow; 2 if not given. */
  readonly growth?: number;
  /** 2000 if not given. */
  readonly interval?: number;
};

export interface LossScaleReading {
  readonly scale: number;
  /** Steps skipped since the first, and those of them that were the last ones in a row. */
  readonly skipped: number;
  readonly skippedInRow: number;
  /** True where the scale is at its minimum. */
  readonly isLeast: boolean;
}

/**
 * Defaults and rule of torch.cuda.amp.GradScaler, but for a minimum: where gradients overflow even there, the forward pass
 * itself does. The state stays on the device: no step reads anything back.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, LossScale } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const lossScale = new LossScale(gpu, { initial: 1024 });
 * assert.deepEqual(await lossScale.seed(0.5).read(), Float32Array.of(512)); // what `backward` starts from
 * assert.deepEqual(await lossScale.read(), { scale: 1024, skipped: 0 });
 * gpu.destroy();
 * ```
 */
export class LossScale {
  /** f32, as wgsl/optim/loss_scale_state.wgsl has it: what a checkpoint must hold to go on from here. */
  readonly state: Tensor;
  readonly #gpu: Gpu;
  readonly #rule: Readonly<Record<"backoff" | "minimum" | "growth" | "interval", number>>;
  readonly #overflow: Tensor;

  constructor(gpu: Gpu, options: LossScaleOptions = {}) {
    const { initial = 2 ** 16, backoff = 0.5, minimum = 2 ** -14, growth = 2, interval = 2000 } = options;
    const values = new Float32Array(STATE_SIZE);
    values[SCALE] = initial;
    this.state = Tensor.from(gpu, values, [STATE_SIZE]);
    this.#gpu = gpu;
    this.#rule = { backoff, minimum, growth, interval };
    this.#overflow = Tensor.empty(gpu, [1], "u32");
    fill(this.#overflow, 0);
  }

  /** The gradient that backward starts from: `weight` times the scale, f32 []. */
  seed(weight: number): Tensor {
    const gradient = Tensor.empty(this.#gpu, []);
    this.#gpu.dispatch({
      kernel,
      entry: "seed",
      buffers: { state: this.state, gradient },
      params: { weight },
      workgroups: 1,
    });
    return gradient;
  }

  /**
   * Looks for overflow in the gradients of a step and decides whether it is taken, which optimizers read in `state`; counts
   * the step and sets the scale for the next. `betas` are Adam's; other optimizers have none.
   */
  decide(ranges: readonly ParameterRange[], [beta1, beta2]: readonly [number, number] = [0, 0]): void {
    const overflow = this.#overflow;
    for (const { grads, blocks, packs } of ranges) {
      this.#gpu.dispatch({
        kernel,
        entry: "inspect",
        buffers: { blocks, grads, overflow },
        params: { packs },
        invocations: packs,
      });
    }
    this.#gpu.dispatch({
      kernel,
      entry: "decide",
      buffers: { state: this.state, overflow },
      params: { beta1, one_minus_beta1: 1 - beta1, beta2, one_minus_beta2: 1 - beta2, ...this.#rule },
      workgroups: 1,
    });
  }

  /** The scale as it is now, and the steps skipped since the first; waits for the device. */
  async read(): Promise<Pick<LossScaleReading, "scale" | "skipped">> {
    const { scale, skipped } = this.reading(await this.state.read());
    return { scale, skipped };
  }

  /** What `state` says, from what was read of it together with other things. */
  reading(state: ArrayLike<number>): LossScaleReading {
    return {
      scale: state[SCALE]!,
      skipped: state[SKIPPED]!,
      skippedInRow: state[IN_ROW]!,
      isLeast: state[SCALE]! <= this.#rule.minimum,
    };
  }

  dispose(): void {
    this.state.dispose();
    this.#overflow.dispose();
  }
}
