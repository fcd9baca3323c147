/** A model that only answers: its weights, and none of what training takes beside them. */
import { buildModel } from "../build/build_model.ts";
import { coalitionLogits, rolloutsOf } from "../models/explain.ts";
import type { ModelData } from "../build/resolve_encoders.ts";
import type { RunConfig } from "../config/run_config.ts";
import type { Batch } from "../data/batch.ts";
import type { Scale } from "../data/targets.ts";
import { ALONE, type Collective } from "../distributed/collective.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Outputs } from "../models/methods/architecture.ts";
import { FUSION } from "../models/methods/architecture.ts";
import type { MultimodalClassifier } from "../models/multimodal_classifier.ts";
import { type Context, EVALUATION } from "../nn/context.ts";
import { Parameters } from "../nn/parameters.ts";
import type { Arrays } from "../runs/run_checkpoints.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { AnsweringModel } from "./evaluation.ts";
import { writeWeights } from "./learner_state.ts";
import { chooseProducts, withPossiblePrecision } from "./precision.ts";

export class Predictor implements AnsweringModel {
  readonly gpu: Gpu;
  /** The configuration of the run, in f32 where the adapter cannot do its precision. */
  readonly config: RunConfig;
  readonly classes: number;
  readonly scale: Scale | undefined;
  readonly collective: Collective;
  readonly heads: readonly string[];
  readonly pairs: readonly (readonly [string, string])[];
  readonly model: MultimodalClassifier;
  readonly #parameters = new Parameters();

  /** The weights are zero until `writeWeights` gives some. Throws a UserError where configuration and data do not fit. */
  constructor(gpu: Gpu, config: RunConfig, data: ModelData, collective = ALONE) {
    this.gpu = gpu;
    this.collective = collective;
    this.config = withPossiblePrecision(gpu, config);
    chooseProducts(gpu, this.config);
    this.classes = data.classes.length;
    this.scale = data.scale;
    this.model = buildModel(this.#parameters.root, this.config, data);
    this.#parameters.freeze(() => true); // no gradients and no moments
    this.#parameters.allocate(gpu, 0, () => true, this.config.training.precision === "f16");
    this.heads = this.model.heads;
    this.pairs = this.model.pairs;
  }

  /** Throws a UserError, naming `source`, where the weights are not those of this model. */
  writeWeights(weights: Arrays, source: string): void {
    writeWeights(this.#parameters, weights, source);
  }

  logits(batch: Batch): Record<string, Tensor> {
    return scope(() => logitsOf(this.#forward(batch)));
  }

  representations(batch: Batch): Record<string, Tensor> {
    return scope(() => representationsOf(this.#forward(batch)));
  }

  /** Both at once: logits of every head, and representations of every encoder and of all together. */
  answer(batch: Batch): { logits: Record<string, Tensor>; representations: Record<string, Tensor> } {
    return scope(() => {
      const outputs = this.#forward(batch);
      return { logits: logitsOf(outputs), representations: representationsOf(outputs) };
    });
  }

  /**
   * What explains its answers: logits of every head, the weights of tokens by encoder (`rolloutsOf`), and `withShares` the
   * fused logits of every coalition of modalities (`coalitionLogits`), by means [width] of each.
   */
  explain(
    batch: Batch,
    withShares: boolean,
    means: ReadonlyMap<string, Float32Array<ArrayBuffer>> = new Map(),
  ): {
    logits: Record<string, Tensor>;
    rollouts: Readonly<Record<string, Tensor>>;
    coalitions?: Tensor;
  } {
    const { model } = this;
    return scope(() => {
      const inputs = model.upload(this.gpu, batch.modalities);
      const outputs = model.forward(inputs, this.#context);
      const { representations } = outputs;
      const middle = Object.fromEntries(
        Array.from(means, ([name, values]) => [name, Tensor.from(this.gpu, values, [values.length])]),
      );
      return {
        logits: logitsOf(outputs),
        rollouts: rolloutsOf(model, inputs, this.#context),
        ...(withShares &&
          { coalitions: coalitionLogits(model, { inputs, representations }, middle, this.#context) }),
      };
    });
  }

  get #context(): Context {
    return { ...EVALUATION, precision: this.config.training.precision };
  }

  #forward(batch: Batch): Outputs {
    return this.model.forward(this.model.upload(this.gpu, batch.modalities), this.#context);
  }

  /** Frees the device memory. */
  dispose(): void {
    this.#parameters.dispose();
  }
}

/** Representations by their names, that of all modalities together as "fusion": [batch, width]. */
export function representationsOf({ representations, fused }: Outputs): Record<string, Tensor> {
  return { ...representations, ...(fused && { [FUSION]: fused }) };
}

/** Logits of every head by its name, [batch, classes]. */
export function logitsOf({ unimodalLogits, fusedLogits }: Outputs): Record<string, Tensor> {
  return { ...unimodalLogits, ...(fusedLogits && { [FUSION]: fusedLogits }) };
}
