/** A ViT, a BERT, three heads and the UniS-MMC loss against PyTorch: activations, losses, gradients, ten Adam steps. */
import assert from "node:assert/strict";
import type { TextTransformer } from "../../src/models/encoders/text_transformer.ts";
import type { VisionTransformer } from "../../src/models/encoders/vision_transformer.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { backward } from "../../src/ops/backward.ts";
import { addToSums } from "../../src/ops/running_sums.ts";
import { Adam } from "../../src/optim/adam.ts";
import { groupByPart } from "../../src/optim/groups.ts";
import { scope } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { assertClose, assertGradients, Fixture, readAll, summary } from "./fixtures.ts";
import { build, upload } from "./parity_model.ts";

const gpu = await openTestGpu();
const { text, losses, counts, adam } = summary.parity;

Deno.test("UniS-MMC agrees with PyTorch in class tokens, logits, losses, counts and every gradient", async () => {
  const fixture = new Fixture("parity");
  const { parameters, model } = build(gpu, fixture);
  const out = scope(() => {
    const { inputs, labels } = upload(gpu, fixture, model, 0);
    const outputs = model.forward(inputs, EVALUATION);
    const found = model.losses(outputs, labels);
    backward(found.objective);
    return { ...outputs, found };
  });
  const { representations, unimodalLogits, fusedLogits, found } = out;
  const read = await readAll({
    "cls.image": representations.image!,
    "cls.text": representations.text!,
    "logits.image": unimodalLogits.image!,
    "logits.text": unimodalLogits.text!,
    "logits.fusion": fusedLogits!,
  });
  for (const [name, values] of Object.entries(read)) assertClose(name, values, fixture.floats(`out.${name}`));
  const { unimodal, multimodal, contrastive, total, objective, pairs } = found;
  const scalars = await readAll({
    unimodal,
    multimodal: multimodal!,
    contrastive: contrastive!,
    total,
    objective,
  });
  for (const [name, value] of Object.entries({ ...losses, objective: losses.total })) {
    assertClose(`the ${name} loss`, scalars[name as keyof typeof scalars], [value]);
  }
  assert.deepEqual(pairs.map(({ a, b }) => [a, b]), [["image", "text"]]);
  const [p, onlyImage, onlyText, n] = await pairs[0]!.counts.read();
  assert.deepEqual([p, onlyImage! + onlyText!, n], counts);
  await assertGradients(parameters, fixture);
  fixture.close();
});

Deno.test("hidden states of ViT and BERT agree with PyTorch layer by layer", async () => {
  const fixture = new Fixture("parity");
  const { model } = build(gpu, fixture);
  const { inputs } = upload(gpu, fixture, model, 0);
  const mask = fixture.words("batch.0.mask");
  for (const name of ["image", "text"] as const) {
    const encoder = model.encoders[name] as VisionTransformer | TextTransformer;
    const states = noGrad(() => encoder.hiddenStates(inputs[name]!, EVALUATION));
    assert.equal(states.length, 3);
    for (const [layer, state] of states.entries()) {
      const expected = fixture.floats(`out.hidden.${name}.${layer}`);
      const isText = (_: number, i: number) =>
        name === "image" || mask[Math.floor(i / text.hidden_size)] === 1;
      const actual = (await state.read() as Float32Array).filter(isText);
      assertClose(`layer ${layer} of ${name}`, actual, expected.filter(isText));
    }
  }
  fixture.close();
});

Deno.test("the losses and counts of ten Adam steps agree with PyTorch", async () => {
  const fixture = new Fixture("parity");
  const { parameters, model } = build(gpu, fixture);
  const optimizer = new Adam(parameters, {
    ...groupByPart({
      rates: { image: adam.lr_encoders, text: adam.lr_encoders, heads: adam.lr_heads },
      weightDecay: adam.weight_decay,
    }),
    betas: adam.betas as [number, number],
    epsilon: adam.eps,
  });
  const width = 8;
  const sums = Tensor.from(gpu, new Float32Array(width * adam.steps), [width * adam.steps]);
  for (const [step, batch] of adam.batches.entries()) {
    parameters.zeroGrad();
    scope(() => {
      const { inputs, labels } = upload(gpu, fixture, model, batch);
      const found = model.losses(model.forward(inputs, EVALUATION), labels);
      backward(found.objective);
      const { unimodal, multimodal, contrastive, total, pairs } = found;
      const measures = [unimodal, multimodal!, contrastive!, total, pairs[0]!.counts];
      addToSums(sums, measures.map((values, i) => ({ at: width * step + i, values })));
    });
    optimizer.step();
  }
  const read = await sums.read();
  for (const [step, expected] of adam.log.entries()) {
    const [unimodal, multimodal, contrastive, total, p, onlyImage, onlyText, n] = read.slice(width * step);
    const values = { unimodal, multimodal, contrastive, total };
    for (const name of ["unimodal", "multimodal", "contrastive", "total"] as const) {
      assertClose(`step ${step}: the ${name} loss`, [values[name]!], [expected[name]]);
    }
    assert.deepEqual([p, onlyImage! + onlyText!, n], expected.counts, `step ${step}`);
  }
  fixture.close();
});
