/** Plans of matrix products by matrix units, for operands of f16 on GPUs that have them. */
import type { MatrixUnit } from "../gpu/matrix_units.ts";

/** A plan for matrix.wgsl. */
export interface MatrixPlan {
  readonly form: "matrix";
  readonly operands: "storage";
  /** The matrix unit: M × N × K by so many lanes. */
  readonly unitM: number;
  readonly unitN: number;
  readonly unitK: number;
  readonly subgroup: number;
  /** Rows and columns of the result that a workgroup computes. */
  readonly tileM: number;
  readonly tileN: number;
  /** Matrices that a subgroup computes, one below the other and side by side. */
  readonly rows: 1 | 2 | 4;
  readonly columns: 1 | 2 | 4;
  /** Elements along the inner dimension that are brought into workgroup memory at a time, into one of `buffers`. */
  readonly step: number;
  readonly buffers: 1 | 2;
  /** Parts that the inner dimension is cut into. */
  readonly splits: number;
}

/** The matrix unit that a plan is for. */
export function unitOf({ unitM, unitN, unitK, subgroup }: MatrixPlan): MatrixUnit {
  return { m: unitM, n: unitN, k: unitK, subgroup };
}
