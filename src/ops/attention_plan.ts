/**
 * How attention is computed: on GPUs by matrix units in f16, where there are some that fit, else by tiles in workgroup memory;
 * by blocks of four in registers elsewhere.
 */
import { type AdapterClass, type Limits, SOFTWARE_LANES } from "../gpu/adapter.ts";
import { type Constants, readConstant } from "../gpu/kernel.ts";
import { matrixConstants, type MatrixUnit } from "../gpu/matrix_units.ts";
import { hasFewRegisters } from "../gpu/registers.ts";
import type { Float } from "./check.ts";
import forward from "../../wgsl/attention/matrices_forward.wgsl" with { type: "text" };
import gradKv from "../../wgsl/attention/matrices_grad_kv.wgsl" with { type: "text" };
import gradQ from "../../wgsl/attention/matrices_grad_q.wgsl" with { type: "text" };

/** The part of a device that plans depend on. */
export interface AttentionDevice {
  readonly adapterClass: AdapterClass;
  readonly name: string;
  readonly limits: Pick<Limits, "maxComputeWorkgroupStorageSize" | "maxComputeInvocationsPerWorkgroup">;
  readonly subgroup: number;
  readonly matrixUnits: readonly MatrixUnit[];
}

/** What is computed: the result, the gradient of the queries, or those of keys and values. */
export type AttentionEntry = "forward" | "grad_q" | "grad_kv";

/** What attention is planned by. */
export interface AttentionShape {
  readonly entry: AttentionEntry;
  /** Elements of a head. */
  readonly dim: number;
  readonly dtype: Float;
}

/** How a kernel divides its work. */
export type Division =
  /** By attention.wgsl: an invocation computes four queries, four keys, or both. */
  | { readonly form: "blocks"; readonly constants: { readonly TOKENS: 4; readonly WG: number } }
  /** By tiles_*.wgsl: a workgroup computes TOKENS queries or keys. */
  | { readonly form: "tiles"; readonly constants: Tiles }
  /** The same, forward, maxima and sums over keys being found among each SUBGROUP lanes first: by rows_subgroup.wgsl. */
  | { readonly form: "shuffles"; readonly constants: Tiles & { readonly SUBGROUP: number } }
  /** By matrices_*.wgsl: by matrix units. */
  | { readonly form: "matrices"; readonly constants: Matrices };

type Tiles = Readonly<Record<"TOKENS" | "WG" | "BLOCKS" | "STEP" | "TILE4", number>>;
type Matrices = Constants & Readonly<Record<"TOKENS" | "WG" | "COLUMNS", number>>;

/**
 * Queries or keys that a workgroup computes: few, so that 197 of them cost as 224 and not as 256. Of the other side slabs
 * of STEP tokens, and of subgroups' columns those, that lie beyond the end are skipped.
 */
const TOKENS = 32;
const BYTES_PER_VEC4 = 16;

/** Bytes of workgroup memory that GPUs with few registers offer, for whom two blocks of rows do not fit, and most others exceed. */
const LITTLE_MEMORY = 32768;

/** Bytes of workgroup memory: see tiles.wgsl. */
export function workgroupBytes({ TOKENS, WG, BLOCKS, STEP, TILE4 }: Tiles): number {
  const rows = TOKENS / 4;
  const columns = WG * BLOCKS / rows;
  return BYTES_PER_VEC4 * (STEP * (rows + 2) + STEP * (columns + 2) + 4 * TILE4 * rows);
}

/**
 * The largest tile for rows of BLOCKS blocks of four an invocation; undefined where none fits. As many invocations lie
 * side by side as dim has vec4s, at least eight, and a tile has as many fours of columns or, for lack of memory, half as
 * many or a quarter.
 */
function tilesFor({ limits }: AttentionDevice, dim: number, BLOCKS: 1 | 2): Tiles | undefined {
  const x = Math.max(8, Math.ceil(dim / 16) * 4);
  const WG = x * TOKENS / (4 * BLOCKS);
  if (WG > limits.maxComputeInvocationsPerWorkgroup) return undefined;
  return [x, x / 2, x / 4]
    .flatMap((TILE4) => [16, 8, 4].map((STEP): Tiles => ({ TOKENS, WG, BLOCKS, STEP, TILE4 })))
    .filter(({ TILE4, STEP }) => TILE4 % (STEP / 4) === 0)
    .find((tiles) => workgroupBytes(tiles) <= limits.maxComputeWorkgroupStorageSize);
}

