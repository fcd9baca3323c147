/** How attention is computed: by tiles in workgroup memory on GPUs, by blocks of four in registers elsewhere. */
import { type AdapterClass, type Limits, SOFTWARE_LANES } from "../gpu/adapter.ts";
import { hasFewRegisters } from "../gpu/registers.ts";

/** The part of a device that plans depend on. */
export interface AttentionDevice {
  readonly adapterClass: AdapterClass;
  readonly name: string;
  readonly limits: Pick<Limits, "maxComputeWorkgroupStorageSize" | "maxComputeInvocationsPerWorkgroup">;
}

/** How a kernel divides its work. */
export type Division =
  /** By attention.wgsl: an invocation computes four queries, four keys, or both. */
  | { readonly form: "blocks"; readonly constants: { readonly TOKENS: 4; readonly WG: number } }
  /** By tiles_*.wgsl: a workgroup computes TOKENS queries or keys. */
  | { readonly form: "tiles"; readonly constants: Tiles };

type Tiles = Readonly<Record<"TOKENS" | "WG" | "BLOCKS" | "STEP" | "TILE4", number>>;

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

/** Heads of fewer elements would leave most invocations of a tile without work. */
const LEAST_DIM = 16;

/** By blocks: on software adapters, and the gradient of a bias, which needs no more than a block, on all. */
export function blocksPlan({ adapterClass }: AttentionDevice): Division {
  return { form: "blocks", constants: { TOKENS: 4, WG: adapterClass === "software" ? SOFTWARE_LANES : 64 } };
}

/**
 * Tiles on GPUs where dim is a multiple of four and a tile fits the workgroup memory; blocks where not, and on software
 * adapters, whose workgroup memory is slow.
 */
export function attentionPlan(device: AttentionDevice, dim: number): Division {
  const { adapterClass, limits, name } = device;
  if (adapterClass === "software" || dim % 4 !== 0 || dim < LEAST_DIM) return blocksPlan(device);
  const hasFew = hasFewRegisters(name) || limits.maxComputeWorkgroupStorageSize < LITTLE_MEMORY;
  const constants = (hasFew ? tilesFor(device, dim, 1) : undefined) ?? tilesFor(device, dim, 2);
  return constants ? { form: "tiles", constants } : blocksPlan(device);
}
