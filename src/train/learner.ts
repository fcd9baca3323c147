/** A model with all that training it takes: parameters, optimizer, schedule, running sums. */
import type { Batch } from "../data/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { loadEncoderWeights } from "../build/hf_weights.ts";
import type { TensorFile } from "../io/safetensors.ts";
import type { Outputs } from "../models/methods/architecture.ts";
import { CLASS_DISTANCES } from "../models/methods/huse.ts";
import type { Losses } from "../models/methods/compute_losses.ts";
import type { MultimodalClassifier } from "../models/multimodal_classifier.ts";
import type { AnsweringModel } from "./evaluation.ts";
import { mustBeTrainable } from "./trainable.ts";
import { EVALUATION } from "../nn/context.ts";
import { isAdapter } from "../nn/low_rank.ts";
import { Parameters } from "../nn/parameters.ts";
import { ALONE, type Collective } from "../distributed/collective.ts";
import { DeviceWatch } from "../ops/device_watch.ts";
import { GradientNoise } from "../optim/gradient_noise.ts";
import { LossScale } from "../optim/loss_scale.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { WeightAverage } from "../optim/weight_average.ts";
import type { ReduceOnPlateau } from "../optim/plateau.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { classWeightsOf } from "../build/class_weights.ts";
import type { Arrays } from "../runs/run_checkpoints.ts";
import { namedEncoders } from "../config/encoder_config.ts";
import { isPretrained, type RunConfig, type SettledConfig } from "../config/run_config.ts";
import { declareModel, differentiate, trainingContext, trainingMoment } from "./gradient_step.ts";
import {
  type LearnerParts,
  type OptimizerState,
  readOptimizer,
  readProgress,
  readWeights,
  writeOptimizer,
  writeWeights,
} from "./learner_state.ts";
import { stepsIn, trainingSamplesOf } from "./micro_batches.ts";
import { RankSums } from "./rank_sums.ts";
import { TrainingMetrics } from "./training_metrics.ts";
import { settleMicroBatch } from "./memory_plan.ts";
import { chooseProducts, mustHavePrecision } from "./precision.ts";
import { keptWeights } from "./kept_weights.ts";
import { logitsOf, representationsOf } from "./predictor.ts";
import { boundsOf, makeOptimizer, makePlateau, rateFactorAt, ratesByPart } from "./make_optimizer.ts";
import { partOf } from "./model_parts.ts";
import type { Reading } from "./divergence.ts";
import type { RunSummary } from "../runs/records.ts";
import { summarise } from "./run_summary.ts";

export class Learner implements AnsweringModel {
  readonly gpu: Gpu;
  /** The processes that train this model together, and what they add up where there are several. */
  readonly collective: Collective;
  readonly rankSums: RankSums | undefined;
  /** The configuration that was given, with its micro-batch settled. */
  readonly config: SettledConfig;
  readonly classes: number;
  readonly scale: Dataset["scale"];
  /** The modalities, then "fusion"; or the single modality. */
  readonly heads: readonly string[];
  /** The last of `heads`: what it gets right decides which epoch is best. */
  readonly mainHead: string;
  /** Samples of an epoch. */
  readonly trainingSamples: number;
  readonly pairs: readonly (readonly [string, string])[];
  readonly plateau: ReduceOnPlateau;
  readonly #model: MultimodalClassifier;
  readonly #parameters = new Parameters();
  readonly #optimizer: Optimizer;
  /** Where weights are averaged over the steps. */
  readonly #average: WeightAverage | undefined;
  /** The parts whose rates are told. */
  readonly #parts: readonly string[];
  /** With precision f16. */
  readonly #lossScale: LossScale | undefined;
  /** Where it is measured. */
  readonly #noise: GradientNoise | undefined;
  readonly #measures: TrainingMetrics;
  readonly #watch: DeviceWatch;
  /** Optimizer steps from the first to the last epoch. */
  readonly #steps: number;
  /** Gradients have gathered since the last step. */
  #isWithinStep = false;
  /** Bytes in use before the first step. */
  readonly #standing: number;

