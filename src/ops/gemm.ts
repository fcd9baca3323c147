/** Matrix products on the device, outside the tape: carries out the plans of gemm_plan.ts. */
import { MAX_WORKGROUPS } from "../gpu/dispatch.ts";
import type { Constants } from "../gpu/kernel.ts";
import { Tensor } from "../tensor/tensor.ts";
import { floatOf } from "./check.ts";
import { type Patches, patchesParams, type Pixels, pixelsParams, SMALL_QUOTIENT } from "./gemm_images.ts";
import { joinKernel, productKernel, sumsRowsOfA } from "./gemm_kernels.ts";
import { unitConstants } from "./gemm_matrix.ts";
import { type GemmPlan, LANES, planFor, tileOf } from "./gemm_plan.ts";
import { type Addenda, depthOf, type GemmShape, hasWholeSteps, nameOfShape } from "./gemm_shape.ts";
import { sumTo } from "./reduction.ts";

/**
 * A request for a product. Fields that are not given are 1, false or "none", and the result is of the operands' type.
 */
export interface Gemm extends Partial<GemmShape>, Addenda<Tensor> {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** The tensor that products are added to, in place; it is then the result, and of its type. */
  readonly into?: Tensor | undefined;
  /** f32 [m], to which the sums of the rows of a are added. For one product only, with a stored as [k, m]. */
  readonly rowSums?: Tensor | undefined;
  /** One operand is not a matrix but the images whose patches are. */
  readonly patches?: Patches | undefined;
  /** Where the rows of the result go in `into`, if not one after the other. */
  readonly pixels?: Pixels | undefined;
  /** What `into` holds is overwritten, and not added to. */
  readonly overwrites?: boolean;
}

/** epilogue(a · b) as [batch, m, n], or `into` with it added; a and b are both f32 or both f16. Outside the tape. */
export function gemm(a: Tensor, b: Tensor, options: Gemm): Tensor {
  const shape = shapeOf(a, b, options);
  return gemmBy(planFor(a.gpu, shape), a, b, options);
}

function shapeOf(a: Tensor, b: Tensor, options: Gemm): GemmShape {
  const dtype = floatOf("multiply", a, b);
  const { m, n, k, batch = 1, epilogue = "none", into, result = dtype, patches, pixels } = options;
  const { transposeA = false, transposeB = false, sharedA = false, sharedB = false } = options;
  const stored = into ? floatOf("add a product to", into) : result;
  return {
    ...{ m, n, k, batch, transposeA, transposeB, sharedA, sharedB, epilogue, dtype, result: stored },
    ...(patches && { patchesOf: patches.operand }),
    ...(pixels && { scattered: true }),
  };
}

/** Carries out `gemm` by a given plan, one of `candidatePlans` for the shape. */
export function gemmBy(plan: GemmPlan, a: Tensor, b: Tensor, options: Gemm): Tensor {
  const { gpu } = a;
  const shape = shapeOf(a, b, options);
  const { m, n, k, batch, epilogue, dtype, result } = shape;
  const { splits } = plan;
  const { into, bias, h, residual, rowSums, patches, pixels } = options;
  const isWhole = splits === 1;
  const depth = depthOf(k, splits);
  const stride_a = shape.sharedA ? 0 : patches?.operand === "a" ? patches.channels : m * k;
  const stride_b = shape.sharedB ? 0 : patches?.operand === "b" ? patches.channels : k * n;
  const [tileM, tileN] = tileOf(plan);
  const [groupsM, groupsN] = [Math.ceil(m / tileM), Math.ceil(n / tileN)];
  const extras = { ...(bias && { bias }), ...(h && { h }), ...(residual && { residual }) };
  const c = into ?? Tensor.empty(gpu, [batch, m, n], result);
  const target = isWhole ? c : Tensor.empty(gpu, [batch, splits, m, n]);
  const onTheWay = rowSums && sumsRowsOfA(plan);
  const ending = {
    ...(result === "f16" && { Result: "f16" }),
    ...(into && !options.overwrites && { ADDED: true }),
  };
  const constants = {
    ...constantsOf(plan, k),
    TRANSPOSED_A: shape.transposeA,
    TRANSPOSED_B: shape.transposeB,
    WHOLE_K: k % 4 === 0,
    ...((patches || isWhole && pixels) && { SMALL: Math.max(m, n, k) <= SMALL_QUOTIENT }),
    ...(dtype === "f16" && { Elem: "f16" }),
    ...(isWhole && ending),
    ...(onTheWay && !isWhole && { SUMS_ADDED: false }),
  };
  if (rowSums && !onTheWay) sumTo(a.view([k, m]), [m], rowSums, "f32");
  const sums = onTheWay ? "rows" : "none";
  const sumsTarget = onTheWay ? { row_sums: isWhole ? rowSums : Tensor.empty(gpu, [splits, m]) } : {};
  // On GPUs, workgroups of their own beside those of the product.
  const groupsOfSums = onTheWay && plan.form !== "lanes" ? 1 : 0;
  const kernel = productKernel(plan, shape, isWhole ? epilogue : "none", sums);
  const ofPatches = patches && patchesParams(patches, batch);
  const ofPixels = pixels && { ...pixelsParams(pixels), batch };
  const buffers = { a, b, c: target, ...(isWhole && extras), ...sumsTarget };
  for (let z0 = 0; z0 < batch * splits; z0 += MAX_WORKGROUPS) {
    const layers = Math.min(batch * splits - z0, MAX_WORKGROUPS);
    for (let y0 = 0; y0 < groupsM; y0 += MAX_WORKGROUPS) {
      const rows = Math.min(groupsM - y0, MAX_WORKGROUPS);
      gpu.dispatch({
        kernel,
        entry: "forward",
        buffers,
        params: {
          ...{ m, n, k, splits, depth, stride_a, stride_b, m0: y0 * tileM, z0 },
          ...ofPatches,
          ...(isWhole && ofPixels),
        },
        workgroups: [groupsN + groupsOfSums, rows, layers],
        constants,
        work: () => ({
          operations: 2 * Math.min(m, rows * tileM) * n * k * layers / splits,
          shape: nameOfShape(shape),
        }),
      });
    }
  }
  if (isWhole) return c;

  gpu.dispatch({
    kernel: joinKernel(shape, sums),
    entry: "join",
    buffers: {
      ...{ parts: target, c, ...extras },
      ...(onTheWay && { row_sums: rowSums, part_sums: sumsTarget.row_sums! }),
    },
    params: { m, n, batch, splits, ...ofPixels },
    invocations: batch * m * Math.ceil(n / 4) + (onTheWay ? m : 0),
    constants: ending,
  });
  return c;
}

function constantsOf(plan: GemmPlan, k: number): Constants {
  const blocks = { ROWS: plan.rows, COLS: plan.columns };
  if (plan.form === "lanes") return { ...blocks, WG: LANES };
  const tile = {
    ...{ ...blocks, TILE_M: plan.tileM, TILE_N: plan.tileN, STEP: plan.step, BUFFERS: plan.buffers },
    WHOLE_STEPS: hasWholeSteps(k, plan),
  };
  return { ...tile, ...(plan.form === "tiles" ? { AHEAD: plan.ahead } : unitConstants(plan)) };
}
