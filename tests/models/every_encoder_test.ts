// Every encoder there is learns: in f32 and in f16, with dropout, from its inputs to its representations and back.
import assert from "node:assert/strict";
import { Random } from "../../src/base/random.ts";
import { encoderTypes } from "../../src/models/encoders/registry.ts";
import { type Context, EVALUATION } from "../../src/nn/context.ts";
import { xavierNormal } from "../../src/nn/initializers.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import type { Float } from "../../src/ops/check.ts";
import { crossEntropy } from "../../src/ops/losses.ts";
import { Adam } from "../../src/optim/adam.ts";
import { RandomKeys } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { largest } from "./fixtures.ts";
import { drawInput, SMALL, specsOf } from "./small_encoders.ts";

const gpu = await openTestGpu();
const [SAMPLES, CLASSES, STEPS] = [6, 3, 30];
const LABELS = Uint32Array.from({ length: SAMPLES }, (_, i) => i % CLASSES);

for (const type of encoderTypes()) {
  for (const precision of ["f32", "f16"] as const satisfies readonly Float[]) {
    Deno.test({
      name: `${type.title} learns six samples by heart in ${precision}, and leaves nothing on the device`,
      ignore: precision === "f16" && !gpu.features.has("shader-f16"),
      async fn() {
        const live = gpu.memory.live;
        const specs = specsOf(type.inputs);
        const random = new Random(1);
        const inputs = Object.fromEntries(
          Object.entries(specs).map(([name, spec]) => [name, drawInput(spec, random, SAMPLES)]),
        );
        const parameters = new Parameters();
        const encoder = type.build(
          parameters.root.at("encoder"),
          type.configure({ ...SMALL, ...type.fromData(specs) }),
          specs,
        );
        const head = new Linear(parameters.root.at("head"), encoder.hiddenSize, CLASSES, {
          initializer: xavierNormal,
        });
        parameters.allocate(gpu, 1, undefined, precision === "f16");
        const groups = { all: { learningRate: 0.01, weightDecay: 0 } };
        const optimizer = new Adam(parameters, { groups, groupOf: () => "all" });

        const lossOf = (context: Context) => {
          const represented = encoder.represent(encoder.upload(gpu, inputs), { ...context, precision });
          assert.deepEqual([represented.shape, represented.dtype], [[SAMPLES, encoder.hiddenSize], "f32"]);
          return crossEntropy(head.forward(represented), Tensor.from(gpu, LABELS, [SAMPLES]));
        };
        let unmoved: string[] = [];
        for (let step = 1; step <= STEPS; step++) {
          parameters.zeroGrad();
          scope(() => backward(lossOf({ keys: new RandomKeys(1, step) })));
          if (step === 2) unmoved = await withoutGradient(parameters);
          optimizer.step({ maxNorm: 5 });
        }
        assert.deepEqual(unmoved, []);
        const loss = scope(() => noGrad(() => lossOf(EVALUATION)));
        const [value] = await loss.read();
        assert.ok(value! < 0.3, `the loss is still ${value}, that of chance being ${Math.log(CLASSES)}`);
        loss.dispose();
        optimizer.dispose();
        parameters.dispose();
        assert.equal(gpu.memory.live, live, "bytes left behind");
      },
    });
  }
}

/** The parameters that get no gradient. */
async function withoutGradient(parameters: Parameters): Promise<string[]> {
  const all = [...parameters].filter(({ grad }) => grad !== undefined);
  const grads = await readTensors(all.map(({ grad }) => grad!));
  return all.flatMap(({ name }, i) => largest(grads[i] as Float32Array) > 0 ? [] : [name]);
}
