/** Deno's own WebGPU and Dawn: what differs between them is made up for, and they compute the same. */
import assert from "node:assert/strict";
import { SMALL, unisStep } from "../../scripts/bench/unis_step.ts";
import { describeAdapter, requestAdapter } from "../../src/gpu/adapter.ts";
import { listAdapters } from "../../src/gpu/adapter_list.ts";
import { backendOf } from "../../src/gpu/backend.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { findDawn, OWN } from "../backend.ts";

const dawn = await findDawn();
if (typeof dawn === "string") console.log(`No test of Dawn: ${dawn}`);

/** A test on Dawn, where it is at hand. */
function testDawn(name: string, body: (webgpu: GPU) => Promise<void>): void {
  Deno.test({ name, ignore: typeof dawn === "string", fn: () => body(dawn as GPU) });
}

/** What the driver calls the adapter that is opened, as Dawn spells it: Deno's own has that as its description. */
async function adapterOf(webgpu: GPU): Promise<string | undefined> {
  const info = (await requestAdapter("high-performance", webgpu))?.info;
  const called = webgpu === OWN ? info?.description : info?.device;
  return called?.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replace(/-$/, "");
}

Deno.test("modules are enabled to use extensions for Tint alone, which demands it where they do", () => {
  const own = backendOf(OWN);
  const other = backendOf({} as GPU);
  const all = new Set(["subgroup-size-control"]);
  const plain = "fn f() -> f32 { return subgroup + subgroups(1.0); }";
  const matrix = "let x: subgroup_matrix_left<f16, 8, 8>;";
  const sized = "@workgroup_size(64) @subgroup_size(WG)";
  for (
    const [code, enabled] of [
      ["let s = subgroupAdd(x);", "enable subgroups;\n"],
      ["@builtin(subgroup_size) size: u32", "enable subgroups;\n"],
      [matrix, "enable subgroups;\nenable chromium_experimental_subgroup_matrix;\n"],
      [sized, "enable subgroups;\nenable subgroup_size_control;\n"],
      [plain, ""],
    ] as const
  ) {
    assert.equal(own.moduleText(code, all), code);
    assert.equal(other.moduleText(code, all), enabled + code);
  }
  assert.equal(other.moduleText(sized, new Set()), "@workgroup_size(64)", "where all subgroups are alike");
});

testDawn("adapters say that they are Dawn's, whose vendors are spelt as Deno's", async (webgpu) => {
  const [own, other] = await Promise.all([listAdapters(OWN), listAdapters(webgpu)]);
  for (const { name } of own) assert.ok(!name.endsWith(" on Dawn"), name);
  for (const { name, vendor } of other) {
    assert.match(name, / on Dawn$/);
    assert.ok(!/^[a-z]/.test(vendor), vendor);
  }
  const adapter = { info: { vendor: "nvidia", description: "X" }, features: new Set(), limits: {} };
  assert.equal(describeAdapter(adapter as unknown as GPUAdapter, backendOf(webgpu)).vendor, "NVIDIA");
});

testDawn("bytes, halves and errors go through Dawn as through Deno's own", async (webgpu) => {
  const gpu = await Gpu.open("auto", { webgpu });
  for (const size of [0, 1, 3, 1001]) {
    const data = Uint8Array.from({ length: size }, (_, i) => i * 7);
    assert.deepEqual(await Tensor.from(gpu, data, [size]).read(), data, `${size} bytes`);
  }
  const halves = gpu.take(256);
  gpu.write({ buffer: halves, offset: 0, bytes: 6 }, Float16Array.of(1.5, -2, 0.25));
  const [read] = await gpu.read([{ buffer: halves, offset: 0, bytes: 6 }]);
  assert.deepEqual(new Float16Array(read!), Float16Array.of(1.5, -2, 0.25));
  gpu.destroy();
});

for (const adapterClass of ["software", "gpu"] as const) {
  testDawn(
    `ten UniS-MMC steps planned for ${adapterClass} have the losses of Deno's own, to the bit`,
    async (webgpu) => {
      const [adapter, other] = await Promise.all([adapterOf(OWN), adapterOf(webgpu)]);
      if (adapter !== other) return console.log(`Not compared: ${adapter} and ${other} are two adapters`);
      const losses: number[][] = [];
      for (const one of [OWN, webgpu]) {
        const gpu = await Gpu.open("auto", { webgpu: one, adapterClass });
        const step = unisStep(gpu, SMALL);
        const own: number[] = [];
        for (let i = 0; i < 10; i++) {
          step.run();
          own.push(await step.loss());
        }
        losses.push(own);
        gpu.destroy();
      }
      assert.deepEqual(losses[1], losses[0]);
      assert.ok(losses[0]![9]! < losses[0]![0]!, `${losses[0]} do not fall`);
    },
  );
}
