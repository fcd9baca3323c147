/** A ViT, a BERT, three heads and the UniS-MMC loss against PyTorch: activations, losses, gradients, ten Adam steps. */
import assert from "node:assert/strict";
import { Bert, bertConfig } from "../../src/models/bert.ts";
import { UnisMmc } from "../../src/models/unis_mmc.ts";
import { Vit, vitConfig } from "../../src/models/vit.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { tally } from "../../src/ops/metrics.ts";
import { Adam } from "../../src/optim/adam.ts";
import { groupByPart } from "../../src/optim/groups.ts";
import { scope } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { assertClose, assertGradients, Fixture, readAll, summary } from "./fixtures.ts";

const gpu = await openTestGpu();
const { image, text, heads, normalisation, temperature, contrastive_weight, losses, counts, adam } =
  summary.parity;

/** The model with the fixture's weights. */
function build(fixture: Fixture) {
  const parameters = new Parameters();
  const { mean, std } = normalisation as unknown as Vit["normalisation"];
  const model = new UnisMmc(parameters.root, {
    image: (at) => new Vit(at, vitConfig(image), { mean, std }),
    text: (at) => new Bert(at, bertConfig(text)),
  }, {
    method: "unis-mmc",
    classifier: { classes: heads.classes, hidden_size: heads.hidden_size },
    contrast: { temperature },
    contrastiveWeight: contrastive_weight,
  });
  parameters.allocate(gpu, 0);
  fixture.load(parameters, ["image.", "text.", "heads."]);
  return { parameters, model };
}

/** A batch of the fixture on the device. */
function upload(fixture: Fixture, model: UnisMmc, batch: number) {
  const [, height, width] = fixture.shape(`batch.${batch}.pixels`) as [number, number, number];
  const [size, tokens] = fixture.shape(`batch.${batch}.ids`) as [number, number];
  const inputs = model.upload(gpu, {
    image: { kind: "image", pixels: fixture.bytes(`batch.${batch}.pixels`), height, width },
    text: {
      kind: "text",
      ids: fixture.words(`batch.${batch}.ids`),
      mask: fixture.words(`batch.${batch}.mask`),
      tokens,
    },
  });
  return { inputs, labels: Tensor.from(gpu, fixture.words(`batch.${batch}.labels`), [size]) };
}

Deno.test("UniS-MMC agrees with PyTorch in class tokens, logits, losses, counts and every gradient", async () => {
  const fixture = new Fixture("parity");
  const { parameters, model } = build(fixture);
  const out = scope(() => {
    const { inputs, labels } = upload(fixture, model, 0);
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
  const { model } = build(fixture);
  const { inputs } = upload(fixture, model, 0);
  const mask = fixture.words("batch.0.mask");
  for (const name of ["image", "text"] as const) {
    const encoder = model.encoders[name] as Vit | Bert;
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
  const { parameters, model } = build(fixture);
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
      const { inputs, labels } = upload(fixture, model, batch);
      const found = model.losses(model.forward(inputs, EVALUATION), labels);
      backward(found.objective);
      const { unimodal, multimodal, contrastive, total, pairs } = found;
      for (const [i, loss] of [unimodal, multimodal!, contrastive!, total].entries()) {
        tally(sums, width * step + i, loss);
      }
      tally(sums, width * step + 4, pairs[0]!.counts);
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
