/** Dawn, which has to be asked whether there is an answer, is asked at once, and then more and more rarely. */
import assert from "node:assert/strict";
import { paceAnswers } from "../../src/gpu/dawn_answers.ts";
import { findDawn } from "../backend.ts";

/** How often `setImmediate` and `setTimeout` are called until the promise is kept. */
async function callsUntil(promise: () => Promise<unknown>): Promise<number> {
  const { setImmediate, setTimeout } = globalThis;
  let calls = 0;
  const counted =
    (own: typeof setImmediate | typeof setTimeout) => (...args: Parameters<typeof setTimeout>) => {
      calls++;
      return (own as typeof setTimeout)(...args);
    };
  Object.assign(globalThis, { setImmediate: counted(setImmediate), setTimeout: counted(setTimeout) });
  try {
    await promise();
  } finally {
    Object.assign(globalThis, { setImmediate, setTimeout });
  }
  return calls;
}

/** Looks for answers as Dawn does: by `setImmediate`, again and again while one is owed. */
class Waiting {
  #due = 0;

  mapAsync(milliseconds: number): Promise<string> {
    this.#due = performance.now() + milliseconds;
    return new Promise((resolve) => this.#look(resolve));
  }

  #look(resolve: (answer: string) => void): void {
    globalThis.setImmediate(() => {
      if (performance.now() >= this.#due) resolve("here");
      else this.#look(resolve);
    });
  }
}

const NOTHING_LATER = { prototype: {} };
paceAnswers({
  GPU: NOTHING_LATER,
  GPUAdapter: NOTHING_LATER,
  GPUBuffer: Waiting,
  GPUDevice: NOTHING_LATER,
  GPUQueue: NOTHING_LATER,
  GPUShaderModule: NOTHING_LATER,
});

Deno.test("an answer that is there is had by one look, a later one by a few, and in time", async () => {
  assert.equal(await callsUntil(() => new Waiting().mapAsync(0)), 1);
  const start = performance.now();
  const looks = await callsUntil(() => new Waiting().mapAsync(200));
  assert.ok(performance.now() - start < 300);
  assert.ok(looks < 1000, `${looks} looks`);
});

Deno.test("setImmediate is everybody else's as it was, while an answer is owed and afterwards", async () => {
  const { setImmediate } = globalThis;
  const answer = new Waiting().mapAsync(20);
  assert.equal(globalThis.setImmediate, setImmediate);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(globalThis.setImmediate, setImmediate);
  await answer;
  assert.equal(globalThis.setImmediate, setImmediate);
});

const dawn = await findDawn();
Deno.test({
  name: "Dawn looks for what takes long a few times",
  ignore: typeof dawn === "string",
  async fn() {
    const device = await (await (dawn as GPU).requestAdapter())!.requestDevice();
    const code = `
      @group(0) @binding(0) var<storage, read_write> x: u32;
      @compute @workgroup_size(1) fn long() { for (var i = 0u; i < 30000000u; i++) { x = x * 5u + i; } }`;
    const pipeline = device.createComputePipeline({
      layout: "auto",
      compute: { module: device.createShaderModule({ code }) },
    });
    const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    const entries = [{ binding: 0, resource: { buffer } }];
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(1);
    pass.end();
    device.queue.submit([encoder.finish()]);
    const looks = await callsUntil(() => device.queue.onSubmittedWorkDone());
    assert.ok(looks > 1 && looks < 1000, `${looks} looks`);
    device.destroy();
  },
});
