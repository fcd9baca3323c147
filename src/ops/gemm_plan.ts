/**
 * How a matrix product is computed: a plan is data, chosen by the shape of the product and the class of the adapter, or
 * taken from the device's table of plans that were measured to be better (see src/tuning).
 */
import { DeviceSlot } from "../gpu/device_slot.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { readConstant } from "../gpu/kernel.ts";
import { hasFewRegisters } from "../gpu/registers.ts";
import {
  type GemmShape,
  leastSplits,
  nameOfShape,
  recordShape,
  takesVec4,
  workgroups,
} from "./gemm_shape.ts";
import { candidateMatrix, defaultMatrix, type MatrixPlan } from "./gemm_matrix.ts";
import { candidateTiles, defaultTiles, type TilesPlan } from "./gemm_tiles.ts";
import lanes from "../../wgsl/matmul/lanes.wgsl" with { type: "text" };

/** A plan for lanes.wgsl, for processors: blocks of four rows and blocks of four columns that an invocation computes. */
export interface LanesPlan {
  readonly form: "lanes";
  readonly rows: 2 | 4 | 6;
  readonly columns: 1 | 2 | 4;
  /** Where the kernel reads operands whose stored rows are whole vec4s. Others are read from storage, element by element. */
  readonly operands: "texture" | "storage";
  /** Parts that the inner dimension is cut into. */
  readonly splits: number;
}

export type GemmPlan = LanesPlan | TilesPlan | MatrixPlan;

/** The part of a device that plans depend on. */
export type PlanDevice = Pick<
  Gpu,
  "name" | "adapterClass" | "limits" | "fitsTexture" | "slots" | "matrixUnits"
>;

/** A device's plans that were measured to be better than the default ones, by the names of their shapes. */
export const tunedPlans = new DeviceSlot<ReadonlyMap<string, GemmPlan>>();

/**
 * Whether tiles of a device add up products of f16 within a slice in f16, which GPUs do two at a time, and not in f32: faster
 * and less exact. False where it is not set. Other forms of plans do not heed it, nor GPUs with few registers, which hold no
 * second set of sums and compute f16 one at a time.
 */
export const packsProducts = new DeviceSlot<boolean>();

/** The plan for a product: that of the device's table, else the default. */
export function planFor(gpu: PlanDevice, shape: GemmShape): GemmPlan {
  recordShape(shape);
  const tuned = tunedPlans.get(gpu);
  const plan = (tuned && tuned.size > 0 ? tuned.get(nameOfShape(shape)) : undefined) ??
    defaultPlan(gpu, shape);
  const packs = packsProducts.get(gpu) && shape.dtype === "f16" && plan.form === "tiles" &&
    !hasFewRegisters(gpu.name);
  return packs ? { ...plan, slices: "f16" } : plan;
}

/** The plan for a product where nothing has been measured. */
export function defaultPlan(gpu: PlanDevice, shape: GemmShape): GemmPlan {
  if (gpu.adapterClass === "software") return defaultLanes(gpu, shape);
  return defaultMatrix(gpu, shape) ?? defaultTiles(gpu, shape);
}

/** Every plan worth measuring for a product; the default is the first. All give the same but for rounding. */
export function candidatePlans(gpu: PlanDevice, shape: GemmShape): GemmPlan[] {
  const all = [
    defaultPlan(gpu, shape),
    ...(gpu.adapterClass === "software"
      ? lanesPlans(gpu, shape)
      : [...candidateMatrix(gpu, shape), ...candidateTiles(gpu, shape)]),
  ];
  const distinct = new Map(all.map((plan) => [JSON.stringify(Object.entries(plan).sort()), plan]));
  return [...distinct.values()];
}

/** Rows and columns of the result that a workgroup computes. */
export function tileOf(plan: GemmPlan): readonly [rows: number, columns: number] {
  return plan.form === "lanes" ? [4 * plan.rows, 4 * LANES * plan.columns] : [plan.tileM, plan.tileN];
}

