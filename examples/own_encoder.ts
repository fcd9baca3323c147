/**
 * An encoder of one's own: a bag of words, beside the MLP that comes along. Run it by `deno run -A examples/own_encoder.ts`.
 *
 * A text says "good" or "bad", a number is positive or negative, and the class is whether the two agree: neither modality
 * knows anything of it alone.
 */
import assert from "node:assert/strict";
import {
  Adam,
  backward,
  Embedding,
  EVALUATION,
  Gpu,
  noGrad,
  Parameters,
  scope,
  sum,
  Tensor,
} from "unis/engine";
import { count, defineEncoder, derived, type HostInput, inputOf, mlp } from "unis/models";
import { MultimodalClassifier, uploadText } from "unis/models";

/**
 * The sum of the embeddings of a text's tokens. `registerEncoder(bag)` would make the program know it too: then
 * `model.encoders.text={"model_type":"bag","hidden_size":16}` can be trained, evaluated and exported.
 */
const bag = defineEncoder({
  model_type: "bag",
  title: "a bag of words",
  inputs: { text: "text" }, // the name of its input, and the kind
  fields: { vocab_size: derived(count(1)), hidden_size: count(16) },
  representation: "sum of the embeddings of all tokens",
  fromData: ({ text }) => ({ vocab_size: text.vocabularySize }),
  build(path, { vocab_size, hidden_size }, { text }) {
    const options = { std: 0.1, padding: text.padId };
    const embedding = new Embedding(path.at("embedding"), vocab_size, hidden_size, options);
    return {
      hiddenSize: hidden_size,
      inputs: { text: "text" },
      upload: (gpu, inputs) => ({ text: uploadText(gpu, inputOf(inputs, "text", "text"), text) }),
      // [batch, tokens, width] to [batch, width]; the row of padding is zero and stays so
      represent: (inputs) =>
        scope(() => sum(embedding.forward(inputOf(inputs, "text", "text").ids), { axes: [1] })),
    };
  },
});

// What a data set would say of its modalities, and a batch as it would make one. Token 0 is padding, 1 and 2 are "good" and
// "bad", 3 is any other word.
const text = { kind: "text", name: "text", vocabularySize: 4, maxTokens: 4, padId: 0 } as const;
const number = { kind: "features", name: "number", width: 1 } as const;
const SAMPLES = 64;
const isGood = (i: number) => i % 2 === 0;
const isPositive = (i: number) => i % 4 < 2;
const classes = Uint32Array.from({ length: SAMPLES }, (_, i) => Number(isGood(i) === isPositive(i)));
const ids = Uint32Array.from(
  Array.from(classes, (_, i) => [3, isGood(i) ? 1 : 2, i % 3 === 0 ? 3 : 0, 0]).flat(),
);
const batch: Record<string, HostInput> = {
  text: { kind: "text", ids, mask: ids.map((id) => Number(id > 0)), tokens: 4 },
  number: {
    kind: "features",
    width: 1,
    values: Float32Array.from({ length: SAMPLES }, (_, i) => (isPositive(i) ? 1 : -1) * (1 + i % 5)),
  },
};

const gpu = await Gpu.open("auto");
const parameters = new Parameters();
const model = new MultimodalClassifier(parameters.root, {
  text: (path) => bag.build(path, bag.configure(bag.fromData({ text })), { text }),
  number: (path) => mlp.build(path, mlp.configure({ input_size: 1, hidden_size: 16 }), { features: number }),
}, { method: "agg-mm", classifier: { classes: 2, hidden_size: 32 } });
parameters.allocate(gpu, 1);

const adam = new Adam(parameters, {
  groups: { all: { learningRate: 0.01, weightDecay: 0 } },
  groupOf: () => "all",
});
const labels = Tensor.from(gpu, classes, [SAMPLES]);
for (let step = 0; step < 100; step++) {
  scope(() => {
    const outputs = model.forward(model.upload(gpu, batch), EVALUATION); // nothing is dropped
    backward(model.losses(outputs, labels).objective);
  });
  adam.step();
  parameters.zeroGrad();
}

const { fusedRight, right } = scope(() =>
  noGrad(() => model.losses(model.forward(model.upload(gpu, batch), EVALUATION), labels))
);
const shareOf = async (right: Tensor) => Array.from(await right.read()).filter(Boolean).length / SAMPLES;
const [alone, fused] = [await shareOf(right.text!), await shareOf(fusedRight!)];
console.log(`accuracy of the text alone ${alone}, of both ${fused}`);
assert.ok(alone < 0.6 && fused === 1);
gpu.destroy();
