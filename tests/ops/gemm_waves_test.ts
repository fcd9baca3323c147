/** How well the tiles of a plan fill the cores of a GPU: arithmetic on plans, for the products of a training step. */
import assert from "node:assert/strict";
import { coresOf } from "../../src/gpu/cores.ts";
import { defaultTiles, excessOf } from "../../src/ops/gemm_tiles.ts";
import { device, shapeOf } from "./gemm_shapes.ts";

// By names as drivers give them.
const names: readonly (readonly [string, number | undefined])[] = [
  ["NVIDIA H100 80GB HBM3", 132],
  ["NVIDIA H100 PCIe", 114],
  ["NVIDIA A100-SXM4-40GB", 108],
  ["Tesla T4", 40],
  ["NVIDIA GeForce RTX 4070", 46],
  ["NVIDIA GeForce RTX 4070 Ti SUPER", 66],
  ["NVIDIA GeForce RTX 4090 Laptop GPU", undefined],
  ["AMD Radeon RX 7900 XTX (RADV NAVI31)", 96],
  ["AMD Radeon RX 7900 XT", 84],
  ["Apple M1", 8],
  ["Apple M1 Pro", 16],
  ["Intel(R) Arc(tm) A770 Graphics (DG2)", 32],
  ["llvmpipe (LLVM 15.0.6, 256 bits)", undefined],
  ["NVIDIA GeForce RTX 40900", undefined],
];
Deno.test("coresOf() knows GPUs by the names that drivers give them", () => {
  for (const [name, cores] of names) assert.equal(coresOf(name), cores, name);
});

/** The products of a layer of ViT-base and of BERT-base with 32 samples: forward, gradient of the input, of the weight. */
const STEP = [32 * 197, 32 * 128].flatMap((tokens) =>
  [[768, 2304], [768, 768], [768, 3072], [3072, 768]].flatMap(([inputs, outputs]) => [
    shapeOf({ m: tokens, n: outputs!, k: inputs!, transposeB: true }),
    shapeOf({ m: tokens, n: inputs!, k: outputs! }),
    shapeOf({ m: outputs!, n: inputs!, k: tokens, transposeA: true }),
  ])
);

// The time of the step's tiles over that of cores that are never idle, edges and slower small tiles counted. What is planned
// for an adapter of unknown cores must do for all.
const bounds: readonly (readonly [string, number, number])[] = [
  ["NVIDIA H100 80GB HBM3", 132, 1.08],
  ["NVIDIA GeForce RTX 3090 Ti", 84, 1.08],
  ["Tesla T4", 40, 1.05],
  ["Apple M2", 10, 1.03],
  ["unknown", 132, 1.17],
  ["unknown", 84, 1.1],
  ["unknown", 40, 1.07],
];
for (const [name, cores, bound] of bounds) {
  Deno.test(`the tiles of a training step planned for "${name}" take at most ${bound} of ideal on ${cores} cores`, () => {
    const gpu = device("gpu", 49152, 1024, name);
    let time = 0, ideal = 0;
    for (const shape of STEP) {
      const work = shape.m * shape.n * shape.k;
      time += work * excessOf(shape, defaultTiles(gpu, shape), cores);
      ideal += work;
    }
    assert.ok(time / ideal <= bound, `${(time / ideal).toFixed(3)}`);
    assert.ok(time / ideal >= 1);
  });
}
