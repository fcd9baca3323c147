/** The kernels of matrix products, linked from their files. */
import { defineKernel, type KernelSource, type TwoVersions } from "../gpu/kernel.ts";
import { type GemmPlan } from "./gemm_plan.ts";
import { type Epilogue, type GemmShape, takesVec4 } from "./gemm_shape.ts";
import aBlock from "../../wgsl/matmul/a_block.wgsl" with { type: "text" };
import aFromAny from "../../wgsl/matmul/a_from_any.wgsl" with { type: "text" };
import aFromVec4 from "../../wgsl/matmul/a_from_vec4.wgsl" with { type: "text" };
import addressPixels from "../../wgsl/matmul/address_pixels.wgsl" with { type: "text" };
import addressRows from "../../wgsl/matmul/address_rows.wgsl" with { type: "text" };
import aPatches from "../../wgsl/matmul/a_patches.wgsl" with { type: "text" };
import aScalar from "../../wgsl/matmul/a_scalar.wgsl" with { type: "text" };
import aVec4 from "../../wgsl/matmul/a_vec4.wgsl" with { type: "text" };
import bFromAny from "../../wgsl/matmul/b_from_any.wgsl" with { type: "text" };
import bFromVec4 from "../../wgsl/matmul/b_from_vec4.wgsl" with { type: "text" };
import bPatches from "../../wgsl/matmul/b_patches.wgsl" with { type: "text" };
import bScalar from "../../wgsl/matmul/b_scalar.wgsl" with { type: "text" };
import bVec4 from "../../wgsl/matmul/b_vec4.wgsl" with { type: "text" };
import cScalar from "../../wgsl/matmul/c_scalar.wgsl" with { type: "text" };
import cVec4 from "../../wgsl/matmul/c_vec4.wgsl" with { type: "text" };
import epilogueBias from "../../wgsl/matmul/epilogue_bias.wgsl" with { type: "text" };
import epilogueBiasResidual from "../../wgsl/matmul/epilogue_bias_residual.wgsl" with { type: "text" };
import epilogueGelu from "../../wgsl/matmul/epilogue_bias_gelu.wgsl" with { type: "text" };
import epilogueGeluSaved from "../../wgsl/matmul/epilogue_bias_gelu_saved.wgsl" with { type: "text" };
import epilogueGeluGrad from "../../wgsl/matmul/epilogue_gelu_grad.wgsl" with { type: "text" };
import epilogueNone from "../../wgsl/matmul/epilogue_none.wgsl" with { type: "text" };
import epilogueRelu from "../../wgsl/matmul/epilogue_bias_relu.wgsl" with { type: "text" };
import geluLibrary from "../../wgsl/lib/gelu.wgsl" with { type: "text" };
import nan from "../../wgsl/lib/nan.wgsl" with { type: "text" };
import reluLibrary from "../../wgsl/lib/relu.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import joinSumsNone from "../../wgsl/matmul/join_sums_none.wgsl" with { type: "text" };
import joinSumsRows from "../../wgsl/matmul/join_sums_rows.wgsl" with { type: "text" };
import join from "../../wgsl/matmul/join.wgsl" with { type: "text" };
import lanes from "../../wgsl/matmul/lanes.wgsl" with { type: "text" };
import matrix from "../../wgsl/matmul/matrix.wgsl" with { type: "text" };
import multiplyAdd from "../../wgsl/matmul/multiply_add.wgsl" with { type: "text" };
import pair from "../../wgsl/matmul/pair.wgsl" with { type: "text" };
import pairSubgroup from "../../wgsl/matmul/pair_subgroup.wgsl" with { type: "text" };
import paramsFile from "../../wgsl/matmul/params.wgsl" with { type: "text" };
import patches_ from "../../wgsl/matmul/patches.wgsl" with { type: "text" };
import quotient from "../../wgsl/lib/quotient.wgsl" with { type: "text" };
import sliceF16 from "../../wgsl/matmul/slice_f16.wgsl" with { type: "text" };
import sliceF32 from "../../wgsl/matmul/slice_f32.wgsl" with { type: "text" };
import sumsNone from "../../wgsl/matmul/sums_none.wgsl" with { type: "text" };
import sumsRows from "../../wgsl/matmul/sums_rows.wgsl" with { type: "text" };
import texel from "../../wgsl/lib/texel.wgsl" with { type: "text" };
import tileSumsNone from "../../wgsl/matmul/tile_sums_none.wgsl" with { type: "text" };
import tileSumsRows from "../../wgsl/matmul/tile_sums_rows.wgsl" with { type: "text" };
import tiles from "../../wgsl/matmul/tiles.wgsl" with { type: "text" };

const EPILOGUE_FILES: Readonly<Record<Epilogue, readonly string[]>> = {
  none: [epilogueNone],
  bias: [epilogueBias],
  bias_relu: [epilogueRelu, reluLibrary, nan],
  bias_gelu: [epilogueGelu, geluLibrary],
  bias_gelu_saved: [epilogueGeluSaved, geluLibrary],
  bias_residual: [epilogueBiasResidual],
  gelu_grad: [epilogueGeluGrad, geluLibrary],
};

