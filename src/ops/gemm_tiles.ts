/**
 * Plans of matrix products for GPUs. A core works on a few workgroups at a time, and a product is done when the core with the
 * most workgroups is: tiles, and parts of the sum, are chosen by how long that takes.
 */
import type { Gpu } from "../gpu/gpu.ts";
import { hasFewRegisters } from "../gpu/registers.ts";
import type { Float } from "./check.ts";
import { depthOf, type GemmShape, leastSplits, workgroups } from "./gemm_shape.ts";
import { ChosenPlans, fastest, joinTime, splitsFor } from "./gemm_time.ts";

/** What a workgroup computes. */
interface Tile {
  /** Rows and columns. */
  readonly tileM: number;
  readonly tileN: number;
  /** Blocks of four rows and blocks of four columns that an invocation computes. */
  readonly rows: 1 | 2;
  readonly columns: 1 | 2;
}

interface Slices {
  /** Elements along the inner dimension that are brought into workgroup memory at a time, into one of `buffers`. */
  readonly step: 8 | 16;
  readonly buffers: 1 | 2;
}

/** A plan for tiles.wgsl. */
export interface TilesPlan extends Tile, Slices {
  readonly form: "tiles";
  readonly operands: "storage";
  /** Whether slices are loaded into registers while those before them are multiplied. */
  readonly ahead: boolean;
  /** The type of slices in workgroup memory, in which the products of a slice are added up: f16 for operands of f16 alone. */
  readonly slices: Float;
  /** Parts that the inner dimension is cut into. */
  readonly splits: number;
}

/** The part of a device that plans for GPUs depend on. */
export type TilesDevice = Pick<Gpu, "name" | "limits" | "slots">;

/**
 * Tiles from the largest, with the speed of a core that is full of them, relative to the first: smaller ones load an element
 * for fewer multiplications, and of the last an invocation computes fewer of them side by side.
 */
const TILES: readonly (readonly [tile: Tile, speed: number])[] = [
  [{ tileM: 128, tileN: 128, rows: 2, columns: 2 }, 1],
  [{ tileM: 128, tileN: 64, rows: 2, columns: 2 }, 0.97],
  [{ tileM: 64, tileN: 128, rows: 2, columns: 2 }, 0.97],
  [{ tileM: 64, tileN: 64, rows: 2, columns: 2 }, 0.95],
  [{ tileM: 64, tileN: 64, rows: 2, columns: 1 }, 0.75],
  [{ tileM: 64, tileN: 32, rows: 2, columns: 1 }, 0.65],
  [{ tileM: 32, tileN: 32, rows: 1, columns: 1 }, 0.45],
  [{ tileM: 16, tileN: 16, rows: 1, columns: 1 }, 0.25],
];

/**
 * Slices from the best: long ones, since what is computed once a slice is then shared by more multiplications, and in one
 * buffer, which takes the memory of two short ones, has as many barriers along k, and fewer registers than two long ones.
 */
const SLICES: readonly Slices[] = [
  { step: 16, buffers: 1 },
  { step: 16, buffers: 2 },
  { step: 8, buffers: 2 },
  { step: 8, buffers: 1 },
];

/** The speed by how long slices are: short ones run more code a multiplication. */
const STEP_SPEED = { 16: 1, 8: 0.86 } as const;

/** With fewer invocations, some of the multipliers of a core have nothing to do. */
const BUSY_INVOCATIONS = 128;

/** Bytes of workgroup memory, for slices of f32; those of f16 take no more. */
function slicesBytes({ tileM, tileN }: Tile, { step, buffers }: Slices): number {
  return 4 * buffers * step * (tileM + tileN);
}

/** The ways to slice the inner dimension that fit `bytes` of workgroup memory; none where nothing fits. */
function slicesFor(bytes: number, { name }: TilesDevice, { k }: GemmShape, tile: Tile): readonly Slices[] {
  const fitting = SLICES.filter((slices) => slicesBytes(tile, slices) <= bytes);
  // No deeper than there is, and no second buffer where one slice is all.
  const useful = fitting.filter(({ step, buffers }) => k > (buffers === 1 ? step / 2 : step));
  // An invocation holds a block of a slice on its way to workgroup memory. Compilers let two of them be on it at once.
  const held = hasFewRegisters(name) ? useful.filter((slices) => blocksEach(tile, slices) <= 1) : useful;
  // A single short slice is for where nothing else will do.
  const good = held.filter((slices) => slices !== SLICES.at(-1));
  return good.length > 0 ? good : fitting.slice(-1);
}

