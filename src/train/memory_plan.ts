/** Finds out, before training begins, how much device memory it takes, and the micro-batch that fits. */
import type { Batch } from "../data/batch.ts";
import { DryRunGpu, type DryWork } from "../gpu/dry_run_gpu.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { UserError } from "../base/user_error.ts";
import { largestInput } from "../models/encoders/inputs.ts";
import type { MultimodalClassifier } from "../models/multimodal_classifier.ts";
import type { FlatArray } from "../nn/flat_arrays.ts";
import type { Initializer } from "../nn/initializers.ts";
import type { Parameter, ParameterOptions } from "../nn/parameter.ts";
import { Parameters } from "../nn/parameters.ts";
import { OPTIMIZERS } from "../optim/registry.ts";
import type { Shape } from "../tensor/shape.ts";
import { withOwnTape } from "../tensor/tape.ts";
import type { ModelData } from "../build/resolve_encoders.ts";
import type { RunConfig, SettledConfig } from "../config/run_config.ts";
import { taskOf } from "../config/task_config.ts";
import { declareModel, differentiate, trainingContext } from "./gradient_step.ts";
import type { MemoryPlan } from "../runs/records.ts";
import { bucketSize } from "./gradient_buckets.ts";
import { UNDER_WAY } from "./gradient_exchange.ts";
import { mixingOf } from "./micro_batches.ts";
import { weighsSamples } from "./sample_weights.ts";
import { wireBytes, type WireName } from "./wires.ts";

const GIB = 2 ** 30;

/** The share of the limit that "auto" plans with. What is not planned takes the rest: driver, operand textures, reads. */
const USABLE = 0.8;

/** The memory that differentiating one micro-batch takes. */
export interface MicroBatchPlan {
  readonly memory: MemoryPlan;
  readonly work: DryWork;
}

/** Names and shapes as they will be; their first values are never drawn. */
class UndrawnParameters extends Parameters {
  override declare(name: string, shape: Shape, _: Initializer, options?: ParameterOptions): Parameter {
    return super.declare(name, shape, () => {}, options);
  }
}

/** Runs micro-batches of a configuration, as full as samples can be, on a device that only counts. */
class Planner {
  readonly #counting: DryRunGpu;
  readonly #config: RunConfig;
  readonly #data: ModelData;
  readonly #model: MultimodalClassifier;
  readonly #parameters = new UndrawnParameters();
  readonly #standing: number;
  readonly #ranks: number;

  constructor(gpu: Gpu, config: RunConfig, data: ModelData, ranks: number) {
    this.#ranks = ranks;
    this.#counting = new DryRunGpu(gpu);
    this.#config = config;
    this.#data = data;
    const weights = config.training.class_weights === "none" ? undefined : data.classes.map(() => 1);
    this.#model = declareModel(this.#parameters, config, data, weights);
    this.#parameters.allocate(this.#counting.gpu, 0, undefined, config.training.precision === "f16");
    this.#standing = this.#counting.memory.live;
  }

