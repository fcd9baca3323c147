/** RoBERTa against PyTorch, and what sets it apart: its position ids. */
import assert from "node:assert/strict";
import { Bert, bertConfig, robertaConfig, robertaPositions } from "../../src/models/encoders/bert.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { mul } from "../../src/ops/arithmetic.ts";
import { sum } from "../../src/ops/reduce.ts";
import { slice } from "../../src/ops/shape.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { assertClose, assertGradients, Fixture, summary } from "./fixtures.ts";

const gpu = await openTestGpu();

Deno.test("RoBERTa agrees with PyTorch in hidden states and every gradient", async () => {
  const fixture = new Fixture("roberta");
  const { config: given, loss: expectedLoss } = summary.roberta;
  const parameters = new Parameters();
  const config = robertaConfig(given);
  const model = new Bert(parameters.root, config);
  parameters.allocate(gpu, 0);
  fixture.load(parameters, ["embeddings.", "encoder."]);
  const [batch, tokens] = fixture.shape("ids") as [number, number];
  const mask = fixture.words("mask");
  const { states, loss, first } = scope(() => {
    const input = model.upload(gpu, { kind: "text", ids: fixture.words("ids"), mask, tokens });
    const states = model.hiddenStates(input, EVALUATION);
    const probe = Tensor.from(gpu, fixture.floats("probe"), fixture.shape("probe"));
    const loss = sum(mul(probe, states.at(-1)!));
    backward(loss);
    return { states, loss, first: model.represent(input, EVALUATION) };
  });
  for (const [layer, state] of states.entries()) {
    const isText = (_: number, i: number) => mask[Math.floor(i / config.hidden_size)] === 1;
    const actual = (await state.read() as Float32Array).filter(isText);
    assertClose(`layer ${layer}`, actual, fixture.floats(`hidden.${layer}`).filter(isText));
  }
  assertClose("the loss", await loss.read(), [expectedLoss]);
  const cls = await slice(states.at(-1)!, 1, 0, 1).read();
  assert.equal(cls.length, batch * config.hidden_size);
  assertClose("the representation", await first.read(), cls);
  await assertGradients(parameters, fixture);
  fixture.close();
});

Deno.test("robertaPositions() counts from the padding id on and leaves padding there", () => {
  const ids = Uint32Array.of(0, 7, 9, 2, 1, 1, 0, 2, 1, 1, 1, 1);
  assert.deepEqual([...robertaPositions(ids, 6, 1)], [2, 3, 4, 5, 1, 1, 2, 3, 1, 1, 1, 1]);
});

Deno.test("a text encoder names what it cannot take", () => {
  const tiny = {
    hidden_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 8,
    vocab_size: 9,
  };
  const build = (config: ReturnType<typeof bertConfig>) => new Bert(new Parameters().root, config);
  const ids = new Uint32Array(12).fill(2);
  const input = { kind: "text", ids, mask: ids, tokens: 12 } as const;
  scope(() => {
    const bert = build(bertConfig({ ...tiny, max_position_embeddings: 11 }));
    assert.throws(() => bert.upload(gpu, input), /Cannot encode 12 tokens: the model has 11 positions/);
    const roberta = build(robertaConfig({ ...tiny, max_position_embeddings: 13 }));
    assert.throws(() => roberta.upload(gpu, input), /Cannot encode 12 tokens: the model has 11 positions/);
    const other = build(bertConfig(tiny));
    assert.throws(
      () => other.upload(gpu, { ...input, ids: new Uint32Array(12).fill(9) }),
      /Cannot index row 9 of 9/,
    );
    assert.throws(
      () => other.upload(gpu, { kind: "features", values: new Float32Array(3), width: 3 }),
      /Cannot encode features by an encoder of text/,
    );
  });
});
