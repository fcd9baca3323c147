/** Schedules: ReduceOnPlateau against torch, warm-up and cosine. */
import assert from "node:assert/strict";
import { type PlateauOptions, ReduceOnPlateau } from "../../src/optim/plateau.ts";
import { cosineAfterWarmup, linearWarmup } from "../../src/optim/schedule.ts";

/** An optimizer of nothing. */
class Rates {
  learningRates: Record<string, number>;
  constructor(rates: readonly number[]) {
    this.learningRates = Object.fromEntries(rates.map((rate, i) => [`group ${i}`, rate]));
  }
  setLearningRate(group: string, rate: number): void {
    this.learningRates[group] = rate;
  }
  get values(): number[] {
    return Object.values(this.learningRates);
  }
}

interface Row {
  readonly rates?: readonly number[];
  readonly options: PlateauOptions;
  readonly metrics: readonly number[];
  /** What torch 1.13 makes of the first rate after each metric. */
  readonly first: readonly number[];
  /** And of all rates at the end. */
  readonly last: readonly number[];
}

const TABLE: Record<string, Row> = {
  "a flat metric": {
    options: { factor: 0.5, patience: 2 },
    metrics: [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5],
    first: [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25],
    last: [0.25, 0.0025],
  },
  "a cooldown": {
    options: { patience: 1, cooldown: 2 },
    metrics: [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 0.6, 0.6, 0.6],
    first: [1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001],
    last: [0.001, 0.00001],
  },
  "improvements below the threshold": {
    options: { factor: 0.5, patience: 1 },
    metrics: [0.5, 0.50004, 0.50006, 0.50008, 0.5002, 0.5002, 0.5002],
    first: [1, 1, 1, 1, 1, 1, 0.5],
    last: [0.5, 0.005],
  },
  "a least rate": {
    options: { patience: 0, minimum: 0.005 },
    metrics: [1, 1, 1, 1, 1, 1, 1],
    first: [1, 0.1, 0.01, 0.005, 0.005, 0.005, 0.005],
    last: [0.005, 0.005],
  },
  "a metric that shall fall": {
    options: { mode: "min", factor: 0.5, patience: 0 },
    metrics: [3, 2, 2, 1.9999, 1, 1, 1],
    first: [1, 1, 0.5, 0.25, 0.25, 0.125, 0.0625],
    last: [0.0625, 0.000625],
  },
  "rates too small to change": {
    rates: [1e-7, 1e-9],
    options: { factor: 0.5, patience: 0 },
    metrics: [0, 0, 0, 0],
    first: [1e-7, 5e-8, 2.5e-8, 1.25e-8],
    last: [1.25e-8, 1e-9],
  },
  "metrics that are no numbers": {
    options: { factor: 0.5, patience: 1 },
    metrics: [0.5, NaN, NaN, 0.4, 0.6, 0.4],
    first: [1, 1, 0.5, 0.5, 0.5, 0.5],
    last: [0.5, 0.005],
  },
};

const isNear = (a: number, b: number) => Math.abs(a - b) <= 1e-12 * b;

for (const [name, { rates = [1, 0.01], options, metrics, first, last }] of Object.entries(TABLE)) {
  Deno.test(`ReduceOnPlateau does as torch: ${name}`, () => {
    const optimizer = new Rates(rates);
    const scheduler = new ReduceOnPlateau(optimizer, options);
    for (const [i, metric] of metrics.entries()) {
      const before = optimizer.values;
      const changed = scheduler.step(metric);
      assert.equal(changed, optimizer.values.some((rate, j) => rate !== before[j]), `metric ${i}`);
      assert.ok(
        isNear(optimizer.values[0]!, first[i]!),
        `metric ${i}: ${optimizer.values[0]}, not ${first[i]}`,
      );
    }
    assert.ok(optimizer.values.every((rate, i) => isNear(rate, last[i]!)), `${optimizer.values}`);
  });

  Deno.test(`ReduceOnPlateau goes on from its state, at any metric: ${name}`, () => {
    for (let stop = 0; stop <= metrics.length; stop++) {
      const optimizer = new Rates(rates);
      let scheduler = new ReduceOnPlateau(optimizer, options);
      for (const metric of metrics.slice(0, stop)) scheduler.step(metric);
      const state = JSON.parse(JSON.stringify(scheduler.state));
      scheduler = new ReduceOnPlateau(optimizer, options);
      scheduler.state = state;
      for (const metric of metrics.slice(stop)) scheduler.step(metric);
      assert.ok(optimizer.values.every((rate, i) => isNear(rate, last[i]!)), `stopped at ${stop}`);
    }
  });
}

Deno.test("ReduceOnPlateau refuses a factor that reduces nothing", () => {
  for (const factor of [0, 1, 2, NaN]) {
    assert.throws(() => new ReduceOnPlateau(new Rates([1]), { factor }), /by factor .*between 0 and 1/);
  }
});

Deno.test("warm-up rises to 1, the cosine after it falls to 0", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 9].map((step) => linearWarmup(step, 4)), [0.25, 0.5, 0.75, 1, 1, 1]);
  assert.equal(linearWarmup(0, 0), 1);
  assert.deepEqual([0, 1, 2].map((step) => cosineAfterWarmup(step, 2, 12)), [0.5, 1, 1]);
  assert.ok(isNear(cosineAfterWarmup(7, 2, 12), 0.5));
  assert.deepEqual([12, 40].map((step) => cosineAfterWarmup(step, 2, 12)), [0, 0]);
});
