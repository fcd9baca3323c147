/** How far apart the names of classes are, by a sentence encoder, and that a run keeps it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { nameDistances } from "../../src/build/class_distances.ts";
import { UserError } from "../../src/base/user_error.ts";
import { withSettings } from "../../src/config/run_config.ts";
import type { DownloadProgress } from "../../src/io/hub.ts";
import { openWeights } from "../../src/io/weights_file.ts";
import { bert } from "../../src/models/encoders/bert.ts";
import { cosineDistances } from "../../src/models/losses/semantic_graph.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { readEncoderConfig } from "../../src/build/hf_config.ts";
import { loadEncoderWeights } from "../../src/build/hf_weights.ts";
import { Learner } from "../../src/train/learner.ts";
import { loadClassDistances } from "../../src/train/load_pretrained.ts";
import { scope } from "../../src/tensor/scope.ts";
import { noGrad } from "../../src/tensor/tape.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { openTestGpu } from "../open_gpu.ts";
import { texts } from "../models/tiny_specs.ts";
import { assertClose } from "../models/fixtures.ts";
import { tinyConfig, tinyData } from "./tiny.ts";
import { writeEncoders } from "./tiny_encoders.ts";

const gpu = await openTestGpu();
const SILENT: DownloadProgress = { begin() {}, advance() {}, end() {}, note() {} };
const never = (message: string) => assert.fail(message);

Deno.test("a name is the mean of the hidden states of its tokens, special ones included", async () => {
  using folder = temporaryFolder();
  await writeEncoders(gpu, folder.path);
  const path = join(folder.path, "text");
  const live = gpu.memory.live;
  const distances = await nameDistances(gpu, path, ["red dot", "green", "Red DOT", "blue line dot"], never);
  assert.equal(gpu.memory.live, live, "bytes left behind");

  const parameters = new Parameters();
  const encoder = bert.build(parameters.root, bert.configure(readEncoderConfig(path)), {
    text: texts(9, 12),
  });
  parameters.allocate(gpu, 0, () => true);
  {
    using checkpoint = openWeights(path);
    await loadEncoderWeights(parameters, "", checkpoint, bert, { warn: never });
  }
  // [CLS] red dot [SEP], [CLS] green [SEP] and [CLS] blue line dot [SEP], one by one and so without padding.
  const means: Float32Array[] = [];
  for (const ids of [[2, 4, 7, 3], [2, 5, 3], [2, 6, 8, 7, 3]]) {
    const text = {
      kind: "text" as const,
      ids: Uint32Array.from(ids),
      mask: new Uint32Array(ids.length).fill(1),
      tokens: ids.length,
    };
    const states = await scope(() =>
      noGrad(() => encoder.lastHiddenState(encoder.upload(gpu, { text }), EVALUATION))
    ).read();
    means.push(
      Float32Array.from(
        { length: 16 },
        (_, i) => ids.reduce((sum, _, t) => sum + states[16 * t + i]!, 0) / ids.length,
      ),
    );
  }
  parameters.dispose();
  const [red, green, blue] = means as [Float32Array, Float32Array, Float32Array];
  const expected = cosineDistances([red, green, red, blue]);
  assert.ok(expected[1]! > 1e-3 && expected[2]! < 1e-6, "names of other words are apart");
  assertClose("distances", distances.map((x) => 1 + x), expected.map((x) => 1 + x));
});

Deno.test("a run of huse takes the distances of the encoder that it names, and keeps them with its weights", async () => {
  using folder = temporaryFolder();
  await writeEncoders(gpu, folder.path);
  const source = join(folder.path, "text");
  const config = withSettings(tinyConfig(), ["method=huse", `model.class_encoder.source=${source}`]);
  const data = tinyData({ train: 4, validation: 2, test: 2 });
  const learner = new Learner(gpu, config, data);
  const before = (await learner.readWeights()).get("heads.class_distances")!.data;
  await loadClassDistances(learner, data.classes, SILENT, never);
  const after = (await learner.readWeights()).get("heads.class_distances")!.data;
  learner.dispose();
  assert.notDeepEqual(after, before);
  assert.deepEqual(after, await nameDistances(gpu, source, data.classes, never));
  assert.throws(
    () => withSettings(config, ["method=agg-mm"]),
    (error) =>
      error instanceof UserError && /"model\.class_encoder" must not be given.*for huse/.test(error.message),
  );
  await assert.rejects(
    nameDistances(gpu, join(folder.path, "image"), ["red"], never),
    (error) => error instanceof UserError && /reads no names/.test(error.message),
  );
});
