/** A whole HUSE against PyTorch (scripts/fixtures/huse.py). */
import assert from "node:assert/strict";
import { mlp } from "../../src/models/encoders/mlp.ts";
import { MultimodalClassifier } from "../../src/models/multimodal_classifier.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { type ModulePath, Parameters } from "../../src/nn/parameters.ts";
import { backward } from "../../src/ops/backward.ts";
import { softmax } from "../../src/ops/softmax.ts";
import { scope } from "../../src/tensor/scope.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { assertClose, Fixture } from "./fixtures.ts";

const gpu = await openTestGpu();
const fixture = new Fixture("huse");

Deno.test("a HUSE answers, loses and learns as in PyTorch", async () => {
  const parameters = new Parameters();
  const build = (name: string) => (path: ModulePath) =>
    mlp.build(path, mlp.configure({ input_size: 5, hidden_size: 4, num_hidden_layers: 1 }), {
      features: { kind: "features", name, width: 5 },
    });
  const model = new MultimodalClassifier(parameters.root, { a: build("a"), b: build("b") }, {
    method: "huse",
    classifier: { classes: 3 },
    classNames: ["green tea", "black tea", "coffee"],
    contrastiveWeight: 0.1,
    options: {
      features_layers: 2,
      tower_size: 7,
      tower_dropout: 0,
      embedding_size: 6,
      graph_weight: 2,
      gap_weight: 0.5,
      margin: 0.7,
    },
  });
  parameters.allocate(gpu, 0);
  const own = await parameters.read();
  assertClose(
    "distances of names",
    own.get("heads.class_distances")!,
    Float32Array.of(0, 0.5, 1, 0.5, 0, 1, 1, 1, 0),
  );
  parameters.write("heads.class_distances", fixture.floats("distances"));
  const names = [...parameters].map(({ name }) => name);
  for (const name of names) parameters.write(name, fixture.floats(`p.${name}`));
  const input = (m: string) => ({ kind: "features" as const, values: fixture.floats(`x.${m}`), width: 5 });
  const [total, contrast, answer] = await readTensors(scope(() => {
    const labels = Tensor.from(gpu, fixture.words("labels"), [6]);
    const outputs = model.forward(model.upload(gpu, { a: input("a"), b: input("b") }), EVALUATION);
    const { total, objective, contrastive } = model.losses(outputs, labels);
    backward(objective);
    return [total, contrastive!, softmax(outputs.fusedLogits!)];
  }));
  assertClose("total", total!, fixture.floats("total"));
  assertClose("contrast", contrast!, fixture.floats("contrast"));
  assertClose("answer", answer!, fixture.floats("answer"));
  const grads = await readTensors([...parameters].map(({ grad }) => grad));
  names.forEach((name, i) => assertClose(`gradient of ${name}`, grads[i]!, fixture.floats(`g.${name}`)));
  assert.equal(names.length, 14);
  assert.deepEqual(model.heads, ["a", "b", "fusion"]);
});
