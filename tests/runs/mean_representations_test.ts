// Mean representations are kept with the weights that they are of, and are not used where they are of others, or damaged.
import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryOf } from "../../src/io/new_file.ts";
import { readMeans, writeMeans } from "../../src/runs/mean_representations.ts";
import { RunFiles } from "../../src/runs/run_files.ts";
import type { RunFolder } from "../../src/runs/run_folder.ts";
import { temporaryFolder } from "../io/crafted.ts";

Deno.test("means are read as they were written, for the epoch they are of", () => {
  using folder = temporaryFolder();
  const run = { files: new RunFiles(folder.path) } as RunFolder;
  assert.equal(readMeans(run, 3), undefined);
  const means = new Map([["image", Float32Array.of(1, -2.5)], ["text", Float32Array.of(0.125)]]);
  writeMeans(run, means, 3);
  assert.deepEqual(readMeans(run, 3), means);
  assert.equal(readMeans(run, 2), undefined);
  const file = join(folder.path, "checkpoints", "means.safetensors");
  // As where who wrote them was killed before they took their place.
  Deno.renameSync(file, temporaryOf(file));
  assert.deepEqual(readMeans(run, 3), means);
  Deno.renameSync(temporaryOf(file), file);
  const bytes = Deno.readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  Deno.writeFileSync(file, bytes);
  assert.throws(() => readMeans(run, 3), {
    name: "UserError",
    message: /means\.safetensors is damaged.*Remove it/,
  });
  Deno.removeSync(file);
  assert.equal(readMeans(run, 3), undefined);
});
