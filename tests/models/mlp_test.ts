/** The MLP encoder against the oracle: ReLU and dropout stand between layers, and nothing stands after the last. */
import assert from "node:assert/strict";
import { Mlp, mlp } from "../../src/models/encoders/mlp.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { RandomKeys } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { openTestGpu } from "../open_gpu.ts";
import { Value } from "../ops/oracle.ts";
import { keepMask } from "../ops/philox.ts";
import { assertClose, generator, TOLERANCES } from "../ops/table.ts";

const gpu = await openTestGpu();
const SAMPLES = 3, WIDTH = 5, HIDDEN = 6;

for (const depth of [1, 2, 3]) {
  for (const dropout of [0, 0.5]) {
    Deno.test(`an MLP of ${depth} layers is what it is defined as, with a dropout of ${dropout}`, async () => {
      const config = mlp.configure({
        input_size: WIDTH,
        hidden_size: HIDDEN,
        num_hidden_layers: depth,
        hidden_dropout_prob: dropout,
      });
      const parameters = new Parameters();
      const encoder = new Mlp(parameters.root, config);
      parameters.allocate(gpu, 3);
      const random = generator(depth);
      for (const { name, value } of parameters) { // biases start at 0
        if (name.endsWith("bias")) {
          gpu.write(
            value,
            Float32Array.from({ length: value.size }, () => random() - 0.5),
          );
        }
      }
      const values = Float32Array.from({ length: SAMPLES * WIDTH }, () => 4 * random() - 2);
      const context = dropout > 0 ? { keys: new RandomKeys(4, 2) } : EVALUATION;
      const y = scope(() => {
        const inputs = encoder.upload(gpu, { features: { kind: "features", values, width: WIDTH } });
        return encoder.represent(inputs, context);
      });

      const weights = await parameters.read();
      const keys = new RandomKeys(4, 2);
      let expected = Value.of([SAMPLES, WIDTH], values);
      for (let layer = 0; layer < depth; layer++) {
        const weight = Value.of([HIDDEN, expected.shape[1]!], weights.get(`layer.${layer}.weight`)!);
        expected = expected.matmul(weight.transpose()).add(
          Value.of([HIDDEN], weights.get(`layer.${layer}.bias`)!),
        );
        if (layer === depth - 1) continue;
        const kept = dropout > 0
          ? keepMask(SAMPLES * HIDDEN, dropout, keys.next())
          : new Uint8Array(SAMPLES * HIDDEN).fill(1);
        expected = expected.map((x) => Math.max(x, 0), (x) => Number(x > 0))
          .mul(Value.of([SAMPLES, HIDDEN], kept)).affine(1 / (1 - dropout));
      }
      assert.deepEqual([...y.shape], [SAMPLES, HIDDEN]);
      assertClose(await y.read(), expected.data, TOLERANCES.f32, "representation");
      assert.ok(expected.data.some((x) => x < 0), "some are negative");
      y.dispose();
      parameters.dispose();
    });
  }
}
