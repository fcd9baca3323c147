/** Matrix products on the device, outside the tape: which kernel, which plan. */
import { defineKernel, type KernelSource } from "../gpu/kernel.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { Tensor } from "../tensor/tensor.ts";
import { MAX_ITERATIONS } from "./plan.ts";
import { reduceAxes, sumKernel } from "./reduction.ts";
import epilogueBias from "../../wgsl/matmul/epilogue_bias.wgsl" with { type: "text" };
import epilogueGelu from "../../wgsl/matmul/epilogue_bias_gelu.wgsl" with { type: "text" };
import epilogueGeluSaved from "../../wgsl/matmul/epilogue_bias_gelu_saved.wgsl" with { type: "text" };
import epilogueNone from "../../wgsl/matmul/epilogue_none.wgsl" with { type: "text" };
import epilogueRelu from "../../wgsl/matmul/epilogue_bias_relu.wgsl" with { type: "text" };
import geluLibrary from "../../wgsl/lib/gelu.wgsl" with { type: "text" };
import lanes from "../../wgsl/matmul/lanes.wgsl" with { type: "text" };
import loadStorage from "../../wgsl/matmul/load_storage.wgsl" with { type: "text" };
import loadTexture from "../../wgsl/matmul/load_texture.wgsl" with { type: "text" };
import multiplyAdd from "../../wgsl/matmul/multiply_add.wgsl" with { type: "text" };
import operandsScalar from "../../wgsl/matmul/operands_scalar.wgsl" with { type: "text" };
import operandsVec4 from "../../wgsl/matmul/operands_vec4.wgsl" with { type: "text" };
import paramsFile from "../../wgsl/matmul/params.wgsl" with { type: "text" };
import tiles from "../../wgsl/matmul/tiles.wgsl" with { type: "text" };

/** What becomes of a product before it is stored. */
export type Epilogue = "none" | "bias" | "bias_relu" | "bias_gelu" | "bias_gelu_saved";

const EPILOGUES: Readonly<Record<Epilogue, readonly string[]>> = {
  none: [epilogueNone],
  bias: [epilogueBias],
  bias_relu: [epilogueRelu],
  bias_gelu: [epilogueGelu, geluLibrary],
  bias_gelu_saved: [epilogueGeluSaved, geluLibrary],
};

/** Four elements a load from textures or storage, or one at a time. */
const OPERANDS = {
  texture: [operandsVec4, loadTexture],
  storage: [operandsVec4, loadStorage],
  scalar: [operandsScalar],
};

const FORMS = { lanes, tiles };

const kernels = new Map<string, KernelSource>();

function kernelFor(
  form: keyof typeof FORMS,
  operands: keyof typeof OPERANDS,
  epilogue: Epilogue,
): KernelSource {
  const label = `matmul_${form}_${operands}_${epilogue}`;
  let kernel = kernels.get(label);
  if (!kernel) {
    const files = [FORMS[form], paramsFile, multiplyAdd, ...OPERANDS[operands], ...EPILOGUES[epilogue]];
    kernels.set(label, kernel = defineKernel(label, files));
  }
  return kernel;
}

export interface Gemm {
  /** Rows and columns of one product, and the dimension summed over. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Number of products. */
  readonly batch?: number;
  /** Each a is stored as [k, m]. */
  readonly transposeA?: boolean;
  /** Each b is stored as [n, k]. */
  readonly transposeB?: boolean;
  /** One a, or one b, serves the whole batch. */
  readonly sharedA?: boolean;
  readonly sharedB?: boolean;
  readonly epilogue?: Epilogue;
  readonly bias?: Tensor;
  /** Where `bias_gelu_saved` leaves the argument of gelu. */
  readonly h?: Tensor;
  /** The products are added to it, in place, and it is the result. */
  readonly into?: Tensor | undefined;
}

/** True when the rows of the operands as stored, and of the result, are whole vec4s. */
export function takesVec4({ m, n, k, transposeA, transposeB }: Gemm): boolean {
  return n % 4 === 0 && (transposeA ? m : k) % 4 === 0 && (transposeB ? k : n) % 4 === 0;
}

const MAX_GRID = 65535;

/** Parts to cut k into: enough that no loop is too long, and on a GPU that a small result still fills the device. */
function splitsFor(gpu: Gpu, groups: number, { k, epilogue }: Gemm): number {
  if (epilogue !== undefined && epilogue !== "none") return 1;
  const forLength = Math.ceil(k / (4 * MAX_ITERATIONS));
  if (gpu.adapterClass === "software") return forLength;
  const forDevice = Math.min(Math.ceil(256 / groups), Math.floor(k / 256));
  return Math.max(forLength, forDevice, 1);
}

/** epilogue(a · b) as [batch, m, n], or `into` with it added. Outside the tape. */
export function gemm(a: Tensor, b: Tensor, plan: Gemm): Tensor {
  const { gpu } = a;
  const { into } = plan;
  const { m, n, k, batch = 1, transposeA = false, transposeB = false, epilogue = "none" } = plan;
  const software = gpu.adapterClass === "software";
  const vec4 = takesVec4(plan);
  const texture = software && vec4 && gpu.fitsTexture(a.bytes) && gpu.fitsTexture(b.bytes);
  const kernel = kernelFor(
    software ? "lanes" : "tiles",
    texture ? "texture" : vec4 ? "storage" : "scalar",
    epilogue,
  );
  // Blocks of four columns an invocation of `lanes` takes: no more than the result has for all eight lanes.
  const columns = n <= 32 ? 1 : n <= 64 ? 2 : 4;
  const [tileM, tileN] = software ? [16, 32 * columns] : [64, 64];
  const [groupsM, groupsN] = [Math.ceil(m / tileM), Math.ceil(n / tileN)];
  const splits = splitsFor(gpu, groupsM * groupsN * batch, plan);
  const depth = Math.ceil(k / splits / 16) * 16;

  const target = splits === 1 ? into : undefined;
  const c = target ?? Tensor.empty(gpu, [batch, splits, m, n]);
  const buffers = { a, b, c, ...(plan.bias && { bias: plan.bias }), ...(plan.h && { h: plan.h }) };
  const constants = {
    TRANSPOSED_A: transposeA,
    TRANSPOSED_B: transposeB,
    ...(vec4 && { WHOLE_K: k % 4 === 0 }),
    ...(software && { COLS: columns }),
    ...(target && { ADDED: true }),
  };
  const params = {
    m,
    n,
    k,
    splits,
    depth,
    stride_a: plan.sharedA ? 0 : m * k,
    stride_b: plan.sharedB ? 0 : k * n,
  };
  for (let z0 = 0; z0 < batch * splits; z0 += MAX_GRID) {
    for (let y0 = 0; y0 < groupsM; y0 += MAX_GRID) {
      const grid = [
        groupsN,
        Math.min(groupsM - y0, MAX_GRID),
        Math.min(batch * splits - z0, MAX_GRID),
      ] as const;
      gpu.dispatch(kernel, "forward", buffers, { ...params, m0: y0 * tileM, z0 }, grid, constants);
    }
  }
  if (target) return target;
  const product = splits === 1 ? c : reduceAxes(sumKernel, c, [1], 1, into);
  return into ?? product.view([batch, m, n]);
}
