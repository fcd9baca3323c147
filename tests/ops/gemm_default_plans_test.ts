/**
 * Where one plan of a product gives way to the next. The thresholds were measured (scripts/bench/README.md), and none of
 * them shows in what a product gives: this is where they are written down a second time, so that none changes unseen.
 */
import assert from "node:assert/strict";
import { candidatePlans, defaultPlan, type GemmPlan, type PlanDevice } from "../../src/ops/gemm_plan.ts";
import { type GemmShape, nameOfShape } from "../../src/ops/gemm_shape.ts";
import { device, shapeOf } from "./gemm_shapes.ts";

type Size = Partial<GemmShape> & Pick<GemmShape, "m" | "n" | "k">;

/** As `4x4 texture /1`, blocks and operands, or `64x64 2x2 16x1 /3`, tile, blocks and slices; then parts of the sum. */
function briefly(plan: GemmPlan): string {
  const { form, rows, columns, splits, operands } = plan;
  if (form === "lanes") return `${rows}x${columns} ${operands} /${splits}`;
  const ahead = plan.form === "matrix" || plan.ahead ? "" : " not ahead";
  return `${plan.tileM}x${plan.tileN} ${rows}x${columns} ${plan.step}x${plan.buffers} /${splits}${ahead}`;
}

const processor = device("software", 32768, 1024),
  large = device("gpu", 49152, 1024),
  h100 = device("gpu", 49152, 1024, "NVIDIA H100 80GB HBM3"),
  little = device("gpu", 16384, 256),
  m1 = device("gpu", 32768, 1024, "Apple M1");

// Where one plan gives way to the next, on either side.
const edges: readonly (readonly [PlanDevice, Size, string])[] = [
  [processor, { m: 248, n: 256, k: 64 }, "4x4 texture /1"],
  [processor, { m: 241, n: 256, k: 64 }, "4x4 texture /1"],
  [processor, { m: 240, n: 256, k: 64 }, "4x2 texture /1"],
  [processor, { m: 240, n: 260, k: 64 }, "4x4 texture /1"],
  [processor, { m: 4096, n: 252, k: 64 }, "4x2 storage /1"],
  [processor, { m: 60, n: 256, k: 64, batch: 8 }, "4x4 texture /1"],
  [processor, { m: 64, n: 36, k: 64 }, "4x2 texture /1"],
  [processor, { m: 64, n: 32, k: 64 }, "4x1 texture /1"],
  [processor, { m: 64, n: 33, k: 64 }, "2x2 texture /1"],
  [processor, { m: 64, n: 256, k: 63 }, "2x2 texture /1"],
  [processor, { m: 64, n: 256, k: 4095 }, "2x2 storage /1"],
  [processor, { m: 64, n: 256, k: 4096 }, "4x2 storage /1"],
  [processor, { m: 64, n: 256, k: 2048, batch: 2 }, "4x2 storage /1"],
  [processor, { m: 64, n: 256, k: 2048, batch: 2, sharedA: true }, "4x2 storage /1"],
  [processor, { m: 64, n: 256, k: 1024, batch: 8, sharedB: true }, "4x4 storage /1"],
  [processor, { m: 64, n: 256, k: 4096, dtype: "f16" }, "4x2 storage /1"],
  [processor, { m: 64, n: 64, k: 131072 }, "4x2 storage /1"],
  [processor, { m: 64, n: 64, k: 131073 }, "2x2 storage /2"],
  [large, { m: 2048, n: 2048, k: 64 }, "128x64 2x2 16x1 /1"],
  [large, { m: 1920, n: 2048, k: 64 }, "64x64 2x2 16x1 /1"],
  [large, { m: 1920, n: 2048, k: 511 }, "64x64 2x2 16x1 /1"],
  [large, { m: 1920, n: 2048, k: 512 }, "64x64 2x2 16x1 /1"],
  [large, { m: 128, n: 2048, k: 64, batch: 16 }, "128x64 2x2 16x1 /1"],
  [large, { m: 65, n: 4096, k: 64, batch: 8 }, "128x64 2x2 16x1 /1"],
  [large, { m: 64, n: 4096, k: 64, batch: 8 }, "64x64 2x2 16x1 /1"],
  [large, { m: 4096, n: 64, k: 64, batch: 8 }, "64x64 2x2 16x1 /1"],
  [large, { m: 1000, n: 33, k: 64 }, "32x32 1x1 16x1 /1"],
  [large, { m: 17, n: 17, k: 64 }, "32x32 1x1 16x1 /1"],
  [large, { m: 16, n: 17, k: 64 }, "16x16 1x1 16x1 /1"],
  [large, { m: 4096, n: 4096, k: 8 }, "128x128 2x2 8x1 /1"],
  [large, { m: 4096, n: 4096, k: 9 }, "128x128 2x2 16x1 /1"],
  [large, { m: 4096, n: 4096, k: 16 }, "128x128 2x2 16x1 /1"],
  [large, { m: 4096, n: 4096, k: 17 }, "128x128 2x2 16x1 /1"],
  [large, { m: 16, n: 16, k: 100_000 }, "16x16 1x1 16x1 /128"],
  [h100, { m: 6304, n: 768, k: 768 }, "64x64 2x2 16x1 /1"],
  [h100, { m: 6304, n: 768, k: 3072 }, "64x64 2x2 16x1 /1"],
  [h100, { m: 4096, n: 768, k: 768 }, "128x64 2x2 16x1 /1"],
  [h100, { m: 768, n: 768, k: 6304 }, "128x128 2x2 16x1 /7"],
  [h100, { m: 1536, n: 1408, k: 64 }, "128x128 2x2 16x1 /1"],
  [h100, { m: 1536, n: 1409, k: 64 }, "64x64 2x2 16x1 /1"],
  [h100, { m: 32, n: 768, k: 3072 }, "32x32 1x1 16x1 /11"],
  [little, { m: 4096, n: 4096, k: 64 }, "64x64 2x2 16x1 /1"],
  [little, { m: 1920, n: 1024, k: 64 }, "64x64 2x2 16x1 /1"],
  // With few registers an invocation brings one block of a slice, and holds none while it multiplies.
  [m1, { m: 6304, n: 768, k: 3072 }, "128x128 2x2 16x1 /1 not ahead"],
  [m1, { m: 4096, n: 64, k: 64, batch: 8 }, "128x64 2x2 8x2 /1 not ahead"],
  [m1, { m: 768, n: 32, k: 768 }, "32x32 1x1 16x1 /1 not ahead"],
  [m1, { m: 16, n: 16, k: 64 }, "16x16 1x1 8x2 /1 not ahead"],
];
for (const [on, shape, expected] of edges) {
  Deno.test(`the default plan of ${nameOfShape(shapeOf(shape))} on ${on.adapterClass}`, () => {
    assert.equal(briefly(defaultPlan(on, shapeOf(shape))), expected);
  });
}

