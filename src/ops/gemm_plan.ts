/**
 * How a matrix product is computed: a plan is data, chosen by the shape of the product and the class of the adapter, or
 * taken from the device's table of plans that were measured to be better (see src/tuning).
 */
import { DeviceSlot } from "../gpu/device_slot.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { readConstant } from "../gpu/kernel.ts";
import { type GemmShape, nameOfShape, recordShape, takesVec4 } from "./gemm_shape.ts";
import { MAX_ITERATIONS } from "./workgroup.ts";
import lanes from "../../wgsl/matmul/lanes.wgsl" with { type: "text" };

interface Common {
  /** Where the kernel reads operands whose stored rows are whole vec4s. Others are read from storage, element by element. */
  readonly operands: "texture" | "storage";
  /** Parts that the inner dimension is cut into. */
  readonly splits: number;
}

/** A plan for lanes.wgsl, for processors: blocks of four rows and blocks of four columns that an invocation computes. */
export interface LanesPlan extends Common {
  readonly form: "lanes";
  readonly rows: 2 | 4 | 6;
  readonly columns: 1 | 2 | 4;
}

/** A plan for tiles.wgsl, for GPUs. */
export interface TilesPlan extends Common {
  readonly form: "tiles";
  /** Rows and columns that a workgroup computes. */
  readonly tileM: number;
  readonly tileN: number;
  /** Blocks of four rows and blocks of four columns that an invocation computes. */
  readonly rows: 1 | 2;
  readonly columns: 1 | 2;
  /** Elements along the inner dimension that are brought into workgroup memory at a time, into one of `buffers`. */
  readonly step: 8 | 16;
  readonly buffers: 1 | 2;
}

export type GemmPlan = LanesPlan | TilesPlan;

/** The part of a device that plans depend on. */
export type PlanDevice = Pick<Gpu, "adapterClass" | "limits" | "fitsTexture" | "slots">;

/** A device's plans that were measured to be better than the default ones, by the names of their shapes. */
export const tunedPlans = new DeviceSlot<ReadonlyMap<string, GemmPlan>>();

/** The plan for a product: that of the device's table, else the default. */
export function planFor(gpu: PlanDevice, shape: GemmShape): GemmPlan {
  recordShape(shape);
  const tuned = tunedPlans.get(gpu);
  const plan = tuned && tuned.size > 0 ? tuned.get(nameOfShape(shape)) : undefined;
  return plan ?? defaultPlan(gpu, shape);
}

/** The plan for a product where nothing has been measured. */
export function defaultPlan(gpu: PlanDevice, shape: GemmShape): GemmPlan {
  return gpu.adapterClass === "software" ? defaultLanes(gpu, shape) : defaultTiles(gpu, shape);
}

/** Every plan worth measuring for a product; the default is the first. All give the same but for rounding. */
export function candidatePlans(gpu: PlanDevice, shape: GemmShape): GemmPlan[] {
  const all = [
    defaultPlan(gpu, shape),
    ...(gpu.adapterClass === "software" ? lanesPlans(gpu, shape) : tilesPlans(gpu, shape)),
  ];
  const distinct = new Map(all.map((plan) => [JSON.stringify(Object.entries(plan).sort()), plan]));
  return [...distinct.values()];
}

/** Rows and columns of the result that a workgroup computes. */
export function tileOf(plan: GemmPlan): readonly [rows: number, columns: number] {
  return plan.form === "lanes" ? [4 * plan.rows, 4 * LANES * plan.columns] : [plan.tileM, plan.tileN];
}

function workgroups({ m, n, batch }: GemmShape, [tileM, tileN]: readonly [number, number]): number {
  return Math.ceil(m / tileM) * Math.ceil(n / tileN) * batch;
}

/** The fewest parts that the inner dimension must be cut into on any adapter, so that no loop is too long. */
function leastSplits({ k }: GemmShape): number {
  return Math.max(1, Math.ceil(k / (4 * MAX_ITERATIONS)));
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
function lanesOperands(gpu: PlanDevice, shape: GemmShape): Common["operands"] {
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
const LEAST_DEPTH = { software: 64, gpu: 256 } as const;

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
        if (k / (least * factor) >= LEAST_DEPTH.software) yield { ...plan, splits: least * factor };
      }
    }
  }
}

// ---- tiles

/** Tiles from the largest, which use each element loaded more often, but give fewer workgroups. */
const TILES = [
  { tileM: 128, tileN: 128, rows: 2, columns: 2 },
  { tileM: 128, tileN: 64, rows: 2, columns: 2 },
  { tileM: 64, tileN: 128, rows: 2, columns: 2 },
  { tileM: 64, tileN: 64, rows: 2, columns: 2 },
  { tileM: 64, tileN: 64, rows: 2, columns: 1 },
  { tileM: 64, tileN: 32, rows: 2, columns: 1 },
  { tileM: 32, tileN: 32, rows: 1, columns: 1 },
  { tileM: 16, tileN: 16, rows: 1, columns: 1 },
] as const;

