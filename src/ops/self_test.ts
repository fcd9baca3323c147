/** Start-up self-test: an adapter that computes wrong results is refused before it trains a wrong model. */
import { AdapterError } from "../gpu/adapter.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { defineKernel } from "../gpu/kernel.ts";
import { capture } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { readTensors, Tensor } from "../tensor/tensor.ts";
import { selfAttention } from "./attention.ts";
import { matmul } from "./matmul.ts";
import { sum } from "./reduce.ts";
import affine from "../../wgsl/pointwise/affine.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import unary from "../../wgsl/pointwise/unary.wgsl" with { type: "text" };

interface Check {
  readonly name: string;
  readonly run: (gpu: Gpu) => Tensor;
  readonly expected: readonly number[];
}

/** Small whole numbers, so that float32 is exact whatever the order of sums. */
const whole = (size: number, modulus: number) =>
  Float32Array.from({ length: size }, (_, i) => i * 7 % modulus - 3);

function matrixProduct(m: number, n: number, k: number): Check {
  const a = whole(m * k, 11);
  const b = whole(k * n, 13);
  const expected = Array.from({ length: m * n }, (_, i) => {
    let total = 0;
    for (let q = 0; q < k; q++) total += a[Math.floor(i / n) * k + q]! * b[q * n + i % n]!;
    return total;
  });
  return {
    name: `a matrix product of ${m}×${k} by ${k}×${n}`,
    run: (gpu) => matmul(Tensor.from(gpu, a, [m, k]), Tensor.from(gpu, b, [k, n])),
    expected,
  };
}

function columnSums(rows: number, columns: number): Check {
  const x = whole(rows * columns, 7);
  const expected = new Array<number>(columns).fill(0);
  x.forEach((value, i) => expected[i % columns]! += value);
  return {
    name: `sums of ${rows} rows, a loop longer than some adapters run to its end`,
    run: (gpu) => sum(Tensor.from(gpu, x, [rows, columns]), { axes: [0] }),
    expected,
  };
}

function rowSums(rows: number, columns: number): Check {
  const x = whole(rows * columns, 9);
  const expected = new Array<number>(rows).fill(0);
  x.forEach((value, i) => expected[Math.floor(i / columns)]! += value);
  return {
    name: `sums of rows of ${columns}`,
    run: (gpu) => sum(Tensor.from(gpu, x, [rows, columns]), { axes: [1] }),
    expected,
  };
}

/**
 * Queries whose scores are 0 but for one key, or two: those are far larger, and by how much is another from query to query. Of
 * wrong maxima or sums nothing but NaN or other values would come.
 */
function attentionTo(tokens: number, dim: number): Check {
  const value = (key: number, d: number) => (5 * key + 3 * d) % 13 - 6;
  const keyOf = (query: number) => (7 * query + 3) % dim;
  const qkv = new Float32Array(tokens * 3 * dim);
  for (let token = 0; token < tokens; token++) {
    const row = qkv.subarray(3 * token * dim);
    row[keyOf(token)] = 200 + 50 * (token % 4);
    row[dim + token % dim] = 1;
    for (let d = 0; d < dim; d++) row[2 * dim + d] = value(token, d);
  }
  const expected = Array.from({ length: tokens * dim }, (_, i) => {
    const key = keyOf(Math.floor(i / dim)), d = i % dim;
    return key + dim < tokens ? (value(key, d) + value(key + dim, d)) / 2 : value(key, d);
  });
  return {
    name: `attention of ${tokens} tokens by subgroups of the adapter`,
    run: (gpu) => selfAttention(Tensor.from(gpu, qkv, [1, tokens, 3 * dim]), { heads: 1, scale: 1 }),
    expected,
  };
}

// A kernel of its own, and bits in place of f16 tensors: casts, which the test is about, take no part in it.
const doubleKernel = defineKernel("double_f16", [unary, grid, affine]);

const F16: Check = {
  name: "arithmetic in f16",
  run: (gpu) => {
    const x = Tensor.from(gpu, Uint32Array.of(0xc000_3c00, 0x6400_3800), [2]); // 1, -2, 0.5, 1024, two f16 a word
    const y = Tensor.empty(gpu, [2], "u32");
    const params = { packs: 1, a: 2, b: 0 };
    const constants = { Elem: "f16" };
    gpu.dispatch({
      kernel: doubleKernel,
      entry: "forward",
      buffers: { x, y },
      params,
      invocations: 1,
      constants,
    });
    return y;
  },
  expected: [0xc400_4000, 0x6800_3c00], // each of them doubled
};

/**
 * Runs the checks.
 * @throws AdapterError naming the adapter and the first check that went wrong
 */
export async function selfTest(gpu: Gpu): Promise<void> {
  const wrong = await findWrongResult(gpu);
  if (wrong === undefined) return;
  throw new AdapterError(
    `The adapter "${gpu.name}" computes wrong results: ${wrong}. ` +
      "Update its driver, or choose another adapter with --device gpu or --device cpu",
  );
}

/** Runs the checks in one submission; says what the first that went wrong gave, if one did. */
export async function findWrongResult(gpu: Gpu): Promise<string | undefined> {
  const checks = [
    matrixProduct(20, 36, 24),
    matrixProduct(5, 3, 7),
    columnSums(70_000, 2),
    rowSums(3, 1001),
    ...(gpu.features.has("shader-f16") ? [F16] : []),
    // Whose lanes must be in the order that was seen in another kernel.
    ...(gpu.adapterClass === "gpu" && gpu.subgroup > 0 ? [attentionTo(40, 32)] : []),
  ];
  const results = capture(() => noGrad(() => checks.map(({ run }) => run(gpu))));
  const values = await readTensors(results);
  for (const result of results) result.dispose();
  for (const [i, { name, expected }] of checks.entries()) {
    // Quotients may be rounded.
    const wrong = expected.findIndex((value, j) => !(Math.abs(values[i]![j]! - value) < 1e-3));
    if (wrong >= 0) return `${name} gave ${values[i]![wrong]} where ${expected[wrong]} is right`;
  }
  return undefined;
}
