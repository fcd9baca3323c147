/** Ranks train as one process does: to the same losses and weights, and from and to the same checkpoints. */
import assert from "node:assert/strict";
import { Interrupted } from "../../src/base/interrupt.ts";
import { type RunConfig, type SettledConfig, withSettings } from "../../src/config/run_config.ts";
import { ALONE, type Collective } from "../../src/distributed/collective.ts";
import { FollowedRun } from "../../src/runs/followed_run.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { evaluateBest } from "../../src/train/evaluate_best.ts";
import { predict } from "../../src/train/evaluation.ts";
import { Learner } from "../../src/train/learner.ts";
import { microBatches } from "../../src/train/micro_batches.ts";
import { train } from "../../src/train/trainer.ts";
import { openTestGpu } from "../open_gpu.ts";
import { silent, tinyConfig, tinyData, watched } from "../train/tiny.ts";
import { largestDifference, type Weights } from "../train/trained.ts";
import { asRanks } from "./in_process.ts";

const gpu = await openTestGpu();
// Steps of 16, 16 and 10 samples: the last has three micro-batches, of which not each of four ranks has one.
const data = tinyData({ train: 42, validation: 20, test: 9 });
const config = tinyConfig(
  "training.micro_batch=4",
  "training.batch=16",
  "training.evaluation_batch=8",
  "training.epochs=2",
);

/** Trains and tests as one of the ranks; the last is told to stop when the batch `stopAt` of its own is made. */
async function work(run: RunFolder, collective: Collective = ALONE, stopAt?: number) {
  const stop = new AbortController();
  const isLast = collective.rank === collective.size - 1;
  const seen = watched(data, (made) => isLast && made === stopAt && stop.abort());
  const learner = new Learner(gpu, run.config, seen, collective);
  try {
    await train({ learner, data: seen, run, observer: silent(), signal: stop.signal });
    await collective.gather(null, "the best weights");
    const { evaluation } = await evaluateBest({ model: learner, data: seen, run }, "test");
    return { evaluation, weights: await learner.readWeights() };
  } finally {
    learner.dispose();
  }
}

