/** The start-up self-test: an adapter that leaves a kernel out is refused. */
import assert from "node:assert/strict";
import { AdapterError } from "../../src/gpu/adapter.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { selfTest } from "../../src/ops/self_test.ts";

for (const adapterClass of ["software", "gpu"] as const) {
  Deno.test(`selfTest() passes on this adapter as ${adapterClass}, and leaves nothing behind`, async () => {
    const gpu = await Gpu.open("auto", { adapterClass });
    await selfTest(gpu);
    assert.equal(gpu.memory.live, 0);
    gpu.destroy();
  });
}

Deno.test("selfTest() refuses a GPU whose lanes are in another order than was seen", async () => {
  const gpu = await Gpu.open("auto", { adapterClass: "gpu" });
  if (gpu.subgroup > 0) {
    const dispatch = gpu.dispatch.bind(gpu);
    gpu.dispatch = (asked) =>
      asked.kernel.label !== "attention_tiles" ? dispatch(asked) : dispatch({
        ...asked,
        kernel: {
          ...asked.kernel,
          files: asked.kernel.files.map((file) =>
            String(file).replaceAll("let x = lane / Y;", "let x = lane % X;")
              .replaceAll("let y = lane % Y;", "let y = lane / X;")
          ),
        },
      });
    await assert.rejects(
      selfTest(gpu),
      (error) => error instanceof AdapterError && /attention/.test(error.message),
    );
  }
  gpu.destroy();
});

const kernels = [/^matmul.*vec|^matmul.*texture|^matmul.*storage/, /^matmul.*scalar/, /^sum/, /^double_f16/];
for (const broken of kernels) {
  Deno.test(`selfTest() refuses an adapter on which ${broken} does nothing`, async () => {
    const gpu = await Gpu.open();
    const dispatch = gpu.dispatch.bind(gpu);
    gpu.dispatch = (asked) => broken.test(asked.kernel.label) ? undefined : dispatch(asked);
    await assert.rejects(
      selfTest(gpu),
      (error) => error instanceof AdapterError && /wrong results/.test(error.message),
    );
    gpu.destroy();
  });
}
