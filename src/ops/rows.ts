/** What kernels share that work on rows: along the last axis, the lanes of a workgroup together on one row. */
import type { Constants, KernelSource } from "../gpu/kernel.ts";
import { defineKernel } from "../gpu/kernel.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { showShape, sizeOf } from "../tensor/shape.ts";
import { rowWorkgroup } from "./plan.ts";
import { workgroup } from "./workgroup.ts";
import byFour from "../../wgsl/rows/by_four.wgsl" with { type: "text" };
import byOne from "../../wgsl/rows/by_one.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import nan from "../../wgsl/lib/nan.wgsl" with { type: "text" };
import row_ from "../../wgsl/rows/row.wgsl" with { type: "text" };

/** One kernel in two variants: rows taken four elements at a time, or one where four does not divide the width. */
export interface RowKernel {
  readonly four: KernelSource;
  readonly one: KernelSource;
}

/** `textures`: the arrays of whole rows that a kernel reads. */
export function defineRowKernel(
  label: string,
  files: KernelSource["files"],
  textures: readonly string[] = [],
): RowKernel {
  const shared = [...files, row_, workgroup, grid, nan];
  return {
    four: defineKernel(label, [...shared, byFour], textures),
    one: defineKernel(label, [...shared, byOne]),
  };
}

/** How a tensor is taken row by row. */
export interface RowPlan {
  readonly rows: number;
  readonly cols: number;
  /** What a row kernel is specialised by: lanes of a workgroup, packs of a row. */
  readonly constants: Constants & { readonly WG: number; readonly PACKS: number };
  /** Packs of a row that one lane has. */
  readonly steps: number;
  variant(kernel: RowKernel): KernelSource;
}

/** Packs a lane should hold at most (registers), and packs it can hold (beyond the registers, memory of its own). */
const STEPS_WANTED = 32;
const STEPS_POSSIBLE = 1024;
const WIDEST_WORKGROUP = 256;

const powerOfTwo = (n: number) => 2 ** Math.ceil(Math.log2(n));

/** Throws TypeError for a scalar, RangeError where rows are empty or too long. */
export function planRows(op: string, { gpu, shape }: Tensor): RowPlan {
  const cols = shape.at(-1);
  if (cols === undefined) throw new TypeError(`Cannot ${op} a scalar: it has no last axis`);
  const inFours = cols % 4 === 0;
  const packs = inFours ? cols / 4 : cols;
  if (cols === 0 || packs > WIDEST_WORKGROUP * STEPS_POSSIBLE) {
    throw new RangeError(
      `Cannot ${op} ${showShape(shape)}: rows have 1 to ${WIDEST_WORKGROUP * STEPS_POSSIBLE} elements`,
    );
  }
  // Lanes beyond the packs of a row would idle; a long row takes more lanes, so that each can hold its share.
  const lanes = Math.min(rowWorkgroup(gpu), Math.max(8, powerOfTwo(packs)));
  const WG = Math.min(WIDEST_WORKGROUP, Math.max(lanes, powerOfTwo(packs / STEPS_WANTED)));
  return {
    rows: sizeOf(shape.slice(0, -1)),
    cols,
    constants: { WG, PACKS: packs },
    steps: Math.ceil(packs / WG),
    variant: (kernel) => inFours ? kernel.four : kernel.one,
  };
}
