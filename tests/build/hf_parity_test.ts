/** Encoders loaded from checkpoints against PyTorch: the hidden states of every layer, the gradient of every parameter. */
import assert from "node:assert/strict";
import { checkpointName } from "../../src/build/hf_names.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { backward } from "../../src/ops/backward.ts";
import { mul } from "../../src/ops/arithmetic.ts";
import { sum } from "../../src/ops/reduce.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { assertClose, assertGradients, Fixture } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";
import { checkpointFolder, ENCODERS, inputsOf, loadFolder } from "./hf_fixtures.ts";

const gpu = await openTestGpu();

for (const name of ENCODERS) {
  Deno.test(`a ${name} loaded from its folder agrees with PyTorch in all hidden states and gradients`, async () => {
    const live = gpu.memory.live;
    const fixture = new Fixture(`encoders/${name}`);
    const { parameters, encoder, type } = await loadFolder(gpu, checkpointFolder(name));
    const { states, pooled } = scope(() => {
      const input = encoder.upload(gpu, inputsOf(fixture));
      const states = encoder.hiddenStates(input, EVALUATION);
      const probed = (name: string, y: Tensor) =>
        sum(mul(Tensor.from(gpu, fixture.floats(name), fixture.shape(name)), y));
      backward(probed("probe", encoder.lastHiddenState(input, EVALUATION)));
      // Gradients add up over backward passes.
      const pooled = fixture.has("pooled") ? encoder.represent(input, EVALUATION) : undefined;
      if (pooled) backward(probed("pooled.probe", pooled));
      return { states, pooled };
    });
    const { config } = encoder;
    assert.equal(states.length, config.num_hidden_layers + 1);
    const mask = fixture.has("mask") ? fixture.words("mask") : undefined;
    const isToken = (_: number, i: number) => mask?.[Math.floor(i / config.hidden_size)] !== 0;
    for (const [layer, state] of states.entries()) {
      const actual = (await state.read() as Float32Array).filter(isToken);
      assertClose(`layer ${layer}`, actual, fixture.floats(`hidden.${layer}`).filter(isToken));
      state.dispose();
    }
    if (pooled) assertClose("representations", await pooled.read(), fixture.floats("pooled"));
    pooled?.dispose();
    await assertGradients(parameters, fixture, (name) => checkpointName(type.checkpoint!, name));
    fixture.close();
    parameters.dispose();
    assert.equal(gpu.memory.live, live, "bytes left behind");
  });
}