  /**
   * Throws a UserError where the configuration does not fit the data. Pretrained encoders have weights of zero until
   * `loadEncoder` or `writeWeights` gives them some.
   */
  constructor(gpu: Gpu, config: RunConfig, data: Dataset, collective: Collective = ALONE) {
    const { training } = config;
    mustHavePrecision(gpu, config);
    chooseProducts(gpu, config);
    this.gpu = gpu;
    this.collective = collective;
    this.config = settleMicroBatch(gpu, config, data, collective.size);
    this.trainingSamples = trainingSamplesOf(this.config, data);
    const stepsOf = (epochs: number) => stepsIn(epochs, this.trainingSamples, this.config);
    this.#steps = stepsOf(training.epochs);
    this.classes = data.classes.length;
    this.scale = data.scale;
    this.#model = declareModel(this.#parameters, config, data, classWeightsOf(config, data));
    this.#parameters.allocate(
      gpu,
      config.seed,
      (name) => isPretrained(config, partOf(name)) && !isAdapter(name),
      training.precision === "f16",
    );
    this.heads = this.#model.heads;
    this.mainHead = this.heads.at(-1)!;
    this.pairs = this.#model.pairs;
    const rates = ratesByPart(this.#parameters, config);
    this.#parts = Object.keys(rates);
    this.#optimizer = makeOptimizer(this.#parameters, config, { rates, stepsOf });
    const { ema_decay } = config.optimizer;
    this.#average = ema_decay > 0 ? new WeightAverage(this.#parameters, ema_decay) : undefined;
    this.#lossScale = training.precision === "f16" ? new LossScale(gpu) : undefined;
    const { gradient_noise } = training;
    if (gradient_noise > 0) this.#noise = new GradientNoise(this.#optimizer, gradient_noise, this.#lossScale);
    if (collective.size > 1) this.rankSums = new RankSums(collective, this.#parameters, training.wire);
    this.plateau = makePlateau(this.#optimizer, config);
    this.#measures = new TrainingMetrics(gpu, this.#model);
    this.#watch = new DeviceWatch(gpu, training.precision);
    this.#standing = gpu.memory.live;
  }

  /** Throws a UserError where the data or the steps are not enough to train by this configuration. */
  mustBeTrainable(data: Dataset): void {
    mustBeTrainable(this.config, data, this.trainingSamples, this.#steps);
  }

  /** Gives the encoder of a modality the weights of a checkpoint; throws a UserError where they do not fit. */
  async loadEncoder(
    modality: string,
    checkpoint: TensorFile,
    warn: (message: string) => void,
  ): Promise<void> {
    const { type } = namedEncoders(this.config.model.encoders).find(({ name }) => name === modality)!;
    await loadEncoderWeights(this.#parameters, modality, checkpoint, type, { warn });
  }

  /** Overwrites how far apart classes are, [classes, classes], for a method that has a buffer of it. */
  writeClassDistances(distances: Float32Array<ArrayBuffer>): void {
    this.#parameters.write(`heads.${CLASS_DISTANCES}`, distances);
  }

  /** Logits of every head, [batch, classes], without dropout. */
  logits(batch: Batch): Record<string, Tensor> {
    return scope(() => logitsOf(this.#forward(batch)));
  }

  /** Representations of every modality and of all together, [batch, width], without dropout. */
  representations(batch: Batch): Record<string, Tensor> {
    return scope(() => representationsOf(this.#forward(batch)));
  }

  #forward(batch: Batch): Outputs {
    const { precision } = this.config.training;
    const inputs = this.#model.upload(this.gpu, batch.modalities);
    return this.#model.forward(inputs, { ...EVALUATION, precision });
  }

  /**
   * Adds `weight` times the gradient of a micro-batch's mean loss to the gradients, and its measures to the sums.
   * `number` counts all micro-batches of the run and picks the random numbers of dropout, where there is any; `stretch` is
   * that of the epoch it lies in. A batch that is undefined is another rank's; the last of its own in a step `endsShare`.
   */
  accumulate(
    batch: Batch | undefined,
    weight: number,
    number: number,
    { withDropout = true, stretch = 0, size = batch?.size ?? 0, endsShare = false } = {},
  ): void {
    this.rankSums?.count(batch !== undefined);
    const added = { weight, size, isFirst: !this.#isWithinStep };
    this.#isWithinStep = true;
    if (batch !== undefined) {
      const context = trainingContext(this.config, number, withDropout);
      const measure = (losses: Losses) => this.#measures.add(losses, size, stretch);
      const moment = trainingMoment(this.config, number, this.trainingSamples, context);
      // The noise is measured by this rank's own gradient, which must still be there after the backward pass.
      const watch = endsShare && !this.#noise?.isDue ? this.rankSums?.watch() : undefined;
      const lossScale = this.#lossScale;
      differentiate(this.gpu, this.#model, batch, context, weight, { measure, lossScale, moment, watch });
    }
    this.#noise?.add(added);
  }

  /**
   * Moves the parameters by the gradients, which then start again from zero; `step` counts from 0. Gradients are `inspected`
   * for the `read` that follows; in between, one that is not finite shows in the moments, where it stays.
   */
  step(step: number, inspected = false): void {
    const lossScale = this.#lossScale;
    this.#noise?.measure();
    this.#optimizer.step({
      rateFactor: this.#rateFactor(step),
      ...boundsOf(this.config.optimizer),
      ...(lossScale && { lossScale }),
      inspected,
    });
    this.#average?.update();
    this.#parameters.zeroGrad();
    this.#isWithinStep = false;
  }

  /** Runs `body` with the average of the weights in their place, where they are averaged. */
  async withAverage<T>(body: () => Promise<T>): Promise<T> {
    this.#average?.exchange();
    try {
      return await body();
    } finally {
      this.#average?.exchange();
    }
  }

  /** What is to be kept of the weights that `readWeights` gave: their average, where there is one, with adapters merged. */
  async kept(weights: Arrays): Promise<Arrays> {
    return keptWeights(weights, await this.#average?.read(), this.config.model.lora);
  }

  /** Learning rates by part as they are in a step. */
  learningRates(step: number): Record<string, number> {
    const factor = this.#rateFactor(step);
    const rates = this.#optimizer.learningRates;
    return Object.fromEntries(this.#parts.map((part) => [part, rates[part]! * factor]));
  }

  /** Means and shares since `resetMeans`, whether the model is finite and the device right; all by one wait for it. */
  read(): Promise<Reading> {
    return readProgress(this.#state, this.#measures, this.#watch);
  }

  resetMeans(): void {
    this.#measures.reset();
  }

  plan(data: Dataset): RunSummary {
    return summarise(this.gpu, this.#parameters, this.config, data, this.collective.size);
  }

  get encoders(): readonly string[] {
    return Object.keys(this.#model.encoders);
  }

  /** Bytes of activations at the peak; of training as long as nothing has been evaluated. */
  get peakActivations(): number {
    return this.gpu.memory.peakLive - this.#standing;
  }

  readWeights(): Promise<Arrays> {
    return readWeights(this.#parameters);
  }

  /** Overwrites all weights. Throws a UserError, naming `source`, where they are not those of this model. */
  writeWeights(weights: Arrays, source: string): void {
    writeWeights(this.#parameters, weights, source);
  }

  /** All else that a checkpoint holds, and the numbers that go with it. */
  readOptimizer(): Promise<{ arrays: Arrays; state: OptimizerState }> {
    return readOptimizer(this.#state);
  }

  /** Goes on from what `readOptimizer` gave. Throws a UserError, naming `source`, where it is not of this model. */
  writeOptimizer(arrays: Arrays, state: OptimizerState, source: string): void {
    this.#isWithinStep = writeOptimizer(this.#state, arrays, state, source);
  }

  /** Frees the device memory. */
  dispose(): void {
    this.#measures.dispose();
    this.#optimizer.dispose();
    this.#average?.dispose();
    this.#lossScale?.dispose();
    this.#noise?.dispose();
    this.rankSums?.dispose();
    this.#parameters.dispose();
  }

  #rateFactor(step: number): number {
    return rateFactorAt(this.config.optimizer, step, this.#steps);
  }

  get #state(): LearnerParts {
    return {
      collective: this.collective,
      parameters: this.#parameters,
      optimizer: this.#optimizer,
      average: this.#average,
      isWithinStep: this.#isWithinStep,
      sums: this.#measures.sums,
      lossScale: this.#lossScale,
      noise: this.#noise,
    };
  }
}
