import assert from "node:assert/strict";
import { Random } from "../../src/base/random.ts";
import { pairedBootstrap, type Pairing } from "../../src/metrics/bootstrap.ts";

/** Predictions of two models, with a number of samples of each type of pair. */
function pairing(both: number, onlyModel: number, onlyBaseline: number, none: number): Pairing {
  const kinds = [[1, 1, both], [1, 0, onlyModel], [0, 1, onlyBaseline], [0, 0, none]] as const;
  const column = (i: 0 | 1) => Uint8Array.from(kinds.flatMap((kind) => Array<number>(kind[2]).fill(kind[i])));
  return { model: column(0), baseline: column(1) };
}

Deno.test("pairedBootstrap() agrees with the normal interval of many samples", () => {
  const samples = 3000;
  const [gained, lost] = [300, 180];
  const { difference, low, high } = pairedBootstrap([
    pairing(2000, gained, lost, samples - 2000 - gained - lost),
  ]);
  const mean = (gained - lost) / samples;
  assert.equal(difference, mean);
  // Gains are +1, −1 or 0.
  const half = 1.96 * Math.sqrt(((gained + lost) / samples - mean ** 2) / samples);
  assert.ok(Math.abs(low - (mean - half)) < 0.06 * half, `${low} and ${mean - half}`);
  assert.ok(Math.abs(high - (mean + half)) < 0.06 * half, `${high} and ${mean + half}`);
});

Deno.test("pairedBootstrap() covers the true difference in about 95 of 100 drawings of test samples", () => {
  const random = new Random(11);
  const [rightModel, rightBaseline, drawings, samples] = [0.7, 0.6, 200, 150];
  let covered = 0;
  for (let i = 0; i < drawings; i++) {
    const draw = (share: number) =>
      Uint8Array.from({ length: samples }, () => Number(random.uniform() < share));
    const { low, high } = pairedBootstrap([{ model: draw(rightModel), baseline: draw(rightBaseline) }]);
    if (low <= rightModel - rightBaseline && rightModel - rightBaseline <= high) covered++;
  }
  assert.ok(covered > 0.9 * drawings && covered < 0.99 * drawings, `covered ${covered} of ${drawings}`);
});

Deno.test("pairedBootstrap() averages over seeds, and more of them make it surer", () => {
  const random = new Random(5);
  const draw = (share: number) => Uint8Array.from({ length: 400 }, () => Number(random.uniform() < share));
  const seeds = Array.from({ length: 5 }, () => ({ model: draw(0.7), baseline: draw(0.6) }));
  const each = seeds.map((one) => pairedBootstrap([one]));
  const all = pairedBootstrap(seeds);
  const mean = each.reduce((sum, { difference }) => sum + difference, 0) / seeds.length;
  assert.ok(Math.abs(all.difference - mean) < 1e-12);
  const width = ({ low, high }: { low: number; high: number }) => high - low;
  assert.ok(width(all) < 0.6 * width(each[0]!));
});

Deno.test("pairedBootstrap() is the same every time, exact where nothing differs, and refuses what is no pair", () => {
  const pairs = [pairing(50, 10, 4, 20)];
  assert.deepEqual(pairedBootstrap(pairs), pairedBootstrap(pairs));
  assert.deepEqual(pairedBootstrap([pairing(10, 0, 0, 5)]), { difference: 0, low: 0, high: 0 });
  assert.deepEqual(pairedBootstrap([pairing(0, 7, 0, 0)]), { difference: 1, low: 1, high: 1 });
  assert.throws(() => pairedBootstrap([]), /RangeError.*without a sample/);
  assert.throws(
    () => pairedBootstrap([...pairs, pairing(1, 1, 1, 1)]),
    /RangeError.*4 and 4 samples: all must be 84/,
  );
});