  /** Peaks only rise, so ask for small micro-batches first. Throws RangeError for one beyond the adapter's limits. */
  plan(microBatch: number): MicroBatchPlan {
    const { gpu } = this.#counting;
    gpu.trim();
    this.#counting.work = { operations: 0, bytes: 0 };
    const batch = fullBatch(this.#data, microBatch, this.#config);
    const context = trainingContext(this.#config, 0);
    // On a tape of its own, so that nothing is left recorded where the limits end it halfway.
    withOwnTape(() => differentiate(gpu, this.#model, batch, context, 1));
    const { arrays, frozenArrays } = this.#parameters;
    const learned = bytesOf(arrays);
    const { name, ema_decay } = this.#config.optimizer;
    const moments = OPTIMIZERS[name].moments * learned;
    const average = ema_decay > 0 ? learned : 0;
    const exchange = exchangeBytes(arrays, this.#config.training.wire, this.#ranks);
    const memory = {
      micro_batch: microBatch,
      weights: learned + bytesOf(frozenArrays) + bytesOfF16([...arrays, ...frozenArrays]),
      gradients: learned,
      moments,
      ...(average > 0 && { average }),
      ...(exchange > 0 && { exchange }),
      activations: gpu.memory.peakLive - this.#standing,
      held: gpu.memory.peakHeld + moments + average + exchange,
      largest_buffer: this.#counting.largest,
      binding_limit: gpu.limits.maxStorageBufferBindingSize,
    };
    return { memory, work: this.#counting.work };
  }
}

/** The memory that a configuration takes, of one of so many ranks. Throws a UserError for a micro-batch beyond the adapter's limits. */
export function planMemory(gpu: Gpu, config: SettledConfig, data: ModelData, ranks = 1): MemoryPlan {
  return planMicroBatch(gpu, config, data, ranks).memory;
}

/** The plan of a configuration. Throws a UserError for a micro-batch beyond the adapter's limits. */
export function planMicroBatch(gpu: Gpu, config: SettledConfig, data: ModelData, ranks = 1): MicroBatchPlan {
  const { micro_batch } = config.training;
  try {
    return new Planner(gpu, config, data, ranks).plan(micro_batch);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(
      `"training.micro_batch" of ${micro_batch} is too much for the adapter: ${error.message}; use a smaller one, or auto`,
    );
  }
}

/**
 * Settles a micro-batch of "auto": the largest part of the batch whose plan fits the memory limit and the adapter's
 * limits. The batch stays as it is. Throws a UserError where a single sample does not fit, or ranks cannot have equal shares.
 */
export function settleMicroBatch(gpu: Gpu, config: RunConfig, data: ModelData, ranks = 1): SettledConfig {
  const settled = (micro_batch: number) => ({ ...config, training: { ...config.training, micro_batch } });
  const { micro_batch, batch } = config.training;
  mustShareOut(config, ranks);
  if (micro_batch !== "auto") return settled(micro_batch);
  const limit = config.training.memory_limit ?? defaultLimit(gpu);
  const planner = new Planner(gpu, config, data, ranks);
  let best: number | undefined;
  let reason = "";
  for (let size = 1; size <= batch; size++) {
    if (batch % (size * ranks) !== 0) continue;
    try {
      const { held } = planner.plan(size).memory;
      if (held > USABLE * limit) {
        reason = `it takes ${held} bytes, and ${USABLE} of "training.memory_limit", ${limit}, may be used`;
        break;
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      reason = error.message;
      break;
    }
    best = size;
  }
  if (best === undefined) {
    throw new UserError(
      `Not even one sample at a time fits: ${reason}; try model.checkpointing=true, or freeze layers`,
    );
  }
  return settled(best);
}

/** Throws a UserError unless each rank can have as many micro-batches of a step. */
function mustShareOut({ training: { batch, micro_batch } }: RunConfig, ranks: number): void {
  const size = micro_batch === "auto" ? 1 : micro_batch;
  if (batch % (size * ranks) === 0) return;
  const multiple = micro_batch === "auto"
    ? `${ranks} ranks`
    : `${ranks} ranks times "training.micro_batch", ${size}`;
  throw new UserError(
    `"training.batch" of ${batch} must be a multiple of ${multiple}, so that ranks have equal shares of a step: change one of ` +
      "them, or start another number of ranks",
  );
}

/**
 * What "auto" may use where the configuration does not say, in bytes: WebGPU tells no adapter's memory. 4 GiB of a
 * processor's; of a GPU's, as much as its largest buffer, but 4 to 8 GiB.
 */
function defaultLimit({ adapterClass, limits }: Gpu): number {
  return adapterClass === "software" ? 4 * GIB : Math.min(Math.max(limits.maxBufferSize, 4 * GIB), 8 * GIB);
}

/** A batch of the longest samples there may be, with nothing in them, which may be weighed and mixed, or lack modalities. */
function fullBatch(data: ModelData, size: number, config: RunConfig): Batch {
  const present = config.data.missing !== "refuse" && { present: new Uint32Array(size).fill(1) };
  const modalities = Object.fromEntries(
    data.modalities.map((spec) => [spec.name, { ...largestInput(spec, size), ...present }]),
  );
  const weights = weighsSamples(config) && { weights: new Float32Array(size) };
  const mix = mixingOf(config) && { partners: new Uint32Array(size), shares: new Float32Array(size) };
  return {
    size,
    rows: new Uint32Array(size),
    labels: new Uint32Array(size),
    ...(taskOf(config.data) !== "classification" && {
      targets: new Float32Array(size * data.classes.length),
    }),
    ...weights,
    modalities,
    ...(mix && { mix }),
  };
}

/** The most that ranks exchange gradients through; nothing in one process. */
function exchangeBytes(arrays: readonly FlatArray[], wire: WireName, ranks: number): number {
  if (ranks === 1) return 0;
  const size = bucketSize(bytesOf(arrays));
  const sizes = arrays.flatMap(({ values }) =>
    Array(Math.ceil(values.size / size)).fill(Math.min(size, values.size))
  );
  const { device, staging } = wireBytes(wire, Math.max(...sizes), ranks, Math.min(UNDER_WAY, sizes.length));
  return device + staging;
}

function bytesOf(arrays: readonly FlatArray[]): number {
  return arrays.reduce((sum, { values }) => sum + values.bytes, 0);
}

function bytesOfF16(arrays: readonly FlatArray[]): number {
  return arrays.reduce((sum, { half }) => sum + (half?.bytes ?? 0), 0);
}
