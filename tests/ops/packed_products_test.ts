/** Products of f16 that are added up in f16 within a slice: how exact, and where they are taken. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { cast } from "../../src/ops/cast.ts";
import { gemm } from "../../src/ops/gemm.ts";
import { type GemmPlan, packsProducts, type PlanDevice, planFor } from "../../src/ops/gemm_plan.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { families } from "./families.ts";
import { device, shapeOf } from "./gemm_shapes.ts";
import { checkCase, type Exception, generator } from "./table.ts";

const typeOfSlices = (plan: GemmPlan) => plan.form === "tiles" ? plan.slices : "none";

Deno.test("planFor() packs products of f16 by tiles, on devices that are to, with registers for it", () => {
  const shape = { m: 640, n: 640, k: 640 };
  const told = (on: PlanDevice, dtype: "f32" | "f16") =>
    typeOfSlices(planFor(on, shapeOf({ ...shape, dtype })));
  const gpu = device("gpu", 49152, 1024);
  assert.equal(told(gpu, "f16"), "f32");
  packsProducts.set(gpu, true);
  assert.deepEqual([told(gpu, "f16"), told(gpu, "f32")], ["f16", "f32"]);
  for (const other of [device("gpu", 32768, 1024, "Apple M1"), device("software", 32768, 1024)]) {
    packsProducts.set(other, true);
    assert.notEqual(told(other, "f16"), "f16");
  }
});

/** A GPU whose products are by tiles and packed; undefined where the adapter has no f16. */
async function packingGpu(): Promise<Gpu | undefined> {
  const gpu = await Gpu.open("auto", { adapterClass: "gpu", matrixUnits: "none" });
  packsProducts.set(gpu, true);
  if (gpu.features.has("shader-f16")) return gpu;
  gpu.destroy();
  return undefined;
}

/**
 * Sums on the way through a slice are about 5 where products are up to 4, and rounded to f16 by up to 2^-9 each: 16 roundings
 * in each of up to 5 slices have a standard deviation of 0.01, and thousands of elements come up to five times that.
 */
const PACKED: Exception = {
  forward: 5e-2,
  gradient: 5e-2,
  reason: "products of a slice are added up in f16",
};

Deno.test("packed products match the oracle, forward and backward, within what a slice in f16 loses", async (t) => {
  const gpu = await packingGpu();
  if (!gpu) return;
  const rows = Object.values(families).flat().filter(({ name, halves }) =>
    halves !== undefined && /^(matmul .. \[67,72\]|linear \[65, 36\] to 132, none)/.test(name)
  );
  assert.equal(rows.length, 5);
  for (const row of rows) await t.step(row.name, () => checkCase(gpu, { ...row, halves: PACKED }, "f16"));
  gpu.destroy();
});

Deno.test("packed products of normal numbers are off by 7e-4 of their size, however long the sum", async () => {
  const gpu = await packingGpu();
  if (!gpu) return;
  const random = generator(7);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const [m, n] = [32, 32];
  for (const k of [16, 200, 2000]) {
    const draw = (size: number) =>
      Float32Array.from(new Float16Array(Float32Array.from({ length: size }, normal)));
    const [a, b] = [draw(m * k), draw(k * n)];
    const c = scope(() => {
      const [x, y] = [cast(Tensor.from(gpu, a, [m, k]), "f16"), cast(Tensor.from(gpu, b, [k, n]), "f16")];
      return gemm(x, y, { m, n, k, result: "f32" });
    });
    const found = await c.read();
    c.dispose();
    let off = 0, size = 0;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let right = 0;
        for (let q = 0; q < k; q++) right += a[i * k + q]! * b[q * n + j]!;
        off += (found[i * n + j]! - right) ** 2;
        size += right ** 2;
      }
    }
    const error = Math.sqrt(off / size);
    assert.ok(error < 7.5e-4, `k = ${k}: ${error}`);
    assert.ok(error > 1e-4, `k = ${k}: ${error} is what f32 would give`);
  }
  gpu.destroy();
});
