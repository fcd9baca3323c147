/** Pooling against PyTorch: what stands for a sample, and gradients through it; and poolers of checkpoints. */
import assert from "node:assert/strict";
import { loadEncoderWeights } from "../../src/build/hf_weights.ts";
import { openWeights } from "../../src/io/weights_file.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { mul } from "../../src/ops/arithmetic.ts";
import { backward } from "../../src/ops/backward.ts";
import { sum } from "../../src/ops/reduce.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose, Fixture } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";
import { buildEncoder, checkpointFolder, inputsOf, loadFolder } from "./hf_fixtures.ts";

const gpu = await openTestGpu();
const fixture = new Fixture("pooling");

/** The weights of a checkpoint by our names. */
async function weightsOf(name: string) {
  const { parameters, config } = await loadFolder(gpu, checkpointFolder(name));
  const values = await parameters.read();
  parameters.dispose();
  return { values, config };
}

for (const name of ["vit", "deit", "bert", "roberta", "mpnet"]) {
  for (const pooling of ["mean", "pooler"]) {
    Deno.test(`a ${name} that pools by "${pooling}" agrees with PyTorch in representations and gradients`, async () => {
      const live = gpu.memory.live;
      const { values, config } = await weightsOf(name);
      const { parameters, encoder } = buildEncoder(gpu, "", { ...config, pooling });
      for (const { name: own } of parameters) {
        parameters.write(own, values.get(own) ?? fixture.floats(`${name}.${own}`));
      }
      const inputs = new Fixture(`encoders/${name}`);
      const { result } = scope(() => {
        const result = encoder.represent(encoder.upload(gpu, inputsOf(inputs)), EVALUATION);
        const key = `${name}.probe`;
        backward(sum(mul(Tensor.from(gpu, fixture.floats(key), fixture.shape(key)), result)));
        return { result };
      });
      inputs.close();
      assertClose(
        `${name}'s ${pooling}`,
        await result.read() as Float32Array,
        fixture.floats(`${name}.${pooling}`),
      );
      result.dispose();
      for (const { name: own, grad } of parameters) {
        const key = `${name}.${pooling}.grad.${own}`;
        if (fixture.has(key)) assertClose(own, await grad!.read() as Float32Array, fixture.floats(key));
      }
      parameters.dispose();
      assert.equal(gpu.memory.live, live, "bytes left behind");
    });
  }
}

Deno.test("the pooler of a checkpoint is loaded where it is asked for, and missed where there is none", async () => {
  const load = async (name: string) => {
    const { config } = await weightsOf(name);
    const built = buildEncoder(gpu, "", { ...config, pooling: "pooler" });
    using checkpoint = openWeights(checkpointFolder(name));
    await loadEncoderWeights(built.parameters, "", checkpoint, built.type);
    const values = await built.parameters.read();
    return {
      stored: checkpoint.readFloat32("bert.pooler.dense.weight"),
      own: values.get("pooler.dense.weight"),
    };
  };
  const { stored, own } = await load("bert");
  assert.deepEqual(own, stored);
  await assert.rejects(
    load("vit"),
    /missing: pooler\.dense\.weight, pooler\.dense\.bias; it has no pooler: set "pooling" to "first" or "mean"$/,
  );
});