/** What is made of a configuration by so many ranks, of which each ends with the same; by others after one was told to stop. */
async function madeBy(ranks: number, config: RunConfig, stopAt?: number, others = ranks) {
  const folder = Deno.makeTempDirSync();
  const first = RunFolder.create(folder, config);
  const runOf = ({ rank }: Collective) => rank === 0 ? first : FollowedRun.of(folder, config);
  try {
    if (stopAt !== undefined) {
      await assert.rejects(asRanks(ranks, (one) => work(runOf(one), one, stopAt)), Interrupted);
    }
    const [made, ...same] = await asRanks(others, (one) => work(runOf(one), one));
    for (const { weights, evaluation } of same) {
      assert.equal(largestDifference(weights, made!.weights), 0);
      assert.deepEqual(evaluation, made!.evaluation);
    }
    return { ...made!, records: first.records(), last: first.checkpoints.loadLast()! };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

type Made = Awaited<ReturnType<typeof madeBy>>;

/** Without the biases of keys: their gradients are zero but for rounding, of which Adam makes whole steps. */
const told = (weights: Weights) => new Map([...weights].filter(([name]) => !name.endsWith("key.bias")));

function mustBeNear(found: Made, expected: Made): void {
  const losses = ({ records }: Made) =>
    records.flatMap(({ training_loss, validation_loss, training_loss_within_epoch: within }) => [
      ...Object.values(training_loss),
      ...Object.values(validation_loss!),
      ...within!,
    ]);
  const others = losses(expected);
  losses(found).forEach((loss, i) => assert.ok(Math.abs(loss - others[i]!) < 1e-5, `${loss}, ${others[i]}`));
  const noise = ({ last }: Made) => [...last.optimizer.get("gradient_noise")?.data ?? []];
  const otherNoise = noise(expected);
  noise(found).forEach((value, i) =>
    assert.ok(
      Math.abs(value - otherNoise[i]!) <= 1e-3 * Math.abs(otherNoise[i]!),
      `${value}, ${otherNoise[i]}`,
    )
  );
  const difference = largestDifference(told(found.last.weights), told(expected.last.weights));
  assert.ok(difference < 1e-4, `weights differ by ${difference}`);
  const exact = ({ records, evaluation, last: { state } }: Made) => ({
    records: records.map((
      { epoch, step, training_accuracy, validation_accuracy, learning_rates, pairs },
    ) => [epoch, step, training_accuracy, validation_accuracy, learning_rates, pairs]),
    test: [evaluation.samples, evaluation.accuracy],
    state: [state.epoch, state.step, state.batch, state.best?.epoch],
  });
  assert.deepEqual(exact(found), exact(expected));
}

/** All that is the same to the bit in two runs but for times, those of records included. */
const lasting = ({ records, evaluation, last: { weights, optimizer } }: Made) => ({
  records: records.map(({ seconds: _, input_wait_seconds: __, ...record }) => record),
  evaluation,
  arrays: [...weights, ...optimizer].map(([name, { shape, data }]) => [name, shape, ...data]),
});

const kinds: Record<string, { settings: readonly string[]; ranks: number }> = {
  "f32": { settings: ["training.gradient_noise=2"], ranks: 4 },
  // The 22 micro-batches of two epochs make steps of four, of which one has some of both; statistics move with each of them.
  "steps across epochs, batch norm": {
    settings: [
      "semantics.steps_across_epochs=true",
      "semantics.summed_accumulation=true",
      "training.processes=2",
      "optimizer.max_gradient_norm=0.5",
      "optimizer.ema_decay=0.9",
      "training.class_weights=balanced",
      "method=mt-mml",
      'model.encoders.image={"model_type":"resnet","embedding_size":4,"hidden_sizes":[4],"depths":[1],"layer_type":"basic"}',
    ],
    ranks: 2,
  },
  // Texts alone: loss scale and skipped steps are the same whatever the encoders.
  ...(gpu.features.has("shader-f16") && {
    "f16": { settings: ["training.precision=f16", "method=text"], ranks: 4 },
  }),
};
for (const [kind, { settings, ranks }] of Object.entries(kinds)) {
  Deno.test(`${ranks} ranks make what one process makes: ${kind}`, async () => {
    const own = withSettings(config, [...settings]);
    const alone = await madeBy(1, own);
    const together = await madeBy(ranks, own);
    mustBeNear(together, alone);
    const isAcross = own.semantics.steps_across_epochs;
    // The last rank is told to stop within an epoch, or in the validation at its end, where a step is under way.
    const stopAt = isAcross ? 5 : 1;
    assert.deepEqual(lasting(await madeBy(ranks, own, stopAt)), lasting(together));
    if (isAcross) mustBeNear(await madeBy(2, own, stopAt, 4), alone);
  });
}

Deno.test("each micro-batch is of one rank, and ranks have runs of those of a step", async () => {
  const ranksOf = async (ranks: number, { across = config, epoch = 0, skipped = 0 } = {}) => {
    const config = across as SettledConfig;
    const shares = await Promise.all(Array.from({ length: ranks }, async (_, rank) => {
      const own: string[] = [];
      const place = { rank, size: ranks };
      for await (const { batch, endsShare } of microBatches(data, config, 42, epoch, skipped, place)) {
        own.push(batch === undefined ? "" : `${rank}${endsShare ? "." : ""}`);
      }
      return own;
    }));
    return shares[0]!.map((_, i) => shares.flatMap((own) => own[i] || []).join("&")).join(" ");
  };
  // A dot is where gradients are exchanged within the backward pass.
  assert.equal(await ranksOf(1), "0 0 0 0. 0 0 0 0. 0 0 0.");
  assert.equal(await ranksOf(2), "0 0. 1 1. 0 0. 1 1. 0 0. 1.");
  assert.equal(await ranksOf(4), "0. 1. 2. 3. 0. 1. 2. 3. 0. 1. 2.");
  assert.equal(await ranksOf(2, { skipped: 3 }), "1. 0 0. 1 1. 0 0. 1.");
  // The last step of an epoch goes on into the next, where its gradients may be saved in between.
  const across = withSettings(config, ["semantics.steps_across_epochs=true"]);
  assert.equal(await ranksOf(2, { across }), "0 0. 1 1. 0 0. 1 1. 0 0 1");
  assert.equal(await ranksOf(2, { across, epoch: 1 }), "1. 0 0. 1 1. 0 0. 1 1. 0 0");
});

Deno.test("of a split that ranks answer, each reads its own batches, and has the answers of all", async () => {
  const answered = (ranks: number) =>
    asRanks(ranks, async (one) => {
      let made = 0;
      const learner = new Learner(gpu, config, data, one);
      const predictions = await predict(learner, watched(data, () => made++), "validation");
      learner.dispose();
      return { made, predictions };
    });
  const [{ predictions }] = await answered(1) as [Awaited<ReturnType<typeof answered>>[0]];
  // Three batches, of 8, 8 and 4 samples.
  for (const [ranks, expected] of [[1, [3]], [2, [2, 1]], [4, [1, 1, 1, 0]]] as const) {
    const found = await answered(ranks);
    assert.deepEqual(found.map(({ made }) => made), expected);
    for (const one of found) assert.deepEqual(one.predictions, predictions);
  }
});

Deno.test("ranks must have equal shares of a step", () => {
  const three = { ...ALONE, size: 3 };
  assert.throws(
    () => new Learner(gpu, config, data, three),
    /^UserError: "training.batch" of 16 must be a multiple of 3 ranks times "training.micro_batch", 4, so that ranks/,
  );
  const auto = withSettings(config, ["training.micro_batch=auto"]);
  assert.throws(() => new Learner(gpu, auto, data, three), /^UserError: .* a multiple of 3 ranks, so that/);
  const two = new Learner(gpu, auto, data, { ...ALONE, size: 2 });
  assert.equal(two.config.training.micro_batch, 8); // half of a step, though all of it would fit
  two.dispose();
});
