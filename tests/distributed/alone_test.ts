/** What training by ranks costs one process: nothing. */
import assert from "node:assert/strict";
import type { SettledConfig } from "../../src/config/run_config.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import {
  declareModel,
  differentiate,
  trainingContext,
  trainingMoment,
} from "../../src/train/gradient_step.ts";
import { Learner } from "../../src/train/learner.ts";
import { boundsOf, makeOptimizer, rateFactorAt, ratesByPart } from "../../src/train/make_optimizer.ts";
import { type MicroBatch, microBatches, stepsIn } from "../../src/train/micro_batches.ts";
import { TrainingMetrics } from "../../src/train/training_metrics.ts";
import { CLASSES } from "../backend.ts";
import { openTestGpu } from "../open_gpu.ts";
import { tinyConfig, tinyData } from "../train/tiny.ts";

const gpu = await openTestGpu();
const SAMPLES = 42;
const data = tinyData({ train: SAMPLES, validation: 3, test: 3 });
const config = tinyConfig("training.micro_batch=4", "training.batch=16") as SettledConfig;

/** What a step does without all that ranks are for: the parts of a learner, used one after the other. */
function byHand() {
  const parameters = new Parameters();
  const model = declareModel(parameters, config, data);
  parameters.allocate(gpu, config.seed);
  const stepsOf = (epochs: number) => stepsIn(epochs, SAMPLES, config);
  const optimizer = makeOptimizer(parameters, config, { rates: ratesByPart(parameters, config), stepsOf });
  const measures = new TrainingMetrics(gpu, model);
  const steps = stepsOf(config.training.epochs);
  return {
    take({ batch, weight, number, stretch }: MicroBatch) {
      const context = trainingContext(config, number);
      differentiate(gpu, model, batch!, context, weight, {
        measure: (losses) => measures.add(losses, batch!.size, stretch),
        moment: trainingMoment(config, number, SAMPLES, context),
      });
    },
    step(step: number) {
      const rateFactor = rateFactorAt(config.optimizer, step, steps);
      optimizer.step({ rateFactor, ...boundsOf(config.optimizer) });
      parameters.zeroGrad();
    },
    weights: () => parameters.read(),
    dispose: () => [measures, optimizer, parameters].forEach((part) => part.dispose()),
  };
}

/** A learner of one process, as the loop of training uses it. */
function byLearner() {
  const learner = new Learner(gpu, config, data);
  return {
    async take(microBatch: MicroBatch) {
      learner.accumulate(microBatch.batch, microBatch.weight, microBatch.number, { ...microBatch });
      await learner.rankSums?.exchange(0, microBatch);
    },
    step: (step: number) => learner.step(step),
    weights: async () => new Map(Array.from(await learner.readWeights(), ([name, { data }]) => [name, data])),
    dispose: () => learner.dispose(),
  };
}

/** What the device was asked for in an epoch, and the weights after it. */
async function epochOf(make: typeof byHand | typeof byLearner) {
  const own = make();
  const { submit, writeBuffer } = CLASSES.GPUQueue.prototype;
  const { mapAsync } = CLASSES.GPUBuffer.prototype;
  const asked = { dispatches: -gpu.dispatches, submissions: 0, writes: 0, reads: 0 };
  const counting = <This, Given extends unknown[], T>(
    what: "submissions" | "writes" | "reads",
    call: (this: This, ...given: Given) => T,
  ) =>
    function (this: This, ...given: Given): T {
      asked[what]++;
      return call.apply(this, given);
    };
  CLASSES.GPUQueue.prototype.submit = counting("submissions", submit);
  CLASSES.GPUQueue.prototype.writeBuffer = counting("writes", writeBuffer) as typeof writeBuffer;
  CLASSES.GPUBuffer.prototype.mapAsync = counting("reads", mapAsync);
  try {
    let step = 0;
    for await (const microBatch of microBatches(data, config, SAMPLES, 0)) {
      await own.take(microBatch);
      if (!microBatch.endsStep) continue;
      own.step(step++);
      gpu.flush();
    }
  } finally {
    Object.assign(CLASSES.GPUQueue.prototype, { submit, writeBuffer });
    CLASSES.GPUBuffer.prototype.mapAsync = mapAsync;
  }
  asked.dispatches += gpu.dispatches;
  const weights = await own.weights();
  own.dispose();
  return { asked, weights };
}

Deno.test("one process asks its device for no more than a step takes, and trains to the same bits", async () => {
  await epochOf(byHand); // compiles, which submits more
  const [expected, found] = [await epochOf(byHand), await epochOf(byLearner)];
  const { dispatches, submissions, writes, reads } = expected.asked;
  assert.ok(dispatches > 1000 && submissions > 0 && writes > 0 && reads === 0, Deno.inspect(expected.asked));
  assert.deepEqual(found, expected);
});
