/** Matrix units: which an adapter lists, which of them compute right, and that a wrong one is not trusted. */
import assert from "node:assert/strict";
import { requestAdapter } from "../../src/gpu/adapter.ts";
import { backendOf } from "../../src/gpu/backend.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { findMatrixUnits, matrixFeatures } from "../../src/gpu/matrix_units.ts";
import { findDawn } from "../backend.ts";

const MATRICES = "chromium-experimental-subgroup-matrix";
const dawn = await findDawn();
const adapter = typeof dawn === "string" ? undefined : await requestAdapter("high-performance", dawn);
const missing = typeof dawn === "string"
  ? dawn
  : adapter?.features.has(MATRICES as GPUFeatureName)
  ? undefined
  : "the adapter lists none";
if (missing) console.log(`No test of matrix units: ${missing}`);

/** An adapter, and a device of it with all its features, that list what an adapter of Dawn does. */
function listing(features: readonly string[], sizes: readonly [number, number], configs: readonly string[]) {
  const has = new Set(features);
  const info = {
    subgroupMinSize: sizes[0],
    subgroupMaxSize: sizes[1],
    subgroupMatrixConfigs: configs.map((text) => {
      const [componentType, resultComponentType, M, N, K] = text.split(" ");
      return { componentType, resultComponentType, M: Number(M), N: Number(N), K: Number(K) };
    }),
  };
  return {
    adapter: { features: has, info } as unknown as GPUAdapter,
    device: { features: has } as unknown as GPUDevice,
  };
}

const ALL = [MATRICES, "subgroups", "subgroup-size-control", "shader-f16", "timestamp-query"];
const CONFIGS = [
  "u8 u32 16 16 32",
  "f16 f16 16 16 16",
  "f16 f32 16 8 16",
  "f32 f32 8 8 8",
  "f16 f32 16 16 16",
];
const backend = backendOf({} as GPU);

Deno.test("matrix units multiply f16, add in f32, and come from the largest, by the fewest lanes", async () => {
  const { adapter, device } = listing(ALL, [32, 64], CONFIGS);
  assert.deepEqual(matrixFeatures(adapter), [MATRICES, "subgroups", "shader-f16", "subgroup-size-control"]);
  assert.deepEqual(await findMatrixUnits(device, adapter, backend, "listed"), [
    { m: 16, n: 16, k: 16, subgroup: 32 },
    { m: 16, n: 8, k: 16, subgroup: 32 },
  ]);
});

Deno.test("where a driver may choose the lanes of a subgroup, there are no matrix units", async () => {
  const features = ALL.filter((name) => name !== "subgroup-size-control");
  const free = listing(features, [32, 64], CONFIGS);
  assert.deepEqual(await findMatrixUnits(free.device, free.adapter, backend, "listed"), []);
  const fixed = listing(features, [32, 32], ["f16 f32 16 16 16"]);
  assert.deepEqual(await findMatrixUnits(fixed.device, fixed.adapter, backend, "listed"), [
    { m: 16, n: 16, k: 16, subgroup: 32 },
  ]);
});

for (const feature of [MATRICES, "subgroups", "shader-f16"]) {
  Deno.test(`an adapter without ${feature} is not asked for matrix units`, () => {
    const { adapter } = listing(ALL.filter((name) => name !== feature), [32, 32], CONFIGS);
    assert.deepEqual(matrixFeatures(adapter), []);
  });
}

Deno.test("Deno's own WebGPU, plans for processors, and who wants none, get no matrix units", async () => {
  for (
    const options of [{ adapterClass: "software" }, { adapterClass: "gpu", matrixUnits: "none" }] as const
  ) {
    const gpu = await Gpu.open("auto", options);
    assert.deepEqual(gpu.matrixUnits, []);
    gpu.destroy();
  }
});

Deno.test({
  name: "Dawn's adapters have the matrix units that compute right, and none that do not",
  ignore: missing !== undefined,
  async fn() {
    const webgpu = dawn as GPU;
    const gpu = await Gpu.open("auto", { webgpu, adapterClass: "gpu" });
    assert.ok(gpu.matrixUnits.length > 0);
    gpu.destroy();

    const device = await adapter!.requestDevice({ requiredFeatures: [...matrixFeatures(adapter!)] });
    const own = backendOf(webgpu);
    const find = (change: (code: string) => string) =>
      findMatrixUnits(device, adapter!, {
        ...own,
        moduleText: (code, features) => own.moduleText(change(code), features),
      }, "tested");
    assert.deepEqual(await find((code) => code), gpu.matrixUnits);
    const wrong = [["col_major", "row_major"], ["f32(size)", "f32(size + 1u)"], [
      "MultiplyAccumulate(u,",
      "MultiplyAccumulate(x,",
    ]];
    for (const [from, to] of wrong) assert.deepEqual(await find((code) => code.replace(from!, to!)), [], to);
    device.destroy();
  },
});
