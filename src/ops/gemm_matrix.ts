/**
 * Plans of matrix products by matrix units, for operands of f16 on GPUs that have such units: chosen, as those of gemm_tiles.ts,
 * by how long the cores of the adapter take.
 */
import type { Gpu } from "../gpu/gpu.ts";
import type { Constants } from "../gpu/kernel.ts";
import { matrixConstants, type MatrixUnit } from "../gpu/matrix_units.ts";
import { depthOf, type GemmShape, leastSplits, workgroups } from "./gemm_shape.ts";
import { ChosenPlans, fastest, joinTime, splitsFor } from "./gemm_time.ts";

/** What a workgroup computes, and by which matrix unit: M × N × K by so many lanes. */
interface Tile {
  readonly unitM: number;
  readonly unitN: number;
  readonly unitK: number;
  readonly subgroup: number;
  /** Rows and columns. */
  readonly tileM: number;
  readonly tileN: number;
  /** Matrices that a subgroup computes, one below the other and side by side. */
  readonly rows: 1 | 2 | 4;
  readonly columns: 1 | 2 | 4;
}

interface Slices {
  /** Elements along the inner dimension that are brought into workgroup memory at a time, into one of `buffers`. */
  readonly step: 16 | 32;
  readonly buffers: 1 | 2;
}

/** A plan for matrix.wgsl. */
export interface MatrixPlan extends Tile, Slices {
  readonly form: "matrix";
  readonly operands: "storage";
  /** Parts that the inner dimension is cut into. */
  readonly splits: number;
}

/** The part of a device that plans for matrix units depend on. */
export type MatrixDevice = Pick<Gpu, "name" | "limits" | "slots" | "matrixUnits">;

/** Matrices that a subgroup computes, and subgroups of a workgroup, one below the other and side by side. */
const DIVISIONS = [
  { rows: 4, columns: 4, down: 4, across: 4 },
  { rows: 4, columns: 4, down: 2, across: 2 },
  { rows: 4, columns: 2, down: 2, across: 4 },
  { rows: 4, columns: 2, down: 2, across: 2 },
  { rows: 2, columns: 4, down: 2, across: 2 },
  { rows: 2, columns: 2, down: 2, across: 2 },
  { rows: 2, columns: 1, down: 2, across: 2 },
  { rows: 1, columns: 1, down: 2, across: 2 },
  { rows: 1, columns: 1, down: 1, across: 1 },
] as const;

/** The most rows and columns of a tile: larger ones would fill the registers of a core with one workgroup. */
const LARGEST_TILE = 128;

/** From the best: two buffers save a barrier a step, and a long step has more between two barriers. */
const SLICES: readonly Slices[] = [
  { step: 32, buffers: 2 },
  { step: 32, buffers: 1 },
  { step: 16, buffers: 2 },
  { step: 16, buffers: 1 },
];

/** Elements behind each row of a slice: see matrix.wgsl. */
const GAP = 8;
/** Blocks of a slice that an invocation has registers for. */
const MOST_BLOCKS = 2;

/** With fewer subgroups, some of the matrix units of a core have nothing to do. */
const BUSY_SUBGROUPS = 4;
/** Matrix units multiply and add so many times as fast as lanes do: 4 × (RDNA 3) to 16 × (NVIDIA's for data centers). */
const UNIT_SPEED = 8;
/**
 * What the matrix units of a core multiply and add in the time in which it reads a number of f16 from workgroup memory, and
 * fetches one from memory to there: 1,024 pairs a clock, against 128 and 64 bytes.
 */
const NUMBER_READ = 16;
const NUMBER_FETCHED = 32;

const subgroups = ({ unitM, unitN, tileM, tileN, rows, columns }: Tile) =>
  tileM * tileN / (unitM * rows * unitN * columns);
const invocations = (tile: Tile) => subgroups(tile) * tile.subgroup;

/** Bytes of workgroup memory: slices of f16, and a row of matrices of f32 of each subgroup. */
function memoryOf(tile: Tile, { step, buffers }: Slices): number {
  const { tileM, tileN, unitM, unitN, columns, subgroup } = tile;
  const slices = 2 * buffers * (tileM + tileN) * (step + GAP);
  return slices + 4 * subgroups(tile) * Math.max(unitM * unitN * columns, 4 * subgroup);
}

