/** A checkpoint of several encoders: each is found in the same folder, by its section of config.json and its tensors. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import { readEncoderConfig } from "../../src/build/hf_config.ts";
import { loadEncoderWeights } from "../../src/build/hf_weights.ts";
import { readJsonObject, writeJsonFile } from "../../src/io/json_file.ts";
import { openWeights } from "../../src/io/weights_file.ts";
import { EVALUATION } from "../../src/nn/context.ts";
import { scope } from "../../src/tensor/scope.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { assertClose, Fixture } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";
import { buildEncoder, checkpointFolder, inputsOf } from "./hf_fixtures.ts";

const gpu = await openTestGpu();
const CLIP = checkpointFolder("clip");

for (const reads of ["image", "text"] as const) {
  Deno.test(`CLIP's encoder of ${reads}s, out of the folder of both, compares as PyTorch does`, async () => {
    const config = readEncoderConfig(CLIP, { pooling: "projection" }, reads);
    // The section says another width, which concerns the tower where it stands alone.
    assert.equal(config.projection_dim, 20);
    const { parameters, encoder, type } = buildEncoder(gpu, "", config);
    using checkpoint = openWeights(CLIP);
    await loadEncoderWeights(parameters, "", checkpoint, type);
    const fixture = new Fixture("encoders/clip");
    const embeddings = scope(() =>
      encoder.represent(encoder.upload(gpu, inputsOf(fixture, reads)), EVALUATION)
    );
    assertClose(reads, await embeddings.read(), fixture.floats(reads));
    embeddings.dispose();
    fixture.close();
    parameters.dispose();
  });
}

Deno.test("a config.json of several encoders must be read for a kind of input that one of them reads", () => {
  const refused = (message: RegExp, ...args: Parameters<typeof readEncoderConfig>) =>
    assert.throws(
      () => readEncoderConfig(...args),
      (error) => error instanceof UserError && message.test(error.message),
    );
  refused(/config\.json: .*"clip".* an image tower of CLIP and a text tower of CLIP/, CLIP);
  refused(/an image tower of CLIP and a text tower of CLIP/, CLIP, {}, "features");
  using folder = temporaryFolder();
  const { vision_config, ...file } = readJsonObject(join(CLIP, "config.json"));
  const write = (vision: unknown) =>
    writeJsonFile(join(folder.path, "config.json"), { ...file, vision_config: vision });
  write([vision_config]);
  refused(/vision_config is no object/, folder.path, {}, "image");
  write({ ...vision_config as object, hidden_act: "mish" });
  refused(/hidden_act = "mish"/, folder.path, {}, "image");
  // What a section leaves out has the default of its class.
  write({ hidden_size: 48 });
  const { hidden_size, patch_size, hidden_act } = readEncoderConfig(folder.path, {}, "image");
  assert.deepEqual([hidden_size, patch_size, hidden_act], [48, 32, "quick_gelu"]);
});
