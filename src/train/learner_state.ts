/** Reads and writes the part of a learner that a checkpoint holds: weights, moments, running sums, the loss scale; all as arrays by name. */
import { UserError } from "../base/user_error.ts";
import { readArrays } from "../nn/flat_arrays.ts";
import { isAdapter } from "../nn/low_rank.ts";
import type { Parameters } from "../nn/parameters.ts";
import type { Collective } from "../distributed/collective.ts";
import type { GradientNoise } from "../optim/gradient_noise.ts";
import type { DeviceWatch } from "../ops/device_watch.ts";
import type { LossScale } from "../optim/loss_scale.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { WeightAverage } from "../optim/weight_average.ts";
import { sameShape, showShape, sizeOf } from "../tensor/shape.ts";
import { readTensors, type Tensor } from "../tensor/tensor.ts";
import type { Arrays } from "../runs/run_checkpoints.ts";
import type { Reading } from "./divergence.ts";
import type { TrainingMetrics } from "./training_metrics.ts";

/** The numbers beside arrays that going on from a checkpoint takes. */
export interface OptimizerState {
  readonly step: number;
  readonly learning_rates: Readonly<Record<string, number>>;
}

/** The parts of a learner that change while it learns. */
export interface LearnerParts {
  readonly collective: Collective;
  readonly parameters: Parameters;
  readonly optimizer: Optimizer;
  /** Where weights are averaged. */
  readonly average: WeightAverage | undefined;
  /** True where gradients have gathered, which a checkpoint then holds too. */
  readonly isWithinStep: boolean;
  readonly sums: Tensor;
  /** With precision f16. */
  readonly lossScale: LossScale | undefined;
  /** Where the noise of gradients is measured. */
  readonly noise: GradientNoise | undefined;
}

type Values = Float32Array<ArrayBuffer>;

/** The names of gradients, and of averages of weights, begin so. */
const GRAD = "grad.";
const AVERAGE = "ema.";
/** The name of the running sums. */
const SUMS = "sums";

export async function readWeights(parameters: Parameters): Promise<Arrays> {
  return shaped(parameters, await parameters.read());
}

/**
 * Overwrites all weights; where adapters are missing, as they are where they were merged, they then change nothing. Throws a
 * UserError, naming `source`, where they are not those of this model.
 */
export function writeWeights(parameters: Parameters, weights: Arrays, source: string): void {
  for (const { name, shape } of parameters.state()) {
    const own = weights.get(name);
    if (own === undefined && isAdapter(name)) {
      parameters.write(name, new Float32Array(sizeOf(shape)));
      continue;
    }
    if (own === undefined) throw new UserError(`${source} holds no "${name}": it is of another model`);
    if (!sameShape(own.shape, shape)) {
      throw new UserError(
        `${source} holds "${name}" as ${showShape(own.shape)}, the model takes ${showShape(shape)}`,
      );
    }
  }
  for (const [name, { data }] of weights) parameters.write(name, data);
}

/**
 * Moments, running sums and the loss scale, as a checkpoint holds them, and the numbers that go with them. The name of a
 * moment begins with what torch calls it, `exp_avg.`, and goes on with the parameter's.
 */
export async function readOptimizer(
  { collective, parameters, optimizer, average, isWithinStep, ...parts }: LearnerParts,
): Promise<{ arrays: Arrays; state: OptimizerState }> {
  const { step, learningRates, moments } = await optimizer.read();
  const single = singleTensors(parts);
  const values = await readTensors(single.map(([, tensor]) => tensor)) as Values[];
  const learned = isWithinStep ? [...parameters].filter(({ frozen }) => !frozen) : [];
  const grads = await readArrays(learned.map(({ grad }) => grad));
  const averages = await average?.read() ?? new Map<string, Values>();
  const arrays = new Map([
    ...Object.entries(moments).flatMap(([moment, values]) =>
      prefixed(`${moment}.`, shaped(parameters, values))
    ),
    ...prefixed(AVERAGE, shaped(parameters, averages)),
    ...learned.map(({ name, shape }, i) => [GRAD + name, { shape, data: grads[i]! }] as const),
    ...single.map(([name, { shape }], i) => [name, { shape, data: values[i]! }] as const),
  ]);
  if (collective.size > 1) {
    for (const { name, grad } of learned) await share(collective, name, grad, arrays.get(GRAD + name)!.data);
    arrays.set(SUMS, await rowsOf(collective, arrays.get(SUMS)!.data));
  }
  return { arrays, state: { step, learning_rates: learningRates } };
}

/**
 * Of gradients each rank has a part, and a checkpoint the sum, by which any number of ranks goes on. Those that made it go on as
 * others would, to the bit: the first rank with the sum, the others with nothing.
 */
