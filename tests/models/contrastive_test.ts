/** The contrast of UniS-MMC by itself against PyTorch: edge cases, and three modalities. */
import assert from "node:assert/strict";
import { modalityPairs } from "../../src/models/losses/pairs.ts";
import { unisContrast } from "../../src/models/losses/unis_contrast.ts";
import { classification } from "../../src/models/tasks/classification.ts";
import { backward } from "../../src/ops/backward.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { assertClose, Fixture, largest, summary } from "./fixtures.ts";

const gpu = await openTestGpu();
const { cases, temperature } = summary.contrastive;

for (const [name, { modalities, loss: expectedLoss, counts }] of Object.entries(cases)) {
  Deno.test(`the contrast agrees with PyTorch: ${name}`, async () => {
    const fixture = new Fixture("contrastive");
    const live = gpu.memory.live;
    const numbers = Array.from({ length: modalities }, (_, m) => m);
    const load = (key: string, requiresGrad = false) =>
      Tensor.from(gpu, fixture.floats(key), fixture.shape(key), requiresGrad);
    const out = scope(() => {
      const named = (make: (m: number) => Tensor) =>
        Object.fromEntries(numbers.map((m) => [`m${m}`, make(m)]));
      const representations = named((m) => load(`${name}.r.${m}`, true));
      const words = fixture.words(`${name}.labels`);
      const labels = Tensor.from(gpu, words, [words.length]);
      const pairs = modalityPairs(named((m) => classification.right(load(`${name}.logits.${m}`), labels)));
      const loss = unisContrast(representations, pairs, { temperature });
      backward(loss);
      const grads = Object.values(representations).map((r) => r.grad!);
      return { loss, grads, counts: pairs.map((pair) => pair.counts) };
    });
    const [loss, ...rest] = await readTensors([out.loss, ...out.grads, ...out.counts]);
    for (const tensor of [out.loss, ...out.grads, ...out.counts]) tensor.dispose();
    assert.equal(gpu.memory.live, live, "bytes left behind");

    assert.ok(Math.abs(loss![0]! - expectedLoss) <= 1e-4 * expectedLoss, `loss ${loss}, not ${expectedLoss}`);
    for (const [m, grad] of rest.slice(0, modalities).entries()) {
      const expected = fixture.floats(`${name}.dr.${m}`);
      const [rows, width] = fixture.shape(`${name}.dr.${m}`) as [number, number];
      if (largest(expected) === 0) assert.equal(largest(grad), 0, `gradient ${m}`);
      // Row by row: that of a zero representation is some ten million times larger than the others. A row that is
      // parallel to its partner has no gradient but rounding.
      for (let start = 0; start < rows * width; start += width) {
        const wanted = expected.subarray(start, start + width);
        const size = largest(wanted);
        const what = `gradient ${m}, row ${start / width}`;
        assertClose(what, grad.subarray(start, start + width), wanted, size > 1e-9 ? size : 1e-3);
      }
    }
    const kinds = rest.slice(modalities).map(([p, onlyA, onlyB, n]) => [p, onlyA! + onlyB!, n]);
    assert.deepEqual(kinds, counts);
    fixture.close();
  });
}