/** The files that load and store the operands: by vec4s, or one element at a time; or the patches of images. */
const A = { vec4: [aVec4], scalar: [aScalar], patches: [aPatches, patches_, quotient] };
const B = { vec4: [bVec4], scalar: [bScalar], patches: [bPatches, patches_, quotient] };
const C = { vec4: cVec4, scalar: cScalar };
/** How tiles find blocks of the operands: the counterparts of those files. */
const FROM = {
  a: { vec4: aFromVec4, scalar: aFromAny, patches: aFromAny },
  b: { vec4: bFromVec4, scalar: bFromAny, patches: bFromAny },
};
/** Where elements of the result lie. */
const ADDRESS = { rows: [addressRows], pixels: [addressPixels, quotient] };

const PAIR: TwoVersions = { workgroup: pair, subgroup: pairSubgroup };
const FORMS = { lanes: [lanes, multiplyAdd, PAIR], tiles: [tiles], matrix: [matrix] };
const SUMS = {
  lanes: { none: sumsNone, rows: sumsRows },
  tiles: { none: tileSumsNone, rows: tileSumsRows },
  matrix: { none: tileSumsNone, rows: tileSumsRows },
  join: { none: joinSumsNone, rows: joinSumsRows },
};
/** The type in which tiles have slices of the operands. */
const SLICES = { f32: sliceF32, f16: sliceF16 };
/** Whether the rows of a are added up on the way. */
type Sums = "none" | "rows";

/** The text that results and speed of matrix products depend on: tuned plans hold for it alone. */
export const GEMM_SOURCES: readonly string[] = [
  ...Object.values(EPILOGUE_FILES).flat(),
  ...[A, B].flatMap((files) => Object.values(files).flat()),
  ...Object.values(C),
  ...Object.values(FROM).flatMap((files) => Object.values(files)),
  ...Object.values(ADDRESS).flat(),
  lanes,
  multiplyAdd,
  pair,
  pairSubgroup,
  matrix,
  tiles,
  aBlock,
  ...Object.values(SUMS).flatMap((files) => Object.values(files)),
  ...Object.values(SLICES),
  paramsFile,
  join,
  texel,
];

const kernels = new Map<string, KernelSource>();

function kernelFor(
  label: string,
  files: KernelSource["files"],
  textures: readonly string[] = [],
): KernelSource {
  let kernel = kernels.get(label);
  if (!kernel) kernels.set(label, kernel = defineKernel(label, files, textures));
  return kernel;
}

const accessTo = (whole: boolean): keyof typeof C => whole ? "vec4" : "scalar";

/** True when the kernels of a plan can add up the rows of a on the way. */
export function sumsRowsOfA({ form, splits }: GemmPlan): boolean {
  return form !== "lanes" || splits === 1;
}

/** The kernel that computes products, or parts of products, by a plan; with `sums` "rows" it adds up the rows of a too. */
export function productKernel(
  plan: GemmPlan,
  shape: GemmShape,
  epilogue: Epilogue,
  sums: Sums = "none",
): KernelSource {
  const { form, operands, splits } = plan;
  const whole = takesVec4(shape);
  const c = accessTo(whole.c);
  const a = shape.patchesOf === "a" ? "patches" : accessTo(whole.a);
  const b = shape.patchesOf === "b" ? "patches" : accessTo(whole.b);
  const address = shape.scattered && splits === 1 ? "pixels" : "rows";
  const [ofA, ofB] = [whole.a ? operands : "scalar", whole.b ? operands : "scalar"];
  const words = [
    ...["matmul", form, ofA === ofB ? ofA : `${ofA}_${ofB}`, c, epilogue],
    ...(shape.patchesOf ? [shape.patchesOf, "of_patches"] : []),
    ...(address === "pixels" ? ["to_pixels"] : []),
    ...(sums === "rows" ? ["sums"] : []),
    ...(form === "tiles" && plan.slices === "f16" ? ["packed"] : []),
  ];
  return kernelFor(
    words.join("_"),
    [
      ...new Set([
        ...(form === "tiles" ? [SLICES[plan.slices], FROM.a[a], FROM.b[b]] : []),
        ...[...FORMS[form], SUMS[form][sums], paramsFile, ...A[a], aBlock, ...B[b], C[c]],
        ...[...ADDRESS[address], ...EPILOGUE_FILES[epilogue]],
      ]),
    ],
    operands === "texture" ? (["a", "b"] as const).filter((name) => whole[name]) : [],
  );
}

/** The kernel that adds up the parts of products that were split along k. */
export function joinKernel(shape: GemmShape, sums: Sums = "none"): KernelSource {
  const c = accessTo(takesVec4(shape).c);
  const { epilogue } = shape;
  const address = shape.scattered ? "pixels" : "rows";
  const words = [
    ...["matmul_join", c, epilogue],
    ...(address === "pixels" ? ["to_pixels"] : []),
    ...(sums === "rows" ? ["sums"] : []),
  ];
  return kernelFor(
    words.join("_"),
    [join, SUMS.join[sums], grid, paramsFile, C[c], ...ADDRESS[address], ...EPILOGUE_FILES[epilogue]],
  );
}
