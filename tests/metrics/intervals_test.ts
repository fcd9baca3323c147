import assert from "node:assert/strict";
import { wilson } from "../../src/metrics/intervals.ts";

// As statsmodels' proportion_confint(right, samples, method="wilson") gives them.
const CASES: readonly [right: number, samples: number, low: number, high: number][] = [
  [0, 10, 0, 0.27753280],
  [10, 10, 0.72246720, 1],
  [5, 10, 0.23659309, 0.76340691],
  [400, 538, 0.70495716, 0.77857911],
  [1, 1000, 0.00017655, 0.00564256],
  [87, 106, 0.73693605, 0.88213802],
];
for (const [right, samples, low, high] of CASES) {
  Deno.test(`wilson() of ${right} of ${samples}`, () => {
    const interval = wilson(right, samples);
    assert.ok(Math.abs(interval.low - low) < 1e-7, `${interval.low} is not ${low}`);
    assert.ok(Math.abs(interval.high - high) < 1e-7, `${interval.high} is not ${high}`);
  });
}

Deno.test("wilson() holds the share, is symmetric, and narrows with more samples", () => {
  assert.deepEqual(wilson(0, 0), { low: 0, high: 1 });
  for (let samples = 1; samples < 60; samples++) {
    for (let right = 0; right <= samples; right++) {
      const { low, high } = wilson(right, samples);
      assert.ok(0 <= low && low <= right / samples && right / samples <= high && high <= 1);
      const other = wilson(samples - right, samples);
      assert.ok(Math.abs(other.low - (1 - high)) < 1e-12 && Math.abs(other.high - (1 - low)) < 1e-12);
      const more = wilson(4 * right, 4 * samples);
      assert.ok(more.high - more.low < high - low);
    }
  }
});
