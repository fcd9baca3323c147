/** A model with all that training it takes: parameters, optimizer, schedule, running sums. */
import type { Batch } from "../data/batch.ts";
import type { DataSet } from "../data/data_set.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { UserError } from "../io/user_error.ts";
import type { UnisMmc } from "../models/unis_mmc.ts";
import { EVALUATION } from "../nn/context.ts";
import { type Parameter, Parameters } from "../nn/parameters.ts";
import { backward } from "../ops/backward.ts";
import { countEqual } from "../ops/contrast.ts";
import { full } from "../ops/pointwise.ts";
import { Adam } from "../optim/adam.ts";
import { ReduceOnPlateau } from "../optim/plateau.ts";
import { linearWarmup } from "../optim/schedule.ts";
import { RandomKeys } from "../tensor/random.ts";
import { scope } from "../tensor/scope.ts";
import { sameShape, showShape, sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { buildModel } from "./assembly.ts";
import type { Arrays } from "./checkpoints.ts";
import type { RunConfig } from "./config.ts";
import { pairShares } from "./metrics.ts";
import type { EpochRecord, MemoryPlan, RunPlan } from "./records.ts";
import { Tally } from "./tally.ts";

/** The head on all modalities together; it comes last. */
export const FUSION = "fusion";
const HEADS = "heads";
/** Ends the names of groups of parameters that do not decay: biases, gains of norms. */
const UNDECAYED = ".vectors";

/** What of a learner, beside the weights, going on from a checkpoint takes. */
export interface OptimizerState {
  readonly step: number;
  readonly learning_rates: Readonly<Record<string, number>>;
}

export class Learner {
  readonly gpu: Gpu;
  readonly config: RunConfig;
  readonly classes: number;
  /** The modalities, then "fusion". */
  readonly heads: readonly string[];
  readonly pairs: readonly (readonly [string, string])[];
  readonly plateau: ReduceOnPlateau;
  readonly #model: UnisMmc;
  readonly #parameters = new Parameters();
  readonly #optimizer: Adam;
  readonly #tally: Tally;
  /** Bytes in use before the first step. */
  readonly #standing: number;

  /** Throws a UserError where the configuration does not fit the data. */
  constructor(gpu: Gpu, config: RunConfig, data: DataSet) {
    const { optimizer, plateau } = config;
    this.gpu = gpu;
    this.config = config;
    this.classes = data.classes.length;
    this.#model = buildModel(this.#parameters.root, config, data);
    this.#parameters.allocate(gpu, config.seed);
    const modalities = this.#model.modalities;
    this.heads = [...modalities, FUSION];
    this.pairs = modalities.flatMap((a, i) => modalities.slice(i + 1).map((b) => [a, b] as const));
    const rateOf = (part: string) =>
      part === HEADS
        ? optimizer.head_learning_rate
        : optimizer.learning_rates[part] ?? optimizer.encoder_learning_rate;
    const groups = [...modalities, HEADS].flatMap((part) => [
      [part, { learningRate: rateOf(part), weightDecay: optimizer.weight_decay }] as const,
      [part + UNDECAYED, { learningRate: rateOf(part), weightDecay: 0 }] as const,
    ]);
    this.#optimizer = new Adam(this.#parameters, {
      groups: Object.fromEntries(groups),
      groupOf: (parameter) => partOf(parameter) + (parameter.shape.length > 1 ? "" : UNDECAYED),
      betas: [optimizer.beta1, optimizer.beta2],
      epsilon: optimizer.epsilon,
    });
    this.plateau = new ReduceOnPlateau(this.#optimizer, {
      factor: plateau.factor,
      patience: plateau.patience,
      threshold: plateau.threshold,
      minimum: plateau.minimum_learning_rate,
    });
    this.#tally = new Tally(gpu, {
      samples: 1,
      "loss.total": 1,
      "loss.contrast": 1,
      ...Object.fromEntries(this.heads.flatMap((head) => [[`loss.${head}`, 1], [`right.${head}`, 1]])),
      ...Object.fromEntries(this.pairs.map((pair) => [nameOf(pair), 4])),
    });
    this.#standing = gpu.memory.live;
  }

  /** Logits of every head, [batch, classes], without dropout. */
  logits(batch: Batch): Record<string, Tensor> {
    return scope(() => {
      const outputs = this.#model.forward(this.#model.upload(this.gpu, batch.modalities), EVALUATION);
      return { ...outputs.unimodalLogits, [FUSION]: outputs.fusedLogits };
    });
  }

  /**
   * Adds `weight` times the gradient of a micro-batch's mean loss to the gradients, and its measures to the sums.
   * `number` counts all micro-batches of the run and picks the random numbers of dropout.
   */
  accumulate(batch: Batch, weight: number, number: number): void {
    const { config: { seed }, gpu } = this;
    scope(() => {
      const labels = Tensor.from(gpu, batch.labels.slice(), [batch.size]);
      const inputs = this.#model.upload(gpu, batch.modalities);
      const outputs = this.#model.forward(inputs, { keys: new RandomKeys(seed, number) });
      const losses = this.#model.losses(outputs, labels);
      const addLoss = (name: string, loss: Tensor) => this.#tally.add(`loss.${name}`, loss, batch.size);
      this.#tally.add("samples", full(gpu, [1], batch.size));
      addLoss("total", losses.total);
      if (losses.contrastive) addLoss("contrast", losses.contrastive);
      addLoss(FUSION, losses.multimodal);
      this.#tally.add(`right.${FUSION}`, countEqual(losses.fusedPrediction, labels));
      for (const name of this.#model.modalities) {
        addLoss(name, losses.unimodalOf[name]!);
        this.#tally.add(`right.${name}`, countEqual(losses.predictions[name]!, labels));
      }
      for (const { a, b, counts } of losses.pairs) this.#tally.add(nameOf([a, b]), counts);
      backward(losses.objective, full(gpu, [], weight));
    });
  }

  /** Moves the parameters by the gradients, which then start again from zero; `step` counts from 0. */
  step(step: number): void {
    this.#optimizer.step({ rateFactor: this.#warmup(step) });
    this.#parameters.zeroGrad();
  }

  /** Learning rates by part as they are in a step. */
  learningRates(step: number): Record<string, number> {
    const factor = this.#warmup(step);
    const rates = Object.entries(this.#optimizer.learningRates).filter(([group]) =>
      !group.endsWith(UNDECAYED)
    );
    return Object.fromEntries(rates.map(([group, rate]) => [group, rate * factor]));
  }

  /** Means and shares since `resetMeans`; waits for the device. */
  async means(): Promise<Pick<EpochRecord, "training_loss" | "training_accuracy" | "pairs">> {
    const sum = await this.#tally.read();
    const mean = (name: string) => sum(name)[0]! / Math.max(1, sum("samples")[0]!);
    const hasContrast = this.config.method === "unis-mmc";
    const losses = ["total", ...this.heads, ...(hasContrast ? ["contrast"] : [])];
    return {
      training_loss: Object.fromEntries(losses.map((name) => [name, mean(`loss.${name}`)])),
      training_accuracy: Object.fromEntries(this.heads.map((head) => [head, mean(`right.${head}`)])),
      pairs: Object.fromEntries(this.pairs.map((pair) => {
        const [both, onlyA, onlyB, none] = sum(nameOf(pair));
        return [nameOf(pair), pairShares([both!, onlyA!, onlyB!, none!])];
      })),
    };
  }

  resetMeans(): void {
    this.#tally.reset();
  }

  plan(data: DataSet): RunPlan {
    const parameters: Record<string, number> = {};
    for (const parameter of this.#parameters) {
      const [first, second] = parameter.name.split(".");
      const part = first === HEADS ? `${second} head` : `${first} encoder`;
      parameters[part] = (parameters[part] ?? 0) + sizeOf(parameter.shape);
    }
    const [train, validation, test] = (["train", "validation", "test"] as const).map((split) =>
      data.count(split)
    );
    return {
      adapter: this.gpu.name,
      adapter_class: this.gpu.adapterClass,
      parameters,
      samples: { train: train!, validation: validation!, test: test! },
      classes: this.classes,
    };
  }

  /** Means something after the first step and before any evaluation. */
  memoryPlan(): MemoryPlan {
    const sizes = this.#parameters.arrays.map(({ values }) => values.bytes);
    const weights = sizes.reduce((sum, bytes) => sum + bytes, 0);
    return {
      weights,
      gradients: weights,
      moments: 2 * weights,
      activations: this.gpu.memory.peakLive - this.#standing,
      largest_array: Math.max(...sizes),
      binding_limit: this.gpu.limits.maxStorageBufferBindingSize,
    };
  }

  async readWeights(): Promise<Arrays> {
    return this.#shaped(await this.#parameters.read());
  }

  /** Overwrites all weights. Throws a UserError, naming `source`, where they are not those of this model. */
  writeWeights(weights: Arrays, source: string): void {
    for (const { name, shape } of this.#parameters) {
      const own = weights.get(name);
      if (own === undefined) throw new UserError(`${source} holds no "${name}": it is of another model`);
      if (!sameShape(own.shape, shape)) {
        throw new UserError(
          `${source} holds "${name}" as ${showShape(own.shape)}, the model takes ${showShape(shape)}`,
        );
      }
    }
    for (const [name, { data }] of weights) this.#parameters.write(name, data);
  }

  /** Moments and running sums, as a checkpoint holds them, and the numbers that go with them. */
  async readOptimizer(): Promise<{ arrays: Arrays; state: OptimizerState }> {
    const { step, learningRates, first, second } = await this.#optimizer.read();
    const arrays = new Map([
      ...prefixed("first.", this.#shaped(first)),
      ...prefixed("second.", this.#shaped(second)),
    ]);
    const { sums } = this.#tally;
    arrays.set("sums", { shape: sums.shape, data: await sums.read() as Float32Array<ArrayBuffer> });
    return { arrays, state: { step, learning_rates: learningRates } };
  }

  /** Goes on from what `readOptimizer` gave. Throws a UserError, naming `source`, where it is not of this model. */
  writeOptimizer(arrays: Arrays, { step, learning_rates }: OptimizerState, source: string): void {
    const moments = (part: string) =>
      new Map(
        [...this.#parameters].map(({ name }) => [name, this.#dataOf(arrays, `${part}.${name}`, source)]),
      );
    const sums = this.#dataOf(arrays, "sums", source);
    try {
      this.#optimizer.write({
        step,
        learningRates: learning_rates,
        first: moments("first"),
        second: moments("second"),
      });
      this.gpu.write(this.#tally.sums, sums);
    } catch (error) {
      if (error instanceof RangeError) throw new UserError(`${source}: ${error.message}`);
      throw error;
    }
  }

  /** Frees the device memory. */
  dispose(): void {
    this.#tally.dispose();
    this.#optimizer.dispose();
    this.#parameters.dispose();
  }

  #warmup(step: number): number {
    return linearWarmup(step, this.config.optimizer.warmup_steps);
  }

  #shaped(values: ReadonlyMap<string, Float32Array<ArrayBuffer>>): Arrays {
    return new Map(
      Array.from(values, ([name, data]) => [name, { shape: this.#parameters.get(name).shape, data }]),
    );
  }

  #dataOf(arrays: Arrays, name: string, source: string): Float32Array<ArrayBuffer> {
    const found = arrays.get(name);
    if (found === undefined) throw new UserError(`${source} holds no "${name}": it is of another model`);
    return found.data;
  }
}

/** The modality, or "heads". */
function partOf({ name }: Parameter): string {
  return name.slice(0, name.indexOf("."));
}

function nameOf([a, b]: readonly [string, string]): string {
  return `${a}-${b}`;
}

function* prefixed(
  prefix: string,
  arrays: Arrays,
): Generator<[string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }]> {
  for (const [name, array] of arrays) yield [prefix + name, array];
}
