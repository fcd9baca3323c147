/** Steps of training against PyTorch, by a recorded trajectory (scripts/trajectories): losses, and running statistics at the end. */
import assert from "node:assert/strict";
import { follow } from "../../scripts/trajectories/follow.ts";
import { assertClose } from "../models/fixtures.ts";
import { openTestGpu } from "../open_gpu.ts";

const folder = new URL("../fixtures/trajectories/", import.meta.url).pathname;

Deno.test("a ResNet-18 and a BERT learn as in PyTorch, step by step, batch norm by micro-batch", async () => {
  const { steps, buffers } = await follow(await openTestGpu(), `${folder}resnet_bert`);
  assert.equal(steps.length, 8);
  for (const [step, { expected, found }] of steps.entries()) {
    assert.ok(Math.abs(found - expected) < 1e-4, `step ${step}: ${found}, not ${expected}`);
  }
  assert.ok(steps.at(-1)!.expected < steps[0]!.expected - 0.2, "nothing was learned");
  assert.equal(buffers.length, 20 * 3);
  for (const { name, expected, found } of buffers) assertClose(name, found, expected);
});
