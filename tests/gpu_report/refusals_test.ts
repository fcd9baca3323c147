/** Refusals are told with the compiler and the kernel, by programs that stand in for naga and Dawn. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { RecordedKernel, RecordedStep } from "../../scripts/gpu_report/record_step.ts";
import { refusedByNaga, refusedByTint } from "../../scripts/gpu_report/refusals.ts";

const kernel = (id: number, label: string, code: string): RecordedKernel => ({
  id,
  label,
  entry: "main",
  constants: {},
  code,
  layout: [],
  workgroupSize: 64,
});
const step = (...kernels: RecordedKernel[]): RecordedStep => ({ kernels, dispatches: [] });

/** A folder that has these files, for as long as `body` takes. */
async function withFolder(
  files: Record<string, string>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    for (const [path, text] of Object.entries(files)) {
      Deno.mkdirSync(join(folder, path, ".."), { recursive: true });
      Deno.writeTextFileSync(join(folder, path), text, { mode: 0o755 });
    }
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("where there is no compiler, nothing is said of refusals", async () => {
  assert.equal(await refusedByNaga("/nowhere", step()), undefined);
  assert.equal(await refusedByTint("/nowhere", step(), [step()]), undefined);
});

Deno.test({
  name: "naga: each target by itself, with the first line that it says",
  ignore: Deno.build.os === "windows",
  // Refuses HLSL of a kernel that has "bad" in it.
  fn: () =>
    withFolder({
      "bin/naga": "#!/bin/sh\nfor last; do :; done\ncase $last in *.hlsl) for f; do case $f in *.wgsl) " +
        'if grep -q bad "$f"; then printf "\\n  no such thing\\nmore\\n" >&2; exit 1; fi;; esac; done;; esac\n',
    }, async (folder) => {
      const refusals = await refusedByNaga(
        folder,
        step(kernel(0, "a.main", "good"), kernel(1, "b.main", "bad")),
      );
      assert.deepEqual(refusals, [{ by: "naga to HLSL", kernel: "b.main", message: "no such thing" }]);
    }),
});

Deno.test("Tint: modules of all, and pipelines of those for the least adapter", () =>
  withFolder({
    "dawn/node_modules/webgpu/index.js": `
      let error = null;
      const device = {
        pushErrorScope() { error = null; },
        popErrorScope: () => Promise.resolve(error),
        createShaderModule: ({ code }) => { if (code.includes("bad")) error = { message: "Tint says no\\nmore" }; },
        createComputePipeline: ({ compute }) => { if (compute.entryPoint === "main") error ??= { message: "too large" }; },
        createPipelineLayout() {},
        createBindGroupLayout() {},
        destroy() {},
      };
      const adapter = { features: new Set(["subgroups"]), requestDevice: () => Promise.resolve(device) };
      export const create = () => ({ requestAdapter: () => Promise.resolve(adapter) });`,
  }, async (folder) => {
    const all = step(kernel(0, "a.main", "good"), kernel(1, "b.main", "bad"));
    const least = step(kernel(0, "c.main", "good"), kernel(1, "d.main", "bad"));
    assert.deepEqual(await refusedByTint(folder, least, [all]), [
      { by: "Tint", kernel: "b.main", message: "Tint says no" },
      { by: "Tint at WebGPU's default limits", kernel: "c.main", message: "too large" },
      { by: "Tint at WebGPU's default limits", kernel: "d.main", message: "Tint says no" },
    ]);
  }));
