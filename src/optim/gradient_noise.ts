/** How noisy gradients are: of how many samples a step would have to be for their noise to be as large as the gradient itself. */
import { defineKernel, readConstant } from "../gpu/kernel.ts";
import { full } from "../ops/fill.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { LossScale } from "./loss_scale.ts";
import type { Optimizer } from "./optimizer.ts";
import noise_ from "../../wgsl/optim/gradient_noise.wgsl" with { type: "text" };
import scaleState from "../../wgsl/optim/loss_scale_state.wgsl" with { type: "text" };
import state_ from "../../wgsl/optim/gradient_noise_state.wgsl" with { type: "text" };

const kernel = defineKernel("gradientNoise", [noise_, state_, scaleState]);

const [STATE_SIZE, SIGNAL, NOISE] = ["NOISE_STATE_SIZE", "SIGNAL", "NOISE"]
  .map((name) => readConstant(state_, name)) as [number, number, number];

/** What a measurement leaves of the average of those before. */
const DECAY = 0.95;

/** A micro-batch whose gradient has been added, times its weight, to that of its step. */
export interface AddedMicroBatch {
  readonly weight: number;
  /** Its samples. */
  readonly size: number;
  /** Whether it is the first of its step. */
  readonly isFirst: boolean;
}

/**
 * The simple noise scale tr Σ / |G|² of McCandlish et al. (2018), "An Empirical Model of Large-Batch Training": G is the
 * expected gradient and Σ the covariance of the gradients of single samples. Both are estimated, without bias, from the
 * squared norms of the gradients of a step and of its first micro-batch, in every `every`-th step, and averaged over these.
 * All of it stays on the device; a step that is not measured costs nothing.
 */
export class GradientNoise {
  /** f32, as wgsl/optim/gradient_noise_state.wgsl has it: what a checkpoint must hold to go on from here. */
  readonly state: Tensor;
  readonly #optimizer: Optimizer;
  readonly #every: number;
  /** What all gradients are multiplied by: the state of a loss scale, or 1. */
  readonly #scaling: Tensor;
  readonly #ownsScaling: boolean;

  constructor(optimizer: Optimizer, every: number, lossScale?: LossScale) {
    this.#optimizer = optimizer;
    this.#every = every;
    const { gpu } = optimizer;
    this.state = full(gpu, [STATE_SIZE], 0);
    this.#scaling = lossScale?.state ?? full(gpu, [1], 1);
    this.#ownsScaling = lossScale === undefined;
  }

  /** To be called after the gradient of each micro-batch. */
  add({ weight, size, isFirst }: AddedMicroBatch): void {
    if (this.isDue) this.#run(isFirst ? "first" : "more", { weight, size });
  }

  /** To be called before the optimizer's step. */
  measure(): void {
    if (this.isDue) this.#run("measure", { share: 1 - DECAY });
  }

  /** The noise scale, in samples, from what was read of `state`; undefined as long as the noise hides the gradient altogether. */
  reading(state: ArrayLike<number>): number | undefined {
    return state[SIGNAL]! > 0 && state[NOISE]! > 0 ? state[NOISE]! / state[SIGNAL]! : undefined;
  }

  dispose(): void {
    this.state.dispose();
    if (this.#ownsScaling) this.#scaling.dispose();
  }

  /** Whether it is measured in the step under way. */
  get isDue(): boolean {
    return this.#optimizer.steps % this.#every === 0;
  }

  #run(entry: "first" | "more" | "measure", params: Record<string, number>): void {
    const norm = entry === "more" ? undefined : this.#optimizer.gradientNorm();
    this.#optimizer.gpu.dispatch({
      kernel,
      entry,
      buffers: { state: this.state, ...(norm && { norm, scaling: this.#scaling }) },
      params,
      workgroups: 1,
    });
    norm?.dispose();
  }
}
