/** Products by matrix units: when they are planned, and that every way to divide one gives the product. */
import assert from "node:assert/strict";
import { DryRunGpu } from "../../src/gpu/dry_run_gpu.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import type { MatrixUnit } from "../../src/gpu/matrix_units.ts";
import { cast } from "../../src/ops/cast.ts";
import { gemmBy } from "../../src/ops/gemm.ts";
import { candidateMatrix, defaultMatrix, type MatrixPlan } from "../../src/ops/gemm_matrix.ts";
import { candidatePlans, defaultPlan, type GemmPlan, type PlanDevice } from "../../src/ops/gemm_plan.ts";
import { depthOf, type GemmShape, hasWholeSteps, nameOfShape } from "../../src/ops/gemm_shape.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { findMatrixDevice } from "../matrix_device.ts";
import { device, shapeOf } from "./gemm_shapes.ts";
import { generator } from "./table.ts";

const unit = (m: number, n: number, k: number, subgroup: number): MatrixUnit => ({ m, n, k, subgroup });
const having = (plain: PlanDevice, ...matrixUnits: MatrixUnit[]): PlanDevice => ({ ...plain, matrixUnits });

const nvidia = having(
  device("gpu", 49152, 1024, "NVIDIA H100 80GB HBM3"),
  unit(16, 16, 16, 32),
  unit(16, 8, 16, 32),
);
const amd = having(device("gpu", 65536, 1024), unit(16, 16, 16, 32));
const intel = having(device("gpu", 32768, 1024, "Intel(R) Arc(TM) A770 Graphics"), unit(8, 16, 16, 16));
const narrow = having(device("gpu", 32768, 1024), unit(8, 8, 8, 8));
const deep = having(device("gpu", 16384, 256), unit(8, 16, 32, 16));
const none = device("gpu", 49152, 1024);

/** As `128x128 4x4 32x1 /1`: tile, matrices of a subgroup, slices, parts; or the form where it is none by matrix units. */
function briefly(plan: GemmPlan): string {
  if (plan.form !== "matrix") return plan.form;
  const { tileM, tileN, rows, columns, step, buffers, splits } = plan;
  return `${tileM}x${tileN} ${rows}x${columns} ${step}x${buffers} /${splits}`;
}

const f16 = { dtype: "f16" } as const;
// Where one plan gives way to the next. The shapes are those of a ViT-base and of smaller things.
const edges:
  readonly (readonly [PlanDevice, Partial<GemmShape> & Pick<GemmShape, "m" | "n" | "k">, string])[] = [
    [nvidia, { m: 6304, n: 768, k: 768, ...f16 }, "128x128 4x4 32x1 /1"],
    [nvidia, { m: 4096, n: 768, k: 768, ...f16 }, "128x64 4x2 32x1 /1"],
    [nvidia, { m: 768, n: 768, k: 6304, ...f16 }, "128x128 4x4 32x1 /3"],
    [nvidia, { m: 32, n: 101, k: 768, ...f16 }, "32x32 1x1 32x2 /1"],
    [nvidia, { m: 4096, n: 4096, k: 16, ...f16 }, "128x128 4x4 16x1 /1"],
    [nvidia, { m: 9, n: 9, k: 64, ...f16 }, "16x16 1x1 32x2 /1"],
    [nvidia, { m: 8, n: 9, k: 64, ...f16 }, "tiles"],
    [nvidia, { m: 6304, n: 768, k: 768 }, "tiles"],
    [none, { m: 6304, n: 768, k: 768, ...f16 }, "tiles"],
    [amd, { m: 6304, n: 768, k: 768, ...f16 }, "128x128 4x4 16x1 /1"],
    [intel, { m: 768, n: 768, k: 6304, ...f16 }, "64x128 4x4 16x2 /3"],
    [intel, { m: 32, n: 101, k: 768, ...f16 }, "16x32 1x1 32x2 /1"],
    [narrow, { m: 5, n: 9, k: 7, ...f16 }, "8x8 1x1 16x1 /1"],
    [deep, { m: 4096, n: 768, k: 768, ...f16 }, "64x64 4x2 32x1 /1"],
    [deep, { m: 4096, n: 4096, k: 16, ...f16 }, "64x64 4x2 32x1 /1"],
  ];
for (const [on, shape, expected] of edges) {
  Deno.test(`the default plan of ${nameOfShape(shapeOf(shape))} by ${JSON.stringify(on.matrixUnits)}`, () => {
    assert.equal(briefly(defaultPlan(on, shapeOf(shape))), expected);
  });
}

Deno.test("a product of f32 has no plan by matrix units, and one of f16 those by tiles beside them", () => {
  const shape = shapeOf({ m: 197, n: 768, k: 768 });
  assert.deepEqual([...candidateMatrix(nvidia, shape)], []);
  const plans = candidatePlans(nvidia, { ...shape, dtype: "f16" });
  assert.deepEqual(new Set(plans.map(({ form }) => form)), new Set(["matrix", "tiles"]));
  const units = plans.flatMap((plan) =>
    plan.form === "matrix" ? `${plan.unitM}x${plan.unitN}x${plan.unitK}` : []
  );
  assert.deepEqual(new Set(units), new Set(["16x16x16", "16x8x16"]));
});