// ---- lanes

/** Invocations of a workgroup, side by side along the columns. */
export const LANES = readConstant(lanes, "WG");

/** Results of fewer columns are cut into narrow tiles: those of 128 would be wasted in part, or too few for the cores. */
const WIDE_RESULT = 256;

/**
 * Sixteen rows by 128 columns where the result is wide, else by 64 or 32: few sizes, because each is a kernel to compile.
 * Eight rows where elements are loaded one at a time: that code is long, and takes a software adapter seconds to compile.
 */
function defaultLanes(gpu: PlanDevice, shape: GemmShape): LanesPlan {
  const { a, b, c } = takesVec4(shape);
  const rows = a && b && c ? 4 : 2;
  const isWide = rows === 4 && shape.n >= WIDE_RESULT && workgroups(shape, [16, 128]) >= WIDE_WORKGROUPS;
  const columns = isWide ? 4 : shape.n > 32 ? 2 : 1;
  const operands = lanesOperands(gpu, shape);
  return { form: "lanes", rows, columns, operands, splits: leastSplits(shape) };
}

/** Textures where all operands with rows of whole vec4s fit one. */
function lanesOperands(gpu: PlanDevice, shape: GemmShape): LanesPlan["operands"] {
  const { m, n, k, batch, sharedA, sharedB, dtype, patchesOf } = shape;
  const isHalf = dtype === "f16";
  const fits = (elements: number) => gpu.fitsTexture({ bytes: elements * (isHalf ? 2 : 4), isHalf });
  const { a, b } = takesVec4(shape);
  // Images are smaller than their patches, and where they do not fit all the same, the device reads storage.
  const fit = (!a || patchesOf === "a" || fits((sharedA ? 1 : batch) * m * k)) &&
    (!b || patchesOf === "b" || fits((sharedB ? 1 : batch) * k * n));
  return (a || b) && fit ? "texture" : "storage";
}

/** In products of fewer multiplications, the copy to a texture may cost more than it saves. */
const SMALL_PRODUCT = 2 ** 21;
/** Fewer workgroups than these may leave a core of a processor idle. */
const FEW_WORKGROUPS = 8;
/** With fewer workgroups than these, a wider tile gains less than its kernel takes to compile. */
const WIDE_WORKGROUPS = 32;
/** The least length of a part of the inner dimension. */
const LEAST_DEPTH = 64;

/** From the widest: an element that is loaded is used as often as there are columns, or rows. */
const LANES_BLOCKS: readonly Pick<LanesPlan, "rows" | "columns">[] = ([4, 6, 2] as const).flatMap((rows) =>
  ([4, 2, 1] as const).map((columns) => ({ rows, columns }) as const)
);

function* lanesPlans(gpu: PlanDevice, shape: GemmShape): Generator<LanesPlan> {
  const { m, n, k, batch } = shape;
  const best = lanesOperands(gpu, shape);
  const isSmall = batch * m * n * k <= SMALL_PRODUCT;
  const least = leastSplits(shape);
  for (const blocks of LANES_BLOCKS) {
    const whole: LanesPlan = { form: "lanes", ...blocks, operands: best, splits: least };
    const [tileM, tileN] = tileOf(whole);
    // The tile would be mostly empty.
    if ((blocks.rows > 2 && tileM >= 2 * m) || (blocks.columns > 1 && tileN >= 2 * n)) continue;
    for (const operands of best === "texture" && isSmall ? [best, "storage" as const] : [best]) {
      const plan = { ...whole, operands };
      yield plan;
      const isFew = workgroups(shape, [tileM, tileN]) < FEW_WORKGROUPS;
      for (const factor of isFew ? [2, 4] : []) {
        if (k / (least * factor) >= LEAST_DEPTH) yield { ...plan, splits: least * factor };
      }
    }
  }
}
