/** RoBERTa against PyTorch, and what sets it apart: its position ids. */
import assert from "node:assert/strict";
import { bert } from "../../src/models/encoders/bert.ts";
import { roberta } from "../../src/models/encoders/roberta.ts";
import { positionsFromPadding } from "../../src/models/encoders/text_embeddings.ts";
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
import { texts } from "./tiny_specs.ts";

const gpu = await openTestGpu();
const TEXTS = texts(50, 32);

Deno.test("RoBERTa agrees with PyTorch in hidden states and every gradient", async () => {
  const fixture = new Fixture("roberta");
  const { config: given, loss: expectedLoss } = summary.roberta;
  const parameters = new Parameters();
  const config = roberta.configure(given);
  const model = roberta.build(parameters.root, config, { text: TEXTS });
  parameters.allocate(gpu, 0);
  fixture.load(parameters, ["embeddings.", "encoder."]);
  const [batch, tokens] = fixture.shape("ids") as [number, number];
  const mask = fixture.words("mask");
  const { states, loss, first } = scope(() => {
    const input = model.upload(gpu, { text: { kind: "text", ids: fixture.words("ids"), mask, tokens } });
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

Deno.test("positionsFromPadding() counts from the padding id on and leaves padding there", () => {
  const ids = Uint32Array.of(0, 7, 9, 2, 1, 1, 0, 2, 1, 1, 1, 1);
  assert.deepEqual([...positionsFromPadding(ids, 6, 1)], [2, 3, 4, 5, 1, 1, 2, 3, 1, 1, 1, 1]);
});

Deno.test("a text encoder names what it cannot take", () => {
  const tiny = {
    hidden_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 8,
    vocab_size: 9,
  };
  const ids = new Uint32Array(12).fill(2);
  const text = { kind: "text", ids, mask: ids, tokens: 12 } as const;
  const build = (type: typeof bert, given: object) =>
    type.build(new Parameters().root, type.configure({ ...tiny, ...given }), { text: TEXTS });
  scope(() => {
    const counted = build(bert, { max_position_embeddings: 11 });
    assert.throws(() => counted.upload(gpu, { text }), /Cannot encode 12 tokens: the model has 11 positions/);
    const fromPadding = build(roberta, { max_position_embeddings: 13 });
    assert.throws(
      () => fromPadding.upload(gpu, { text }),
      /Cannot encode 12 tokens: the model has 11 positions/,
    );
    const other = build(bert, {});
    assert.throws(
      () => other.upload(gpu, { text: { ...text, ids: new Uint32Array(12).fill(9) } }),
      /Cannot index row 9 of 9/,
    );
    assert.throws(
      () => other.upload(gpu, { text: { kind: "features", values: new Float32Array(3), width: 3 } }),
      /Cannot encode features by an encoder of text/,
    );
    assert.throws(() => other.upload(gpu, {}), /Cannot encode a batch without its "text"/);
  });
});
