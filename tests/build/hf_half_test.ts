/** Encoders in f16, with and without activations computed twice, against themselves in f32. */
import assert from "node:assert/strict";
import type { Context } from "../../src/nn/context.ts";
import { mul } from "../../src/ops/arithmetic.ts";
import { backward } from "../../src/ops/backward.ts";
import { sum } from "../../src/ops/reduce.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { Fixture, largest } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator } from "../ops/table.ts";
import { checkpointFolder, ENCODERS, inputsOf, loadFolder } from "./hf_fixtures.ts";

const gpu = await openTestGpu();
/** Off by at most this share of the largest. */
const TOLERANCE = 4e-2;

for (const name of ENCODERS) {
  Deno.test({
    name: `a ${name} in f16 represents as in f32, and learns by nearly the same gradients`,
    ignore: !gpu.features.has("shader-f16"),
    async fn() {
      const fixture = new Fixture(`encoders/${name}`);
      const { parameters, encoder } = await loadFolder(gpu, checkpointFolder(name), "", true);
      const all = [...parameters];
      const run = async (context: Context) => {
        parameters.zeroGrad();
        const y = scope(() => {
          const y = encoder.represent(encoder.upload(gpu, inputsOf(fixture)), context);
          const random = generator(5);
          const probe = Float32Array.from({ length: y.size }, () => 2 * random() - 1);
          backward(sum(mul(y, Tensor.from(gpu, probe, y.shape))));
          return y;
        });
        const values = await y.read() as Float32Array;
        y.dispose();
        return { values, grads: await readTensors(all.map(({ grad }) => grad)) as Float32Array[] };
      };
      const single = await run({});
      const most = Math.max(...single.grads.map(largest));
      const off = (a: Float32Array, b: Float32Array, scale: number) =>
        largest(a.map((x, i) => x - b[i]!)) / scale;
      for (const recompute of [false, true]) {
        const half = await run({ precision: "f16", recompute });
        assert.ok(half.values.some((value, i) => value !== single.values[i]), "f16 changes nothing");
        assert.ok(off(half.values, single.values, largest(single.values)) < TOLERANCE, "representations");
        for (const [i, { name }] of all.entries()) {
          // Biases of keys have no gradient in theory: it is held against those of other parameters.
          const scale = Math.max(largest(single.grads[i]!), most / 100);
          const error = off(half.grads[i]!, single.grads[i]!, scale);
          assert.ok(error < TOLERANCE, `the gradient of ${name} is off by ${error}`);
        }
      }
      fixture.close();
      parameters.dispose();
    },
  });
}