/** The ways to slice the inner dimension that fit `bytes` of workgroup memory and the registers; none where nothing fits. */
function slicesFor(bytes: number, { k }: GemmShape, tile: Tile): readonly Slices[] {
  const most = 16 * MOST_BLOCKS * invocations(tile);
  const fitting = SLICES.filter((slices) =>
    slices.step % tile.unitK === 0 && slices.step * Math.max(tile.tileM, tile.tileN) <= most &&
    memoryOf(tile, slices) <= bytes
  );
  // No deeper than there is, and no second buffer where one slice is all.
  const useful = fitting.filter(({ step, buffers }) => k > (buffers === 1 ? step / 2 : step));
  return useful.length > 0 ? useful : fitting.slice(-1);
}

/** The best slices that take at most half the memory a workgroup may have, so that two workgroups fit a core. */
function defaultSlices({ limits }: MatrixDevice, shape: GemmShape, tile: Tile): Slices {
  const bytes = limits.maxComputeWorkgroupStorageSize;
  return slicesFor(bytes / 2, shape, tile)[0] ?? slicesFor(bytes, shape, tile)[0]!;
}

/** The tiles of a unit that are not mostly empty, and for which the device has the invocations and the memory. */
function tilesFor({ limits }: MatrixDevice, shape: GemmShape, unit: MatrixUnit): Tile[] {
  return DIVISIONS.map(({ rows, columns, down, across }): Tile => ({
    unitM: unit.m,
    unitN: unit.n,
    unitK: unit.k,
    subgroup: unit.subgroup,
    tileM: unit.m * rows * down,
    tileN: unit.n * columns * across,
    rows,
    columns,
  })).filter((tile) =>
    tile.tileM <= LARGEST_TILE && tile.tileN <= LARGEST_TILE &&
    tile.tileM < 2 * shape.m && tile.tileN < 2 * shape.n &&
    invocations(tile) <= limits.maxComputeInvocationsPerWorkgroup &&
    tile.tileM <= 4 * invocations(tile) && // tile_sums_rows.wgsl: an invocation for four rows
    slicesFor(limits.maxComputeWorkgroupStorageSize, shape, tile).length > 0
  );
}

/** How long a product takes on so many cores: in multiply-adds that lanes of a core do meanwhile. */
const timeFor = (shape: GemmShape) => (plan: MatrixPlan, cores: number): number => {
  const { unitM, unitN, rows, columns, tileM, tileN, splits } = plan;
  const groups = workgroups(shape, [tileM, tileN]) * splits;
  const turns = Math.max(Math.ceil(groups / cores), Math.ceil(BUSY_SUBGROUPS / subgroups(plan)));
  const slowdown = 1 + NUMBER_READ * (1 / (rows * unitM) + 1 / (columns * unitN)) +
    NUMBER_FETCHED * (1 / tileM + 1 / tileN);
  return turns * tileM * tileN * depthOf(shape.k, splits) * slowdown / UNIT_SPEED +
    joinTime(shape, splits, cores);
};

const chosen = new ChosenPlans<MatrixPlan | undefined>();

/** The plan for a product where nothing has been measured; undefined where there is none by matrix units. */
export function defaultMatrix(gpu: MatrixDevice, shape: GemmShape): MatrixPlan | undefined {
  const unit = gpu.matrixUnits[0];
  if (!unit || shape.dtype !== "f16") return undefined;
  return chosen.get(gpu, shape, () => {
    const best = tilesFor(gpu, shape, unit).map((tile) => bestOf(gpu, shape, tile));
    return best.length > 0 ? fastest(gpu, best, timeFor(shape)) : undefined;
  });
}

/** The plan of a tile, with the inner dimension cut as is best for it. */
function bestOf(gpu: MatrixDevice, shape: GemmShape, tile: Tile): MatrixPlan {
  const uncut = { form: "matrix", ...tile, ...defaultSlices(gpu, shape, tile), operands: "storage" } as const;
  return fastest(gpu, splitsFor(shape).map((splits) => ({ ...uncut, splits })), timeFor(shape));
}

/** Every plan worth measuring: all units, tiles and slices, the inner dimension whole or cut as is best for the tile. */
export function* candidateMatrix(gpu: MatrixDevice, shape: GemmShape): Generator<MatrixPlan> {
  if (shape.dtype !== "f16") return;
  for (const unit of gpu.matrixUnits) {
    for (const tile of tilesFor(gpu, shape, unit)) {
      const best = bestOf(gpu, shape, tile);
      for (const slices of slicesFor(gpu.limits.maxComputeWorkgroupStorageSize, shape, tile)) {
        for (const splits of new Set([leastSplits(shape), best.splits])) yield { ...best, ...slices, splits };
      }
    }
  }
}

/** What matrix.wgsl must know beside the tile. */
export function unitConstants({ unitM, unitN, unitK, subgroup }: MatrixPlan): Constants {
  return matrixConstants({ m: unitM, n: unitN, k: unitK, subgroup });
}
