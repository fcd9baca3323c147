/** Plans of matrix products: valid whatever the shape, and every one of them right. */
import assert from "node:assert/strict";
import { Gpu } from "../../src/gpu/gpu.ts";
import { cast } from "../../src/ops/cast.ts";
import { gemm, gemmBy } from "../../src/ops/gemm.ts";
import {
  candidatePlans,
  defaultPlan,
  type GemmPlan,
  type PlanDevice,
  planFor,
  tileOf,
  tunedPlans,
} from "../../src/ops/gemm_plan.ts";
import { type GemmShape, nameOfShape, recordShapes } from "../../src/ops/gemm_shape.ts";
import { tuneShape } from "../../src/tuning/measure_plans.ts";
import { linear, matmul } from "../../src/ops/matmul.ts";
import { MAX_ITERATIONS } from "../../src/ops/workgroup.ts";
import { capture, scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { device, shapeOf } from "./gemm_shapes.ts";
import { generator } from "./table.ts";

// Names are keys of the plans' cache, and stand in profiles.
const names: readonly (readonly [Partial<GemmShape>, string])[] = [
  [{}, "2×4×3 NN"],
  [{ transposeA: true }, "2×4×3 TN"],
  [{ transposeB: true, epilogue: "bias_gelu" }, "2×4×3 NT bias_gelu"],
  [{ batch: 5 }, "5 · 2×4×3 NN"],
  [{ batch: 5, sharedA: true }, "5 shared A · 2×4×3 NN"],
  [{ batch: 5, sharedB: true }, "5 shared B · 2×4×3 NN"],
  [{ dtype: "f16" }, "2×4×3 NN f16"],
  [{ dtype: "f16", result: "f32" }, "2×4×3 NN f16 to f32"],
];
for (const [shape, name] of names) {
  Deno.test(`nameOfShape() gives ${name}`, () => {
    assert.equal(nameOfShape(shapeOf({ m: 2, n: 3, k: 4, ...shape })), name);
  });
}

/** What the kernels rely on. */
function assertValid({ limits }: PlanDevice, shape: GemmShape, plan: GemmPlan): void {
  const told = `${nameOfShape(shape)}: ${JSON.stringify(plan)}`;
  const depth = Math.ceil(shape.k / plan.splits / 16) * 16;
  assert.ok(plan.splits >= 1 && depth * plan.splits >= shape.k && depth <= 4 * MAX_ITERATIONS, told);
  const [rows, columns] = tileOf(plan);
  assert.ok(rows > 0 && columns > 0, told);
  if (plan.form === "lanes") return;
  const { tileM, tileN, step, buffers } = plan;
  if (plan.form === "matrix") {
    const { unitM, unitN, unitK, subgroup, rows, columns } = plan;
    const [across, down] = [tileN / (unitN * columns), tileM / (unitM * rows)];
    const lanes = across * down * subgroup;
    assert.ok([across, down, step / unitK].every((size) => Number.isInteger(size) && size >= 1), told);
    assert.ok(lanes <= limits.maxComputeInvocationsPerWorkgroup, told);
    const results = across * down * Math.max(unitM * unitN * columns / 4, subgroup);
    const bytes = 2 * buffers * (tileM + tileN) * (step + 8) + 16 * results;
    assert.ok(bytes <= limits.maxComputeWorkgroupStorageSize, told);
    assert.ok(step * Math.max(tileM, tileN) / 16 <= 2 * lanes, `${told}: over two blocks an invocation`);
    assert.ok(Number.isInteger(4 * lanes / tileM), `${told}: not one block of rows for each strip`);
    return;
  }
  const { ahead } = plan;
  const [across, down] = [tileN / (4 * plan.columns), tileM / (4 * plan.rows)];
  assert.ok(across * down <= limits.maxComputeInvocationsPerWorkgroup, told);
  assert.ok(4 * buffers * step * (tileM + tileN) <= limits.maxComputeWorkgroupStorageSize, told);
  const most = ahead ? 2 : 1;
  assert.ok(step * (tileM + tileN) / 16 <= most * across * down, `${told}: too many blocks an invocation`);
  assert.ok([across, down].every((size) => Number.isInteger(Math.log2(size)) && size >= 4), told);
}

Deno.test("candidatePlans() are valid and distinct for any shape and limits, the default first", () => {
  const random = generator(5);
  const below = (most: number) => 1 + Math.floor(random() * most);
  const devices = [
    device("software", 32768, 1024),
    device("gpu", 16384, 256),
    device("gpu", 32768, 1024),
    device("gpu", 49152, 1024),
    device("gpu", 65536, 256),
    device("gpu", 32768, 1024, "Apple M2"),
    { ...device("gpu", 32768, 1024), matrixUnits: [{ m: 8, n: 8, k: 8, subgroup: 8 }] },
    { ...device("gpu", 49152, 1024), matrixUnits: [16, 8].map((n) => ({ m: 16, n, k: 16, subgroup: 32 })) },
    { ...device("gpu", 16384, 256), matrixUnits: [{ m: 8, n: 16, k: 32, subgroup: 16 }] },
  ];
  const counts = new Map(devices.map((device) => [device, 0]));
  for (let i = 0; i < 250; i++) {
    const most = 2 ** below(13);
    const shape = shapeOf({
      m: below(most),
      n: below(most),
      k: below(i % 10 === 0 ? 500_000 : most),
      batch: i % 3 === 0 ? below(70_000) : 1,
      transposeA: random() < 0.5,
      transposeB: random() < 0.5,
      dtype: random() < 0.5 ? "f32" : "f16",
    });
    for (const device of devices) {
      const plans = candidatePlans(device, shape);
      assert.deepEqual(plans[0], defaultPlan(device, shape));
      assert.equal(
        new Set(plans.map((plan) => JSON.stringify(Object.entries(plan).sort()))).size,
        plans.length,
      );
      for (const plan of plans) assertValid(device, shape, plan);
      counts.set(device, counts.get(device)! + plans.length);
    }
  }
  for (const count of counts.values()) assert.ok(count > 1000, `${count} plans for 250 shapes`);
});

Deno.test("the default plans are what is known to be fast", () => {
  const [software, gpu] = [device("software", 32768, 1024), device("gpu", 49152, 1024)];
  const small = { operands: "texture", splits: 1 };
  // Wide tiles where there are many of them; few are not worth a kernel.
  for (const [m, columns] of [[256, 4], [240, 2]] as const) {
    assert.deepEqual(defaultPlan(software, shapeOf({ m, n: 256, k: 64 })), {
      form: "lanes",
      rows: 4,
      columns,
      ...small,
    });
  }
  const tiles = (given: Partial<GemmShape> & Pick<GemmShape, "m" | "n" | "k">) => {
    const plan = defaultPlan(gpu, shapeOf(given));
    assert.ok(plan.form === "tiles");
    return [plan.tileM, plan.tileN, plan.splits];
  };
  assert.deepEqual(tiles({ m: 4096, n: 4096, k: 4096 }), [128, 128, 1]);
  // A weight gradient: few tiles, a long sum.
  assert.deepEqual(tiles({ m: 768, n: 768, k: 6304, transposeA: true }), [64, 64, 5]);
  assert.deepEqual(tiles({ m: 544, n: 64, k: 64 }), [32, 32, 1]);
  assert.deepEqual(tiles({ m: 1, n: 1, k: 2, batch: 66_000 }), [16, 16, 1]);
});

const RIGHT: readonly GemmShape[] = [
  shapeOf({ m: 72, n: 68, k: 36, epilogue: "bias" }),
  shapeOf({ m: 21, n: 19, k: 37, transposeA: true, transposeB: true, epilogue: "bias_relu" }),
  shapeOf({ m: 20, n: 12, k: 1030, transposeA: true }),
  shapeOf({ m: 9, n: 12, k: 20, batch: 3, sharedB: true, transposeB: true, dtype: "f16", result: "f32" }),
];

/** Whole numbers of one digit: exact in any order, and in f16. */
const digits = (size: number, seed: number) =>
  Float32Array.from({ length: size }, (_, i) => (i * 7 + seed) % 11 % 5 - 2);

function expected(shape: GemmShape, a: Float32Array, b: Float32Array, bias: Float32Array): Float32Array {
  const { m, n, k, batch, transposeA, transposeB, sharedA, sharedB, epilogue } = shape;
  return Float32Array.from({ length: batch * m * n }, (_, at) => {
    const [z, i, j] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
    const [a0, b0] = [sharedA ? 0 : z * m * k, sharedB ? 0 : z * k * n];
    let sum = epilogue === "none" ? 0 : bias[j]!;
    for (let q = 0; q < k; q++) {
      sum += a[a0 + (transposeA ? q * m + i : i * k + q)]! * b[b0 + (transposeB ? j * k + q : q * n + j)]!;
    }
    return epilogue === "bias_relu" ? Math.max(sum, 0) : sum;
  });
}

/** How many plans of each of these are tried at least. */
const LEAST = { software: [9, 2, 8, 2], "software without subgroups": [3, 2], gpu: [8, 2, 6, 1] };

/**
 * Every tile, each with another of its ways to slice and to load than the one before, every second as GPUs with few registers
 * load: kernels take a second to compile.
 */
function onePerTile(plans: readonly GemmPlan[]): GemmPlan[] {
  const tiles = Map.groupBy(plans, (plan) => `${tileOf(plan)} ${plan.rows} ${plan.columns}`);
  return [...tiles.values()].map((ways, i) => {
    const plan = ways[i % ways.length]!;
    return plan.form === "tiles" && i % 2 === 1 ? { ...plan, ahead: false } : plan;
  });
}

/** Without subgroups kernels differ in how they load blocks of a, whole or not: a tile of each height will do. */
const onePerHeight = (plans: readonly GemmPlan[]) => [
  ...new Map(plans.map((plan) => [plan.rows, plan])).values(),
];

for (
  const [name, adapterClass, subgroups, chosen] of [
    ["software", "software", "tested", onePerTile],
    ["software without subgroups", "software", "none", onePerHeight],
    ["gpu", "gpu", "tested", onePerTile],
  ] as const
) {
  const tiles = chosen === onePerTile ? "every tile" : "a tile of each height";
  Deno.test(`${tiles} of the candidate plans gives the product, and adds it to what is there (${name})`, async (t) => {
    const gpu = await Gpu.open("auto", { adapterClass, subgroups });
    for (const [number, least] of LEAST[name].entries()) {
      const shape = RIGHT[number]!;
      const { m, n, k, batch, sharedA, sharedB, dtype, epilogue } = shape;
      const [a, b] = [digits((sharedA ? 1 : batch) * m * k, 1), digits((sharedB ? 1 : batch) * k * n, 3)];
      const bias = digits(n, 5);
      const right = expected(shape, a, b, bias);
      const all = candidatePlans(gpu, shape);
      const plans = shape.k > 1000 ? all : chosen(all);
      assert.ok(plans.length >= least, nameOfShape(shape));
      for (const [i, plan] of plans.entries()) {
        // Another kernel to compile each time; cut products add in theirs that joins the parts, which is small.
        const adds = i === plans.length - 1 || plan.splits > 1;
        await t.step(`${nameOfShape(shape)} by ${JSON.stringify(plan)}`, async () => {
          const operands = [a, b].map((data) => Tensor.from(gpu, data, [data.length]));
          const into = Tensor.from(gpu, new Float32Array(right.length).fill(3), [batch, m, n]);
          const c = scope(() => {
            const [x, y] = operands.map((tensor) => cast(tensor, dtype));
            const options = { ...shape, ...(epilogue !== "none" && { bias: Tensor.from(gpu, bias, [n]) }) };
            if (adds) gemmBy(plan, x!, y!, { ...options, into });
            return gemmBy(plan, x!, y!, options);
          });
          const [product, sum] = [await c.read(), await into.read()];
          for (let i = 0; i < right.length; i++) {
            assert.equal(product[i], right[i], `element ${i}`);
            assert.equal(sum[i], adds ? right[i]! + 3 : 3, `element ${i} of the sum`);
          }
          for (const tensor of [...operands, into, c]) tensor.dispose();
        });
      }
    }
    gpu.destroy();
  });
}

/** Plans that add up rows in ways of their own: by the blocks of a lane, or by tiles; whole, or in parts. */
const SUMMING = {
  software: {
    shape: shapeOf({ m: 26, n: 12, k: 130, transposeA: true }), // the last block of any height is cut off
    blocksOf: ({ rows }: GemmPlan) => `${rows} rows`,
    ways: [["2 rows", 1], ["4 rows", 1], ["6 rows", 1], ["4 rows", 2]],
  },
  gpu: {
    shape: shapeOf({ m: 70, n: 36, k: 134, transposeA: true }),
    blocksOf: (plan: GemmPlan) => `${tileOf(plan)} by ${plan.columns}`,
    ways: [["64,32 by 1", 1], ["64,64 by 1", 2]],
  },
} as const;
for (const adapterClass of ["software", "gpu"] as const) {
  const { shape, blocksOf, ways } = SUMMING[adapterClass];
  Deno.test(`a product adds up the rows of its first operand on the way, whatever its blocks (${adapterClass})`, async (t) => {
    const gpu = await Gpu.open("auto", { adapterClass });
    const { m, n, k } = shape;
    const [a, b] = [digits(m * k, 1), digits(n * k, 3)];
    const right = Float32Array.from(
      { length: m },
      (_, i) => a.reduce((sum, x, at) => at % m === i ? sum + x : sum, 2),
    );
    const plans = new Map(candidatePlans(gpu, shape).map((plan) => [blocksOf(plan), plan]));
    for (const [blocks, splits] of ways) {
      await t.step(`${blocks}, in ${splits} parts`, async () => {
        const [x, y] = [Tensor.from(gpu, a, [k, m]), Tensor.from(gpu, b, [k, n])];
        const rowSums = Tensor.from(gpu, new Float32Array(m).fill(2), [m]);
        const c = capture(() => gemmBy({ ...plans.get(blocks)!, splits }, x, y, { ...shape, rowSums }));
        assert.deepEqual(await rowSums.read(), right);
        assert.deepEqual(await c.read(), expected(shape, a, b, new Float32Array(n)));
        for (const tensor of [x, y, rowSums, c]) tensor.dispose();
      });
    }
    gpu.destroy();
  });
}

Deno.test("products go by the device's table of plans, and else by the default", async () => {
  const gpu = await Gpu.open("auto", { adapterClass: "software" });
  const a = Tensor.from(gpu, digits(8 * 64, 1), [8, 64]);
  const b = Tensor.from(gpu, digits(64 * 8, 2), [64, 8]);
  const shape = shapeOf({ m: 8, n: 8, k: 64 });
  const dispatched = () => {
    const before = gpu.dispatches;
    const c = gemm(a, b, shape);
    return { c, dispatches: gpu.dispatches - before };
  };
  const plain = dispatched();
  assert.equal(plain.dispatches, 1);
  const inTwo: GemmPlan = { ...defaultPlan(gpu, shape), splits: 2 };
  tunedPlans.set(gpu, new Map([[nameOfShape(shape), inTwo]]));
  assert.deepEqual(planFor(gpu, shape), inTwo);
  const cut = dispatched();
  assert.equal(cut.dispatches, 2);
  assert.deepEqual(await cut.c.read(), await plain.c.read());
  assert.deepEqual(planFor(gpu, { ...shape, m: 9 }), defaultPlan(gpu, { ...shape, m: 9 }));
  for (const tensor of [a, b, plain.c, cut.c]) tensor.dispose();
  gpu.destroy();
});

Deno.test("recordShapes() finds the distinct shapes of products and how often each comes", async () => {
  const gpu = await Gpu.open();
  const [x, w, bias] = [[6, 8], [4, 8], [4]].map((shape) =>
    Tensor.from(gpu, digits(shape.reduce((a, b) => a * b), 1), shape)
  );
  const shapes = recordShapes(() =>
    scope(() => {
      linear(x!, w!, bias!);
      linear(x!, w!, bias!);
      matmul(x!, w!, { transposeB: true });
    })
  );
  scope(() => void linear(x!, w!)); // is no part of it
  assert.deepEqual(shapes.map(({ shape, calls }) => [nameOfShape(shape), calls]), [
    ["6×8×4 NT bias", 2],
    ["6×8×4 NT", 1],
  ]);
  for (const tensor of [x, w, bias]) tensor!.dispose();
  gpu.destroy();
});

Deno.test("tuneShape() gives a candidate that is no slower than the default, and leaves nothing behind", async () => {
  const gpu = await Gpu.open("auto", { adapterClass: "software" });
  const { live } = gpu.memory;
  const shape = shapeOf({ m: 8, n: 12, k: 40, epilogue: "bias_gelu_saved", transposeB: true });
  const tuned = await tuneShape(gpu, shape);
  assert.deepEqual(tuned.wrong, []);
  assert.equal(tuned.candidates, candidatePlans(gpu, shape).length);
  assert.ok(candidatePlans(gpu, shape).some((plan) => JSON.stringify(plan) === JSON.stringify(tuned.plan)));
  assert.ok(tuned.milliseconds > 0 && tuned.milliseconds <= tuned.defaultMilliseconds);
  assert.equal(gpu.memory.live, live);
  gpu.destroy();
});
