// LoRA on every encoder there is: all of its linear layers can be adapted; and where layers are used in ways of their own, the
// adapters are used too. That they learn in a ViT and a BERT is in tests/train/lora_test.ts.
import assert from "node:assert/strict";
import { Random } from "../../src/base/random.ts";
import { encoderTypes } from "../../src/models/encoders/registry.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { isAdapter } from "../../src/nn/low_rank.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { full } from "../../src/ops/fill.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { relativeError } from "../ops/table.ts";
import { largest } from "./fixtures.ts";
import { drawInput, SMALL, specsOf } from "./small_encoders.ts";

const gpu = await openTestGpu();
const SAMPLES = 3;

/**
 * Matrices that are of no linear layer: tables of embeddings, and the projections of SigLIP's pooling, which come as one matrix in
 * torch's `MultiheadAttention` too.
 */
const OTHERS =
  /embeddings?\.weight$|(position|rel)_embeddings$|relative_attention_bias\.weight$|in_proj_weight$|tok_embeddings/;
/** These have convolutions alone. */
const CONVOLUTIONAL = ["resnet", "densenet"];
/** Keys and queries of positions, gated units, and attention pooling. */
const PECULIAR = ["deberta-v2", "modernbert", "siglip_vision_model"];

for (const type of encoderTypes()) {
  Deno.test(`LoRA adapts every linear layer of ${type.title}`, async () => {
    const specs = specsOf(type.inputs);
    const parameters = new Parameters();
    parameters.adapt({ rank: 2, alpha: 4, isTarget: () => true });
    const config = type.configure({ ...SMALL, ...type.fromData(specs) });
    const encoder = type.build(parameters.root, config, specs);
    const all = [...parameters];
    const adapters = all.filter(({ name }) => isAdapter(name));
    const adapted = new Set(adapters.map(({ name }) => name.replace(/lora_[AB]\.weight$/, "weight")));
    const left = all.filter(({ name, shape }) =>
      shape.length === 2 && !isAdapter(name) && !adapted.has(name)
    );
    assert.deepEqual(left.map(({ name }) => name).filter((name) => !OTHERS.test(name)), []);
    assert.equal(adapters.length > 0, !CONVOLUTIONAL.includes(type.model_type));
    if (!PECULIAR.includes(type.model_type)) return;

    parameters.allocate(gpu, 1);
    const random = new Random(1);
    const inputs = Object.fromEntries(
      Object.entries(specs).map(([name, spec]) => [name, drawInput(spec, random, SAMPLES)]),
    );
    const represent = () =>
      scope(() => encoder.represent(encoder.upload(gpu, inputs), { ...EVALUATION, training: true }));
    const before = await represent().read() as Float32Array;
    scope(() => {
      const represented = represent();
      backward(represented, full(gpu, represented.shape, 1));
    });
    // A is drawn and B is 0 at first: it is B that is learned from there.
    const second = adapters.filter(({ name }) => name.endsWith("lora_B.weight"));
    const grads = await readTensors(second.map(({ grad }) => grad)) as Float32Array[];
    const idle = second.filter((_, i) => largest(grads[i]!) === 0).map(({ name }) => name);
    assert.deepEqual(idle, []);
    for (const { name, value } of second) parameters.write(name, new Float32Array(value.size).fill(0.1));
    assert.ok(relativeError(await represent().read() as Float32Array, before) > 1e-3);
    parameters.dispose();
  });
}
