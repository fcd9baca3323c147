/** Kernels that work on rows, along the last axis: the lanes of a workgroup share a row, in packs. */
import { type Constants, defineKernel, type KernelSource } from "../gpu/kernel.ts";
import { showShape, sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type PackSize, packSizeOf } from "./packs.ts";
import { rowWorkgroup, workgroup } from "./workgroup.ts";
import byFour from "../../wgsl/rows/by_four.wgsl" with { type: "text" };
import byOne from "../../wgsl/rows/by_one.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import nan from "../../wgsl/lib/nan.wgsl" with { type: "text" };
import row_ from "../../wgsl/rows/row.wgsl" with { type: "text" };

/** One kernel by the size of its packs. */
export type RowKernel = Readonly<Record<PackSize, KernelSource>>;

/** `textures` name the arrays of whole rows that the kernel reads. */
export function defineRowKernel(
  label: string,
  files: KernelSource["files"],
  textures: readonly string[] = [],
): RowKernel {
  const shared = [...files, row_, workgroup, grid, nan];
  return {
    4: defineKernel(label, [...shared, byFour], textures),
    1: defineKernel(label, [...shared, byOne]),
  };
}

/** How the lanes of a workgroup share the rows of a tensor. */
export interface RowLayout {
  readonly rows: number;
  readonly cols: number;
  /** What a row kernel is specialised by: lanes of a workgroup, packs of a row. */
  readonly constants: Constants & { readonly WG: number; readonly PACKS: number };
  /** Packs of a row that one lane has. */
  readonly steps: number;
  readonly packSize: PackSize;
}

/** Packs that a lane should hold at most, for its registers, and packs that it can hold, in memory beyond them. */
const STEPS_WANTED = 32;
const STEPS_POSSIBLE = 1024;
const WIDEST_WORKGROUP = 256;

const powerOfTwo = (n: number) => 2 ** Math.ceil(Math.log2(n));

/** Throws TypeError for a scalar, RangeError where rows are empty or too long. */
export function rowLayout(op: string, { gpu, shape }: Tensor): RowLayout {
  const cols = shape.at(-1);
  if (cols === undefined) throw new TypeError(`Cannot ${op} a scalar: it has no last axis`);
  const packSize = packSizeOf(cols);
  const packs = cols / packSize;
  const most = WIDEST_WORKGROUP * STEPS_POSSIBLE;
  if (cols === 0 || packs > most) {
    throw new RangeError(`Cannot ${op} ${showShape(shape)}: rows have 1 to ${most * packSize} elements`);
  }
  // Lanes beyond the packs of a row would idle; a long row takes more lanes, so that each can hold its part.
  const lanes = Math.min(rowWorkgroup(gpu), Math.max(8, powerOfTwo(packs)));
  const WG = Math.min(WIDEST_WORKGROUP, Math.max(lanes, powerOfTwo(packs / STEPS_WANTED)));
  return {
    rows: sizeOf(shape.slice(0, -1)),
    cols,
    constants: { WG, PACKS: packs },
    steps: Math.ceil(packs / WG),
    packSize,
  };
}