// How many are worth measuring of each size of blocks, or of tiles.
const candidates: readonly (readonly [PlanDevice, Size, string])[] = [
  [processor, { m: 64, n: 64, k: 255 }, "2x2: 2, 4x2: 4, 4x1: 2, 6x2: 4, 6x1: 4, 2x1: 2"],
  [processor, { m: 64, n: 64, k: 256 }, "4x2: 6, 4x1: 2, 6x2: 6, 6x1: 6, 2x2: 2, 2x1: 2"],
  [
    processor,
    { m: 128, n: 128, k: 128 },
    "4x2: 2, 4x4: 2, 4x1: 2, 6x4: 4, 6x2: 2, 6x1: 2, 2x4: 2, 2x2: 2, 2x1: 2",
  ],
  [
    processor,
    { m: 128, n: 128, k: 132 },
    "4x2: 1, 4x4: 1, 4x1: 1, 6x4: 2, 6x2: 1, 6x1: 1, 2x4: 1, 2x2: 1, 2x1: 1",
  ],
  [processor, { m: 8, n: 32, k: 32 }, "4x1: 1, 2x1: 2"],
  [processor, { m: 9, n: 33, k: 32 }, "2x2: 2, 4x2: 2, 4x1: 2, 2x1: 2"],
  [large, { m: 64, n: 64, k: 768 }, "32x32 1x1: 6, 64x64 2x2: 6, 64x64 2x1: 6, 64x32 2x1: 6, 16x16 1x1: 6"],
  [
    large,
    { m: 65, n: 65, k: 8 },
    "32x32 1x1: 1, 128x128 2x2: 1, 128x64 2x2: 1, 64x128 2x2: 1, 64x64 2x2: 1, 64x64 2x1: 1, 64x32 2x1: 1, 16x16 1x1: 1",
  ],
  [
    little,
    { m: 65, n: 65, k: 768 },
    "32x32 1x1: 6, 128x128 2x2: 4, 128x64 2x2: 4, 64x128 2x2: 4, 64x64 2x2: 6, 64x64 2x1: 6, 64x32 2x1: 6, 16x16 1x1: 6",
  ],
];
for (const [on, shape, expected] of candidates) {
  Deno.test(`the candidates for ${nameOfShape(shapeOf(shape))} on ${on.adapterClass}`, () => {
    const plans = candidatePlans(on, shapeOf(shape));
    const counts = Map.groupBy(
      plans,
      (plan) => briefly(plan).split(plan.form === "lanes" ? " " : / \d+x\d \//)[0]!,
    );
    assert.equal([...counts].map(([size, { length }]) => `${size}: ${length}`).join(", "), expected);
  });
}