async function share(collective: Collective, name: string, grad: Tensor, own: Values): Promise<void> {
  await collective.sum(own, `saving the gradient of ${name}`);
  grad.gpu.write(grad, collective.rank === 0 ? own : new Float32Array(own.length));
}

/**
 * The running sums of all ranks, each in a row of its own. They are not added up, since a rank goes on with its own, whether it has
 * saved or not: both end in the same bits.
 */
async function rowsOf(collective: Collective, own: Values) {
  const data = new Float32Array(collective.size * own.length);
  data.set(own, collective.rank * own.length);
  await collective.sum(data, "saving running sums");
  return { shape: [collective.size, own.length], data };
}

/** What a rank goes on with of the rows of those that saved: its own where they were as many, else the first has all. */
function ownSums({ rank, size }: Collective, data: Values, length: number): Values {
  if (data.length % length > 0) return data; // which is refused where it is written
  if (data.length === size * length) return data.slice(rank * length, (rank + 1) * length);
  const sums = new Float32Array(length);
  if (rank === 0) data.forEach((value, i) => sums[i % length]! += value);
  return sums;
}

/**
 * Goes on from what `readOptimizer` gave; true where that is within a step. Throws a UserError, naming `source`, where it is
 * not of this model.
 */
export function writeOptimizer(
  { collective, parameters, optimizer, average, ...parts }: LearnerParts,
  arrays: Arrays,
  { step, learning_rates }: OptimizerState,
  source: string,
): boolean {
  const dataOf = (name: string): Values => {
    const found = arrays.get(name);
    if (found === undefined) throw new UserError(`${source} holds no "${name}": it is of another model`);
    if (name === SUMS) return ownSums(collective, found.data, parts.sums.size);
    return name.startsWith(GRAD) && collective.rank > 0 ? new Float32Array(found.data.length) : found.data;
  };
  const learned = [...parameters].filter(({ frozen }) => !frozen);
  const moment = (name: string) =>
    [
      name,
      new Map(learned.map((parameter) => [parameter.name, dataOf(`${name}.${parameter.name}`)])),
    ] as const;
  try {
    const moments = Object.fromEntries(optimizer.momentNames.map(moment));
    const single = singleTensors(parts).map(([name, tensor]) => [tensor, dataOf(name)] as const);
    // A run that was cut before its first step has no average yet.
    const averages = learned.filter(({ name }) => arrays.has(AVERAGE + name));
    if (averages.length > 0) {
      average?.write(new Map(averages.map(({ name }) => [name, dataOf(AVERAGE + name)])));
    }
    optimizer.write({ step, learningRates: learning_rates, moments });
    for (const [tensor, data] of single) tensor.gpu.write(tensor, data);
    const gathered = learned.filter(({ name }) => arrays.has(GRAD + name));
    for (const { name, grad } of gathered) grad.gpu.write(grad, dataOf(GRAD + name));
    return gathered.length > 0;
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(`${source}: ${error.message}`);
    throw error;
  }
}

/** What is read of a learner now and then, by one wait for the device: each rank gets the measures of all. */
export async function readProgress(
  { collective, optimizer, lossScale, noise }: LearnerParts,
  measures: TrainingMetrics,
  watch: DeviceWatch,
): Promise<Reading> {
  optimizer.inspect();
  const products = watch.products();
  const [sums, flags, ...others] = await readTensors([
    ...[measures.sums, optimizer.finite.flags],
    ...products,
    ...[lossScale, noise].flatMap((one) => one?.state ?? []),
  ]);
  for (const product of products) product.dispose();
  const wrong = watch.difference(others.splice(0, products.length) as Values[]);
  await collective.sum(sums as Values, "the sums of the epoch");
  return {
    wrong,
    means: measures.means(sums as Values),
    notFinite: optimizer.finite.raised(flags!),
    lossScale: lossScale?.reading(others[0]!),
    gradientNoise: noise?.reading(others.at(-1)!),
  };
}

type SingleParts = Pick<LearnerParts, "sums" | "lossScale" | "noise">;

/** Tensors that stand in a checkpoint as they are. */
function singleTensors({ sums, lossScale, noise }: SingleParts): [string, Tensor][] {
  const all = { [SUMS]: sums, loss_scale: lossScale?.state, gradient_noise: noise?.state };
  return Object.entries(all).filter((entry): entry is [string, Tensor] => entry[1] !== undefined);
}

function shaped(parameters: Parameters, values: ReadonlyMap<string, Values>): Arrays {
  return new Map(Array.from(values, ([name, data]) => [name, { shape: parameters.get(name).shape, data }]));
}

function prefixed(prefix: string, arrays: Arrays) {
  return Array.from(arrays, ([name, array]) => [prefix + name, array] as const);
}
