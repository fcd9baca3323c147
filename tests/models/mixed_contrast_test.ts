/** M3CoL's mixing, and its contrast of mixed samples against PyTorch (scripts/fixtures/methods.py). */
import assert from "node:assert/strict";
import { drawMixing, mixedContrast } from "../../src/models/losses/mixed_contrast.ts";
import { chooseMethod } from "../../src/models/methods/registry.ts";
import { AFTER_TRAINING } from "../../src/models/methods/contrast.ts";
import { backward } from "../../src/ops/backward.ts";
import { RandomKeys } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { assertClose, Fixture } from "./fixtures.ts";

const gpu = await openTestGpu();
const fixture = new Fixture("methods");
const load = (name: string, isLeaf = false) => {
  const [rows, width] = fixture.shape(name) as [number, number];
  return Tensor.from(gpu, fixture.floats(name), [rows, width], isLeaf);
};

Deno.test("the contrast of mixed samples and its gradients agree with PyTorch", async () => {
  const [a, b] = [load("r.0", true), load("r.1", true)];
  const [loss, da, db] = scope(() => {
    const loss = mixedContrast(a, b, load("mixed.mixing"), 0.1);
    backward(loss);
    return [loss, a.grad!, b.grad!] as const;
  });
  assertClose("loss", await loss.read(), fixture.floats("mixed.loss"));
  assertClose("gradient of a", await da.read(), fixture.floats("mixed.da"));
  assertClose("gradient of b", await db.read(), fixture.floats("mixed.db"));
});

Deno.test("about half of the rows of a mixing are mixed, all are shares of two samples, and keys decide them", () => {
  const size = 64;
  const keys = new RandomKeys(3, 5);
  let mixed = 0, extreme = 0;
  for (let draw = 0; draw < 20; draw++) {
    const key = keys.next();
    const mixing = drawMixing(size, key, 0.15);
    assert.deepEqual(mixing, drawMixing(size, key, 0.15));
    const partners = new Set<number>();
    for (let i = 0; i < size; i++) {
      const row = mixing.subarray(i * size, (i + 1) * size);
      assert.ok(
        Math.abs(row.reduce((total, x) => total + x, 0) - 1) < 1e-6 && row.every((x) => x >= 0 && x <= 1),
      );
      const others = [...row.entries()].filter(([j, x]) => j !== i && x > 0);
      assert.ok(others.length <= 1);
      if (others.length === 0) continue;
      mixed++;
      assert.ok(!partners.has(others[0]![0]), "a sample is mixed into one other at most");
      partners.add(others[0]![0]);
      if (row[i]! < 0.1 || row[i]! > 0.9) extreme++;
    }
  }
  // Of 1280 rows; of Beta(.15, .15) about three quarters lie within a tenth of an end.
  assert.ok(mixed > 560 && mixed < 700, `${mixed} mixed`);
  assert.ok(extreme > 0.65 * mixed && extreme < 0.85 * mixed, `${extreme} of ${mixed} near an end`);
});

Deno.test("samples are mixed in the first third of the epochs, and in no other", async () => {
  const { method } = chooseMethod("m3col", []);
  const representations = { a: load("r.0"), b: load("r.1") };
  const labels = Tensor.from(gpu, new Uint32Array(8), [8]);
  const options = { mixed_epochs: 0.33, mix_beta: 0.15, mix_temperature: 0.1, soft_temperature: 0.125 };
  const at = async (epoch: number, seed: number) => {
    const moment = { epoch, epochs: 9, keys: new RandomKeys(seed, 0) };
    const [loss] = await method.contrast!(representations, [], { temperature: 0.07, options }, labels, moment)
      .read();
    return loss!;
  };
  const [after] = await method.contrast!(
    representations,
    [],
    { temperature: 0.07, options },
    labels,
    AFTER_TRAINING,
  ).read();
  assert.notEqual(await at(0, 1), await at(0, 2));
  assert.notEqual(await at(1, 1), after); // 0.33 of 9 epochs are two
  assert.equal(await at(2, 1), after);
});
