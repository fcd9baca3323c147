// Shapley values: a case by hand, and the properties by which they are defined.
import assert from "node:assert/strict";
import { Random } from "../../src/base/random.ts";
import { shapleyValues } from "../../src/metrics/shapley.ts";

const near = (actual: readonly number[], expected: readonly number[]) =>
  actual.forEach((value, i) =>
    assert.ok(Math.abs(value - expected[i]!) < 1e-12, `${actual}, not ${expected}`)
  );

/** The same by definition: the mean over all orders in which players come of what each adds. */
function byOrders(values: readonly number[], players: number): number[] {
  const shares = Array<number>(players).fill(0);
  const walk = (coalition: number, weight: number) => {
    const missing = shares.keys().filter((player) => !(coalition & 1 << player)).toArray();
    for (const player of missing) {
      const next = coalition | 1 << player;
      shares[player]! += weight * (values[next]! - values[coalition]!);
      walk(next, weight / Math.max(1, missing.length - 1));
    }
  };
  walk(0, 1 / players);
  return shares;
}

Deno.test("shares of two and of three players, by hand", () => {
  // v(none), v(a), v(b), v(both): a alone adds 0.5, to b 0.3; b alone 0.2, to a nothing.
  near(shapleyValues([0.1, 0.6, 0.3, 0.6]), [0.4, 0.1]);
  // The glove game: a has a left glove, b and c a right one each; a pair is worth 1.
  const gloves = [0, 0, 0, 1, 0, 1, 0, 1];
  near(shapleyValues(gloves), [2 / 3, 1 / 6, 1 / 6]);
  assert.deepEqual(shapleyValues([0.3]), []);
  near(shapleyValues([0.25, 1]), [0.75]);
  for (const count of [0, 3, 6]) assert.throws(() => shapleyValues(Array(count).fill(1)), RangeError);
});

Deno.test("shares are those of all orders, sum to what all bring about, and are fair", () => {
  const random = new Random(5);
  for (const players of [1, 2, 3, 4, 5]) {
    const values = Array.from({ length: 2 ** players }, () => random.uniform());
    const shares = shapleyValues(values);
    near(shares, byOrders(values, players));
    // Efficiency.
    near([shares.reduce((a, b) => a + b)], [values.at(-1)! - values[0]!]);
    // Symmetry: players that are exchanged exchange their shares.
    if (players < 2) continue;
    const exchanged = values.map((_, coalition) => {
      const [first, second] = [coalition & 1, coalition >> 1 & 1];
      return values[(coalition & ~3) | second | first << 1]!;
    });
    near(shapleyValues(exchanged), [shares[1]!, shares[0]!, ...shares.slice(2)]);
    // A dummy, which adds nothing to anybody, has nothing; the others have as without it.
    near(shapleyValues([...values, ...values]), [...shares, 0]);
    // Linearity.
    near(shapleyValues(values.map((value) => 3 * value + 7)), shares.map((share) => 3 * share));
  }
});
