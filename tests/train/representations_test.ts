import assert from "node:assert/strict";
import { Learner } from "../../src/train/learner.ts";
import { represent } from "../../src/train/representations.ts";
import { openTestGpu } from "../open_gpu.ts";
import { tinyConfig, tinyData } from "./tiny.ts";

Deno.test("represent() gives a vector a row and modality, in order, whatever batch it came in", async () => {
  const data = tinyData({ train: 16, validation: 4, test: 30 });
  const gpu = await openTestGpu();
  const learner = new Learner(gpu, tinyConfig("training.evaluation_batch=4"), data);
  const before = gpu.memory.live;
  const rows = Uint32Array.of(5, 29, 0, 7, 5, 12);
  const together = await represent(learner, data, "test", rows);
  assert.equal(gpu.memory.live, before);
  assert.deepEqual([...together.keys()], ["image", "text", "fusion"]);
  for (const [modality, vectors] of together) {
    assert.equal(vectors.length, rows.length);
    const width = modality === "fusion" ? 16 : 8;
    assert.ok(vectors.every((vector) => vector.length === width && vector.every(Number.isFinite)));
    const distance = (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((value, i) => value - b[i]!));
    for (const [i, row] of rows.entries()) {
      const alone = (await represent(learner, data, "test", Uint32Array.of(row))).get(modality)![0]!;
      assert.ok(distance(alone, vectors[i]!) < 1e-4, `${modality} of row ${row}`);
    }
    assert.ok(distance(vectors[0]!, vectors[4]!) < 1e-4);
    if (modality === "image") assert.ok(distance(vectors[0]!, vectors[1]!) > 1e-3, "samples look the same");
  }
  learner.dispose();
});
