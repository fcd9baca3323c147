/** Keys of random numbers: which seeds and steps there are, and that no two uses share a key. */
import assert from "node:assert/strict";
import { type RandomKey, RandomKeys } from "../../src/tensor/random.ts";

const MOST = { seed: 2 ** 53 - 1, step: 2 ** 32 - 1 };

for (const [seed, key0, key1] of [[0, 0, 0], [2 ** 32 - 1, 2 ** 32 - 1, 0], [2 ** 32, 0, 1]] as const) {
  Deno.test(`RandomKeys split the seed ${seed} into two words`, () => {
    assert.deepEqual(new RandomKeys(seed, 9).next(), { key0, key1, layer: 0, step: 9 });
  });
}

Deno.test("RandomKeys take whole numbers to the largest, and keep every bit of them", () => {
  const { key0, key1, step } = new RandomKeys(MOST.seed, MOST.step).next();
  assert.deepEqual([key1 * 2 ** 32 + key0, step], [MOST.seed, MOST.step]);
  assert.ok(key0 < 2 ** 32 && key1 < 2 ** 21);
});

for (const bad of [-1, 0.5, NaN, Infinity]) {
  Deno.test(`RandomKeys refuse ${bad}`, () => {
    assert.throws(() => new RandomKeys(bad, 0), new RegExp(`RangeError: Cannot use seed ${bad}`));
    assert.throws(() => new RandomKeys(0, bad), new RegExp(`RangeError: Cannot use step ${bad}`));
  });
}

Deno.test("RandomKeys refuse what is above the largest", () => {
  assert.throws(() => new RandomKeys(MOST.seed + 1, 0), /RangeError: Cannot use seed .* 2\^53 - 1/);
  assert.throws(() => new RandomKeys(0, MOST.step + 1), /RangeError: Cannot use step .* 2\^32 - 1/);
});

Deno.test("no two uses of RandomKeys share a key, whatever seed, step and place in the step", () => {
  const seen = new Set<string>();
  const seeds = [0, 1, 2 ** 32, 2 ** 32 + 1, MOST.seed], steps = [0, 1, 2, MOST.step];
  for (const seed of seeds) {
    for (const step of steps) {
      const keys = new RandomKeys(seed, step);
      for (let use = 0; use < 50; use++) seen.add(JSON.stringify(keys.next()));
    }
  }
  assert.equal(seen.size, seeds.length * steps.length * 50);
});

Deno.test("clones of RandomKeys go on from the same place, each for itself", () => {
  const keys = new RandomKeys(2 ** 32 * 3 + 2, 9);
  keys.next();
  const clone = keys.clone();
  const take = (from: RandomKeys): RandomKey[] => [from.next(), from.next()];
  const expected = [1, 2].map((layer) => ({ key0: 2, key1: 3, layer, step: 9 }));
  assert.deepEqual(take(clone), expected);
  assert.deepEqual(take(keys), expected);
});