/** Lanes of a tile that exchange values in order, where they have more than one of each row; undefined where none do. */
function subgroupOf({ subgroup, limits }: AttentionDevice, tiles: Tiles): number | undefined {
  const { TOKENS, WG, BLOCKS } = tiles;
  const lanes = Math.min(subgroup, WG & -WG); // a power of two, and as many as divide the workgroup
  const parts = BYTES_PER_VEC4 * WG / lanes * TOKENS / 4;
  const fits = workgroupBytes(tiles) + parts <= limits.maxComputeWorkgroupStorageSize;
  return fits && lanes > TOKENS / 4 / BLOCKS ? lanes : undefined;
}

/** More results than these do not fit the registers, when they are of keys and values. */
const MOST_DIM = 128;
/** Tokens of a tile, from the best: few, since scores take twice the memory of weights. */
const COLUMNS = [16, 32, 8];

/** How many kinds of scores and of weights are kept. */
const kept = (file: string) => ({
  products: readConstant(file, "PRODUCTS"),
  weights: readConstant(file, "WEIGHTS"),
});
const KEPT = { forward: kept(forward), grad_q: kept(gradQ), grad_kv: kept(gradKv) };

/** Bytes of workgroup memory: see matrices.wgsl. */
export function matrixBytes(entry: AttentionEntry, dim: number, { TOKENS, WG, COLUMNS }: Matrices): number {
  const { products, weights } = KEPT[entry];
  const [queries, keys] = entry === "grad_kv" ? [COLUMNS, TOKENS] : [TOKENS, COLUMNS];
  const tokens = (products * TOKENS + 2 * COLUMNS) * (2 * dim + 16);
  const scores = queries * (products * (4 * keys + 16) + weights * (2 * keys + 16));
  const ofForward = entry === "forward" ? 4 * WG + 4 : 0; // totals, exceeds
  return tokens + scores + 4 * TOKENS + ofForward;
}

/** A subgroup computes as many rows as its matrices have; undefined where no unit divides dim or the memory is too small. */
function matricesFor(device: AttentionDevice, { entry, dim, dtype }: AttentionShape): Matrices | undefined {
  const { matrixUnits, limits } = device;
  if (dtype !== "f16" || dim > MOST_DIM) return undefined;
  const fits = (size: number, { n, k }: MatrixUnit) => size % n === 0 && size % k === 0;
  return matrixUnits
    .filter((unit) => fits(dim, unit) && TOKENS % unit.m === 0)
    .flatMap((unit) =>
      COLUMNS.filter((columns) => fits(columns, unit)).map((COLUMNS): Matrices => ({
        ...matrixConstants(unit),
        TOKENS,
        COLUMNS,
        WG: TOKENS / unit.m * unit.subgroup,
      }))
    )
    .filter(({ WG, COLUMNS }) => WG <= limits.maxComputeInvocationsPerWorkgroup && WG % COLUMNS === 0)
    .find((matrices) => matrixBytes(entry, dim, matrices) <= limits.maxComputeWorkgroupStorageSize);
}

/** Heads of fewer elements would leave most invocations of a tile without work. */
const LEAST_DIM = 16;

/** By blocks: on software adapters, and the gradient of a bias, which needs no more than a block, on all. */
export function blocksPlan({ adapterClass }: AttentionDevice): Division {
  return { form: "blocks", constants: { TOKENS: 4, WG: adapterClass === "software" ? SOFTWARE_LANES : 64 } };
}

/**
 * On GPUs by matrix units where numbers are f16 and there are some, by tiles where dim is a multiple of four and a tile fits the
 * workgroup memory; by blocks where not, and on software adapters, whose workgroup memory is slow.
 */
export function attentionPlan(device: AttentionDevice, shape: AttentionShape): Division {
  const { adapterClass, limits, name } = device;
  const { dim } = shape;
  if (adapterClass === "software" || dim % 4 !== 0 || dim < LEAST_DIM) return blocksPlan(device);
  const matrices = matricesFor(device, shape);
  if (matrices) return { form: "matrices", constants: matrices };
  const hasFew = hasFewRegisters(name) || limits.maxComputeWorkgroupStorageSize < LITTLE_MEMORY;
  const constants = (hasFew ? tilesFor(device, dim, 1) : undefined) ?? tilesFor(device, dim, 2);
  if (!constants) return blocksPlan(device);
  // Only the forward pass looks for maxima in its loop over keys.
  const SUBGROUP = shape.entry === "forward" ? subgroupOf(device, constants) : undefined;
  return SUBGROUP === undefined
    ? { form: "tiles", constants }
    : { form: "shuffles", constants: { ...constants, SUBGROUP } };
}