Deno.test("a device that only counts has the plans of the one that it is like", () => {
  const like = { ...nvidia, slots: new Map(), features: new Set() } as unknown as Gpu;
  const shape = shapeOf({ m: 197, n: 768, k: 768, dtype: "f16" });
  assert.deepEqual(defaultPlan(new DryRunGpu(like).gpu, shape), defaultPlan(nvidia, shape));
  assert.equal(defaultPlan(nvidia, shape).form, "matrix");
});

const wholeSteps: readonly (readonly [k: number, step: 16 | 32, splits: number, whole: boolean])[] = [
  [768, 32, 1, true],
  [784, 32, 1, false],
  [784, 16, 1, true],
  [50, 16, 1, false],
  [96, 32, 2, false], // 48 and 48
  [96, 16, 2, true],
  [128, 32, 2, true],
  [6304, 32, 3, true], // 2112, 2112 and 2080
];
for (const [k, step, splits, whole] of wholeSteps) {
  Deno.test(`${splits} parts of ${k} are ${whole ? "" : "not "}whole steps of ${step}`, () => {
    const plan: MatrixPlan = { ...defaultMatrix(amd, shapeOf({ m: 64, n: 64, k, ...f16 }))!, step, splits };
    const isWhole = Array.from({ length: splits }, (_, s) => {
      const first = s * depthOf(k, splits);
      return (Math.min(first + depthOf(k, splits), k) - first) % step === 0;
    }).every(Boolean);
    assert.equal(hasWholeSteps(k, plan), isWhole);
    assert.equal(isWhole, whole);
  });
}

const opened = await findMatrixDevice();
if (typeof opened === "string") console.log(`No product by matrix units: ${opened}`);

/** A test on a device that has matrix units, where one is at hand. */
function testOnUnits(name: string, body: (gpu: Gpu, t: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name, ignore: typeof opened === "string", fn: (t) => body(opened as Gpu, t) });
}

/** Whole numbers of one digit: exact in any order, and in f16. */
const digits = (size: number, seed: number) =>
  Float32Array.from({ length: size }, (_, i) => (i * 7 + seed) % 11 % 5 - 2);

/** Matrices of a subgroup, subgroups of a workgroup, slices and parts. */
const DIVISIONS = [
  { rows: 1, columns: 1, down: 1, across: 1, step: 16, buffers: 1, splits: 1 },
  { rows: 1, columns: 1, down: 2, across: 2, step: 32, buffers: 2, splits: 2 },
  { rows: 2, columns: 1, down: 1, across: 2, step: 32, buffers: 1, splits: 2 },
  { rows: 2, columns: 2, down: 2, across: 1, step: 16, buffers: 2, splits: 1 },
  { rows: 4, columns: 2, down: 1, across: 2, step: 16, buffers: 1, splits: 2 },
  { rows: 2, columns: 4, down: 2, across: 1, step: 16, buffers: 1, splits: 1 },
  { rows: 4, columns: 4, down: 2, across: 2, step: 16, buffers: 2, splits: 1 },
] as const;

testOnUnits(
  "every way to divide a product gives it, adds it to what is there, and the sums of the rows of a",
  async (gpu, t) => {
    const shape = shapeOf({ m: 70, n: 44, k: 134, transposeA: true, result: "f32", dtype: "f16" });
    const { m, n, k } = shape;
    const [a, b] = [digits(m * k, 1), digits(k * n, 3)];
    const rowSums = new Float32Array(m).fill(2);
    const right = new Float32Array(m * n).fill(3);
    for (let q = 0; q < k; q++) {
      for (let i = 0; i < m; i++) {
        rowSums[i]! += a[q * m + i]!;
        for (let j = 0; j < n; j++) right[i * n + j]! += a[q * m + i]! * b[q * n + j]!;
      }
    }
    for (const { down, across, ...division } of DIVISIONS) {
      const whole = defaultMatrix(gpu, shape)!;
      const tileM = whole.unitM * division.rows * down;
      const plan = { ...whole, ...division, tileM, tileN: whole.unitN * division.columns * across };
      await t.step(JSON.stringify(plan), async () => {
        const sums = Tensor.from(gpu, new Float32Array(m).fill(2), [m]);
        const into = Tensor.from(gpu, new Float32Array(m * n).fill(3), [m, n]);
        scope(() => {
          const [x, y] = [cast(Tensor.from(gpu, a, [k, m]), "f16"), cast(Tensor.from(gpu, b, [k, n]), "f16")];
          gemmBy(plan, x, y, { ...shape, into, rowSums: sums });
        });
        assert.deepEqual(await into.read(), right);
        assert.deepEqual(await sums.read(), rowSums);
        for (const tensor of [sums, into]) tensor.dispose();
      });
    }
  },
);

testOnUnits("products are the same to the bit each time", async (gpu) => {
  const shape = shapeOf({ m: 67, n: 45, k: 300, dtype: "f16", result: "f32" });
  const { m, n, k } = shape;
  const random = generator(7);
  const draw = (size: number) => Float32Array.from({ length: size }, () => 2 * random() - 1);
  const [a, b] = [Tensor.from(gpu, draw(m * k), [m, k]), Tensor.from(gpu, draw(k * n), [k, n])];
  const plan = { ...defaultMatrix(gpu, shape)!, splits: 2 };
  const products: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    const c = scope(() => gemmBy(plan, cast(a, "f16"), cast(b, "f16"), shape));
    products.push(await c.read());
    c.dispose();
  }
  for (const product of products) assert.deepEqual(product, products[0]);
  for (const tensor of [a, b]) tensor.dispose();
});
