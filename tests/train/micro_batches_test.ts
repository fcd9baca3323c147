/** The micro-batches of an epoch: which end a step, what each weighs in it, and how they are counted. */
import assert from "node:assert/strict";
import type { SettledConfig } from "../../src/config/run_config.ts";
import { type MicroBatch, microBatches, stepsIn } from "../../src/train/micro_batches.ts";
import { tinyConfig, tinyData, watched } from "./tiny.ts";

async function epochOf(samples: number, settings: readonly string[], epoch = 0, skipped = 0) {
  const data = tinyData({ train: samples, validation: 3, test: 3 });
  const config = tinyConfig(...settings) as SettledConfig;
  const all: MicroBatch[] = [];
  for await (const one of microBatches(data, config, samples, epoch, skipped)) all.push(one);
  return all;
}

const sized = (size: number, step: number) => [`training.micro_batch=${size}`, `training.batch=${step}`];

// Of each micro-batch its size over that of its step; a step ends where a line does.
const epochs: readonly { samples: number; size: number; step: number; steps: readonly string[] }[] = [
  { samples: 8, size: 4, step: 8, steps: ["4/8 4/8"] },
  { samples: 9, size: 4, step: 8, steps: ["4/8 4/8", "1/1"] },
  { samples: 11, size: 2, step: 4, steps: ["2/4 2/4", "2/4 2/4", "2/3 1/3"] },
  { samples: 3, size: 4, step: 8, steps: ["3/3"] },
  { samples: 5, size: 1, step: 2, steps: ["1/2 1/2", "1/2 1/2", "1/1"] },
  { samples: 6, size: 3, step: 3, steps: ["3/3", "3/3"] },
];
for (const { samples, size, step, steps } of epochs) {
  Deno.test(`${samples} samples in micro-batches of ${size} make steps of ${step}: ${steps.join(", ")}`, async () => {
    const expected = steps.flatMap((line) =>
      line.split(" ").map((share, i, all) => {
        const [own, whole] = share.split("/").map(Number) as [number, number];
        return { size: own, weight: own / whole, endsStep: i === all.length - 1 };
      })
    );
    for (const epoch of [0, 3]) {
      const found = await epochOf(samples, sized(size, step), epoch);
      assert.deepEqual(
        found.map(({ batch, weight, endsStep }) => ({ size: batch!.size, weight, endsStep })),
        expected,
      );
      assert.deepEqual(found.map(({ done }) => done), expected.map((_, i) => i + 1));
      assert.deepEqual(
        found.map(({ number }) => number),
        expected.map((_, i) => epoch * expected.length + i),
      );
    }
  });
}

Deno.test("as published a step that an epoch leaves unfinished goes on in the next", async () => {
  const settings = [...sized(2, 8), "semantics.steps_across_epochs=true"];
  const ends = async (epoch: number) => (await epochOf(11, settings, epoch)).map(({ endsStep }) => endsStep);
  const of = await Promise.all([0, 1].map(ends)); // six micro-batches an epoch, four a step
  assert.deepEqual(of.flat().map((end, i) => end ? i : -1).filter((i) => i >= 0), [3, 7, 11]);
  const weights = (await epochOf(11, settings)).map(({ weight }) => weight);
  assert.deepEqual(weights, [0.25, 0.25, 0.25, 0.25, 0.25, 0.125]);
  const config = tinyConfig(...settings) as SettledConfig;
  assert.deepEqual([1, 2, 3].map((epochs) => stepsIn(epochs, 11, config)), [1, 3, 4]);
  assert.deepEqual(
    [1, 2, 3].map((epochs) => stepsIn(epochs, 11, tinyConfig(...sized(2, 8)) as SettledConfig)),
    [2, 4, 6],
  );
});

Deno.test("weighed samples count 1 on average over the samples of a step, in whatever epochs these are", async () => {
  const asked = { warm: 5, "fresh, green": 1, cold: 0.1 };
  const classWeights = Object.values(asked);
  const weighed = `training.class_weights=${JSON.stringify(asked)}`;
  for (const goesOn of [false, true]) {
    const settings = [...sized(2, 8), weighed, `semantics.steps_across_epochs=${goesOn}`];
    const all = [...await epochOf(11, settings, 0), ...await epochOf(11, settings, 1)];
    let sum = 0, samples = 0, steps = 0;
    const scales = new Set<number>();
    for (const { batch, endsStep } of all) {
      batch!.labels.forEach((label, i) => sum += batch!.weights![i]! * classWeights[label]!);
      scales.add(batch!.weights![0]!);
      samples += batch!.size;
      if (!endsStep) continue;
      assert.ok(Math.abs(sum - samples) < 1e-5 * samples, `${sum} in place of ${samples}`);
      assert.equal(scales.size, 1, "one scale a step");
      [sum, samples, steps] = [0, 0, steps + 1];
      scales.clear();
    }
    assert.equal(steps, goesOn ? 3 : 4);
  }
  assert.ok((await epochOf(11, sized(2, 8))).every(({ batch }) => batch!.weights === undefined));
});

Deno.test("what is left of an epoch is what the whole of it ends with", async () => {
  const settings = [...sized(2, 4), "data.mixup=0.5", "data.cutmix=1"];
  const comparable = (all: readonly MicroBatch[]) => all.map(({ waited: _, ...rest }) => rest);
  const whole = comparable(await epochOf(11, settings, 1));
  for (const skipped of [1, 2, 5, 6]) {
    assert.deepEqual(comparable(await epochOf(11, settings, 1, skipped)), whole.slice(skipped), `${skipped}`);
  }
});

Deno.test("images are mixed by (seed, epoch, micro-batch), and only where it is asked for", async () => {
  const asked = [...sized(4, 8), "data.mixup=0.5"];
  const mixes = async (settings: readonly string[], epoch = 0) =>
    (await epochOf(9, settings, epoch)).map(({ batch }) => batch!.mix);
  const first = await mixes(asked);
  assert.deepEqual(first.map((mix) => mix?.partners.length), [4, 4, undefined], "one sample is left alone");
  assert.deepEqual(await mixes(asked), first);
  assert.notDeepEqual(first[0], first[1]);
  for (const other of [await mixes([...asked, "seed=9"]), await mixes(asked, 1)]) {
    assert.notDeepEqual(other, first);
  }
  assert.deepEqual(await mixes(sized(4, 8)), [undefined, undefined, undefined]);
});

Deno.test("a micro-batch says for how many seconds it was waited for", async () => {
  const { now } = performance;
  let clock = 0;
  performance.now = () => clock;
  try {
    const data = watched(tinyData({ train: 6, validation: 3, test: 3 }), () => clock += 250);
    const config = tinyConfig(...sized(2, 2)) as SettledConfig;
    let waited = 0;
    for await (const one of microBatches(data, config, 6, 0)) waited += one.waited;
    assert.equal(waited, 0.75);
  } finally {
    performance.now = now;
  }
});
