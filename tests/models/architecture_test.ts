/** What stands between encoders and logits: projections, late fusion, joint encodings, and fields of a method's own. */
import assert from "node:assert/strict";
import { EVALUATION } from "../../src/nn/context.ts";
import { xavierNormal } from "../../src/nn/initializers.ts";
import { Linear } from "../../src/nn/linear.ts";
import { type ModulePath, Parameters } from "../../src/nn/parameters.ts";
import { add } from "../../src/ops/arithmetic.ts";
import { backward } from "../../src/ops/backward.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { capture, scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { UserError } from "../../src/base/user_error.ts";
import { mlp } from "../../src/models/encoders/mlp.ts";
import { count } from "../../src/models/encoders/fields.ts";
import { jointArchitecture } from "../../src/models/methods/joint.ts";
import type { Method } from "../../src/models/methods/method.ts";
import {
  MultimodalClassifier,
  type MultimodalClassifierConfig,
} from "../../src/models/multimodal_classifier.ts";
import { openTestGpu } from "../open_gpu.ts";

const gpu = await openTestGpu();
const BATCH = 4, CLASSES = 3, INPUTS = 5;

/** Sums the representations after a layer of its own, of the width that the method's field says. */
const summed: Method = {
  name: "summed",
  description: "the fused loss of a joint encoding",
  unimodalHeadsAreProbes: false,
  fields: { width: count(6) },
  architecture: jointArchitecture("sums of layers", (path, { encoders, options }) => {
    const width = options.width as number;
    const layers = Object.entries(encoders).map(([name, encoder]) =>
      [
        name,
        encoder,
        new Linear(path.at(name), encoder.hiddenSize, width, { initializer: xavierNormal }),
      ] as const
    );
    return {
      hiddenSize: width,
      represent: (inputs, context) =>
        layers.map(([name, encoder, layer]) => layer.forward(encoder.represent(inputs[name]!, context)))
          .reduce(add),
    };
  }),
};

/** A model of two modalities of numbers, of these widths of representations. */
function modelOf(
  config: Omit<MultimodalClassifierConfig, "classifier">,
  widths: readonly [number, number] = [8, 8],
) {
  const parameters = new Parameters();
  const build = (name: string, width: number) => (path: ModulePath) =>
    mlp.build(path, mlp.configure({ input_size: INPUTS, hidden_size: width, num_hidden_layers: 1 }), {
      features: { kind: "features", name, width: INPUTS },
    });
  const encoders = { a: build("a", widths[0]), b: build("b", widths[1]) };
  const model = new MultimodalClassifier(parameters.root, encoders, {
    ...config,
    classifier: { classes: CLASSES, hidden_size: 7 },
  });
  parameters.allocate(gpu, 5);
  return { model, parameters };
}

const features = (seed: number) => ({
  kind: "features" as const,
  width: INPUTS,
  values: Float32Array.from({ length: BATCH * INPUTS }, (_, i) => Math.sin(seed + 1.7 * i)),
});

function run({ model }: ReturnType<typeof modelOf>) {
  return scope(() => model.forward(model.upload(gpu, { a: features(1), b: features(2) }), EVALUATION));
}

/** The names of parameters whose gradient of the objective is anything but zero. */
async function learned(built: ReturnType<typeof modelOf>): Promise<Set<string>> {
  const labels = Tensor.from(gpu, Uint32Array.of(0, 1, 2, 0), [BATCH]);
  scope(() => backward(built.model.losses(run(built), labels).objective));
  const all = [...built.parameters];
  const grads = await readTensors(all.map(({ value }) => value.grad!));
  return new Set(all.filter((_, i) => grads[i]!.some((x) => x !== 0)).map(({ name }) => name));
}

Deno.test("late fusion answers with the mean of the unimodal probabilities, and learns nothing from it", async () => {
  const built = modelOf({ method: "late-fusion" });
  const { unimodalLogits: { a, b }, fusedLogits } = run(built);
  const [pa, pb, fused] = await readTensors(
    [a!, b!, fusedLogits!].map((logits) => capture(() => softmax(logits))),
  );
  fused!.forEach((p, i) => assert.ok(Math.abs(p - (pa![i]! + pb![i]!) / 2) < 1e-6, `${p}`));
  assert.deepEqual(built.model.heads, ["a", "b", "fusion"]);
  const labels = Tensor.from(gpu, Uint32Array.of(0, 1, 2, 0), [BATCH]);
  const { total, unimodal, multimodal } = built.model.losses(run(built), labels);
  const [all, own, answer] = (await readTensors([total, unimodal, multimodal!])).map(([x]) => x!);
  assert.equal(all, own);
  assert.ok(answer! > 0);
});

Deno.test("a joint encoding has one head, and all of it learns", async () => {
  const built = modelOf({ method: summed, options: { width: 9 } });
  const { model, parameters } = built;
  assert.deepEqual([model.heads, model.modalities, model.pairs], [["fusion"], [], []]);
  const { representations, unimodalLogits, fused, fusedLogits } = run(built);
  assert.deepEqual([representations, unimodalLogits, fused!.shape, fusedLogits!.shape], [{}, {}, [BATCH, 9], [
    BATCH,
    CLASSES,
  ]]);
  assert.deepEqual(await learned(built), new Set([...parameters].map(({ name }) => name)));
});

Deno.test("representations of unequal width are contrasted and fused through a projection", async () => {
  assert.throws(
    () => modelOf({ method: "unis-mmc" }, [8, 12]),
    (error) =>
      error instanceof UserError && /hidden_size 8 and b has 12.*model\.projection/.test(error.message),
  );
  const built = modelOf({ method: "unis-mmc", projection: 6 }, [8, 12]);
  const { representations, fused } = run(built);
  assert.deepEqual([representations.a!.shape, representations.b!.shape, fused!.shape], [[BATCH, 6], [
    BATCH,
    6,
  ], [
    BATCH,
    12,
  ]]);
  const names = await learned(built);
  for (const name of ["a", "b"]) {
    assert.ok(names.has(`heads.projection.${name}.0.weight`), `${name} is projected by what is learned`);
  }
});

Deno.test("fields of a method's own are checked, and others told", () => {
  const refused = (config: Omit<MultimodalClassifierConfig, "classifier">, message: RegExp) =>
    assert.throws(
      () => modelOf(config),
      (error) => error instanceof UserError && message.test(error.message),
      String(message),
    );
  refused(
    { method: summed, options: { widht: 9 } },
    /"model\.options\.widht": did you mean "model\.options\.width"/,
  );
  refused({ method: summed, options: { width: 0 } }, /width = 0 for the method summed: it must be/);
  refused({ method: "agg-mm", options: { width: 1 } }, /agg-mm has no settings of its own/);
});