type Tile = (typeof TILES)[number];

/**
 * Slices from the best: long ones, since what is computed once a slice is then shared by more multiplications, and in one
 * buffer, which takes the memory of two short ones, has as many barriers along k, and fewer registers than two long ones.
 */
const SLICES = [
  { step: 16, buffers: 1 },
  { step: 16, buffers: 2 },
  { step: 8, buffers: 2 },
  { step: 8, buffers: 1 },
] as const;

type Slices = (typeof SLICES)[number];

/** As many workgroups as keep the cores of most GPUs busy. */
const ENOUGH_WORKGROUPS = 256;
/** Workgroups wanted of a split product: its parts are small, and less is then left over in the last round. */
const SPLIT_WORKGROUPS = 512;

/** Bytes of workgroup memory; its slices are f32 whatever the operands are. */
function slicesBytes({ tileM, tileN }: Tile, { step, buffers }: Slices): number {
  return 4 * buffers * step * (tileM + tileN);
}

/** The ways to slice the inner dimension that fit `bytes` of workgroup memory; none where nothing fits. */
function slicesFor(bytes: number, { k }: GemmShape, tile: Tile): readonly Slices[] {
  const fitting = SLICES.filter((slices) => slicesBytes(tile, slices) <= bytes);
  // No deeper than there is, and no second buffer where one slice is all.
  const useful = fitting.filter(({ step, buffers }) => k > (buffers === 1 ? step / 2 : step));
  // A single short slice is for where nothing else will do.
  const good = useful.filter((slices) => slices !== SLICES.at(-1));
  return good.length > 0 ? good : fitting.slice(-1);
}

/** The best slices that take at most half the memory a workgroup may have, so that two workgroups fit a core. */
function defaultSlices({ limits }: PlanDevice, shape: GemmShape, tile: Tile): Slices {
  const bytes = limits.maxComputeWorkgroupStorageSize;
  return slicesFor(bytes / 2, shape, tile)[0] ?? slicesFor(bytes, shape, tile)[0]!;
}

/** True where the tile is not mostly empty, and the device has the invocations and the memory for it. */
function suits({ limits }: PlanDevice, shape: GemmShape, tile: Tile): boolean {
  const { tileM, tileN, rows, columns } = tile;
  if (tile === TILES.at(-1)) return true;
  return tileM < 2 * shape.m && tileN < 2 * shape.n &&
    tileM * tileN / (16 * rows * columns) <= limits.maxComputeInvocationsPerWorkgroup &&
    slicesFor(limits.maxComputeWorkgroupStorageSize, shape, tile).length > 0;
}

/** Parts to cut the inner dimension into, so that even a small result, with a long sum, fills the device. */
function tilesSplits(shape: GemmShape, tile: Tile): number {
  const groups = workgroups(shape, [tile.tileM, tile.tileN]);
  const least = leastSplits(shape);
  if (groups >= ENOUGH_WORKGROUPS) return least;
  const most = Math.floor(shape.k / LEAST_DEPTH.gpu);
  return Math.max(least, Math.min(Math.ceil(SPLIT_WORKGROUPS / groups), most));
}

/** The largest tile of which there are enough workgroups; where no tile has enough, the one of 32×32 or what is left. */
function defaultTiles(gpu: PlanDevice, shape: GemmShape): TilesPlan {
  const suitable = TILES.filter((tile) => suits(gpu, shape, tile));
  const tile =
    suitable.find((tile) =>
      workgroups(shape, [tile.tileM, tile.tileN]) * tilesSplits(shape, tile) >= ENOUGH_WORKGROUPS
    ) ?? suitable.find(({ tileM }) => tileM === 32) ?? suitable.at(-1)!;
  return tilesPlan(tile, defaultSlices(gpu, shape, tile), tilesSplits(shape, tile));
}

function tilesPlan(tile: Tile, slices: Slices, splits: number): TilesPlan {
  return { form: "tiles", ...tile, ...slices, operands: "storage", splits };
}

function* tilesPlans(gpu: PlanDevice, shape: GemmShape): Generator<TilesPlan> {
  for (const tile of TILES) {
    if (!suits(gpu, shape, tile)) continue;
    for (const slices of slicesFor(gpu.limits.maxComputeWorkgroupStorageSize, shape, tile)) {
      for (const splits of new Set([leastSplits(shape), tilesSplits(shape, tile)])) {
        yield tilesPlan(tile, slices, splits);
      }
    }
  }
}
