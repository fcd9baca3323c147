/** Matrix products, apart from how they are computed: their shapes and names, and the shapes that a program asks for. */
import type { Float } from "./check.ts";
import { MAX_ITERATIONS } from "./workgroup.ts";

/** Tensors that a product may need beside its operands. */
export interface Addenda<T> {
  /** f32 [n]. */
  readonly bias?: T;
  /** The argument of gelu: `bias_gelu_saved` leaves it there, `gelu_grad` reads it. Like `residual` as large as the result. */
  readonly h?: T;
  readonly residual?: T;
}

/** The functions that a product may go through before it is stored, and what they need. */
export const EPILOGUES = {
  none: [],
  bias: ["bias"],
  bias_relu: ["bias"],
  bias_gelu: ["bias"],
  bias_gelu_saved: ["bias", "h"],
  bias_residual: ["bias", "residual"],
  gelu_grad: ["h"],
} as const satisfies Readonly<Record<string, readonly (keyof Addenda<never>)[]>>;

export type Epilogue = keyof typeof EPILOGUES;

/** Everything that the plan of a product may depend on. */
export interface GemmShape {
  /** Rows and columns of one product, and the dimension summed over. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Number of products. */
  readonly batch: number;
  /** a is stored as [k, m], b as [n, k]. */
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** One a, or one b, serves the whole batch. */
  readonly sharedA: boolean;
  readonly sharedB: boolean;
  readonly epilogue: Epilogue;
  /** The type of the operands. */
  readonly dtype: Float;
  /** The type of the result. */
  readonly result: Float;
  /** The operand that is the patches of images. */
  readonly patchesOf?: "a" | "b";
  /** The rows of the result go to pixels of images. */
  readonly scattered?: true;
}

/** One name for one shape: `1576×768×3072 NT bias_gelu`, batch and element types where they are not 1 and f32. */
export function nameOfShape(shape: GemmShape): string {
  const { m, n, k, batch, transposeA, transposeB, sharedA, sharedB, epilogue, dtype, result } = shape;
  const { patchesOf, scattered } = shape;
  let name = `${m}×${k}×${n} ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`;
  if (batch !== 1) name = `${batch}${sharedA ? " shared A" : ""}${sharedB ? " shared B" : ""} · ${name}`;
  if (patchesOf) name += ` ${patchesOf} of patches`;
  if (scattered) name += " to pixels";
  if (epilogue !== "none") name += ` ${epilogue}`;
  return dtype === "f32" ? name : `${name} f16${result === "f32" ? " to f32" : ""}`;
}

let recorder: Map<string, { shape: GemmShape; calls: number }> | undefined;

/** The distinct shapes of the products that `body` asks for, on any device, in order of appearance. */
export function recordShapes(body: () => void): { shape: GemmShape; calls: number }[] {
  const outer = recorder;
  const recorded = recorder = new Map();
  try {
    body();
  } finally {
    recorder = outer;
  }
  return [...recorded.values()];
}

/** Notes a product for `recordShapes`. */
export function recordShape(shape: GemmShape): void {
  if (!recorder || shape.patchesOf || shape.scattered) return; // a shape does not tell the sizes of images
  const name = nameOfShape(shape);
  const known = recorder.get(name);
  if (known) known.calls++;
  else recorder.set(name, { shape, calls: 1 });
}

/** True for those of a, b and c whose stored rows are whole vec4s. */
export function takesVec4(
  { m, n, k, transposeA, transposeB }: GemmShape,
): { readonly a: boolean; readonly b: boolean; readonly c: boolean } {
  return { a: (transposeA ? m : k) % 4 === 0, b: (transposeB ? k : n) % 4 === 0, c: n % 4 === 0 };
}

/** Workgroups that compute tiles of so many rows and columns. */
export function workgroups(
  { m, n, batch }: GemmShape,
  [tileM, tileN]: readonly [rows: number, columns: number],
): number {
  return Math.ceil(m / tileM) * Math.ceil(n / tileN) * batch;
}

/** The length of each part but the last of an inner dimension that is cut into so many: whole slices of the kernels. */
export function depthOf(k: number, splits: number): number {
  return Math.ceil(k / splits / 16) * 16;
}

/** True where each of the parts that an inner dimension of k is cut into is a whole number of steps. */
export function hasWholeSteps(k: number, { splits, step }: { splits: number; step: number }): boolean {
  return k % step === 0 && (splits === 1 || depthOf(k, splits) % step === 0);
}

/** The fewest parts that the inner dimension must be cut into on any adapter, so that no loop is too long. */
export function leastSplits({ k }: GemmShape): number {
  return Math.max(1, Math.ceil(k / (4 * MAX_ITERATIONS)));
}