/** The best slices that take at most half the memory a workgroup may have, so that two workgroups fit a core. */
function defaultSlices(gpu: TilesDevice, shape: GemmShape, tile: Tile): Slices {
  const bytes = gpu.limits.maxComputeWorkgroupStorageSize;
  return slicesFor(bytes / 2, gpu, shape, tile)[0] ?? slicesFor(bytes, gpu, shape, tile)[0]!;
}

const invocations = ({ tileM, tileN, rows, columns }: Tile) => tileM * tileN / (16 * rows * columns);
/** Blocks of 4×4 that slices have for each invocation to bring. */
const blocksEach = (tile: Tile, { step }: Slices) =>
  step * (tile.tileM + tile.tileN) / (16 * invocations(tile));

/** The tiles that are not mostly empty, and for which the device has the invocations and the memory; at least the smallest. */
function tilesFor(gpu: TilesDevice, shape: GemmShape): Tile[] {
  const { limits } = gpu;
  return TILES.map(([tile]) => tile).filter((tile, i) =>
    i === TILES.length - 1 ||
    tile.tileM < 2 * shape.m && tile.tileN < 2 * shape.n &&
      invocations(tile) <= limits.maxComputeInvocationsPerWorkgroup &&
      slicesFor(limits.maxComputeWorkgroupStorageSize, gpu, shape, tile).length > 0
  );
}

/**
 * How long a product takes on so many cores, apart from joining its parts: in multiply-adds that a core does with the fastest
 * tiles meanwhile. Its last workgroups leave some cores idle, and its tiles at the edges are partly empty.
 */
function timeOf(shape: GemmShape, plan: TilesPlan, cores: number): number {
  const { tileM, tileN, columns, step, splits } = plan;
  const [, speed] = TILES.find(([tile]) =>
    tile.tileM === tileM && tile.tileN === tileN && tile.columns === columns
  )!;
  const groups = workgroups(shape, [tileM, tileN]) * splits;
  const turns = Math.max(Math.ceil(groups / cores), Math.ceil(BUSY_INVOCATIONS / invocations(plan)));
  return turns * tileM * tileN * depthOf(shape.k, splits) / (speed * STEP_SPEED[step]);
}

/** How long plans for a product take on so many cores. */
const timeFor = (shape: GemmShape) => (plan: TilesPlan, cores: number) =>
  timeOf(shape, plan, cores) + joinTime(shape, plan.splits, cores);

/** The time of a plan on so many cores, over that of cores which are never idle and whose tiles are never empty. */
export function excessOf(shape: GemmShape, plan: TilesPlan, cores: number): number {
  const { m, n, k, batch } = shape;
  return timeOf(shape, plan, cores) * cores / (batch * m * n * k);
}

const chosen = new ChosenPlans<TilesPlan>();

/** The plan for a product where nothing has been measured. */
export function defaultTiles(gpu: TilesDevice, shape: GemmShape): TilesPlan {
  return chosen.get(
    gpu,
    shape,
    () => fastest(gpu, tilesFor(gpu, shape).map((tile) => bestOf(gpu, shape, tile)), timeFor(shape)),
  );
}

/** The plan of a tile, with the inner dimension cut as is best for it. */
function bestOf(gpu: TilesDevice, shape: GemmShape, tile: Tile): TilesPlan {
  const slices = defaultSlices(gpu, shape, tile);
  const ahead = !hasFewRegisters(gpu.name);
  const uncut = { form: "tiles", ...tile, ...slices, ahead, slices: "f32", operands: "storage" } as const;
  return fastest(gpu, splitsFor(shape).map((splits) => ({ ...uncut, splits })), timeFor(shape));
}

/** Every plan worth measuring: all tiles in all slices, the inner dimension whole or cut as is best for the tile. */
export function* candidateTiles(gpu: TilesDevice, shape: GemmShape): Generator<TilesPlan> {
  for (const tile of tilesFor(gpu, shape)) {
    const best = bestOf(gpu, shape, tile);
    for (const slices of slicesFor(gpu.limits.maxComputeWorkgroupStorageSize, gpu, shape, tile)) {
      for (const splits of new Set([leastSplits(shape), best.splits])) yield { ...best, ...slices, splits };
    }
  }
}
