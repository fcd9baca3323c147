/** The unimodality-supervised contrast of UniS-MMC on the device: kinds of pairs, their counts, the loss. */
import { defineKernel } from "../gpu/kernel.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { showShape } from "../tensor/shape.ts";
import { needsGrad, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mustBe } from "./check.ts";
import { MAX_ITERATIONS, rowWorkgroup } from "./plan.ts";
import { workgroup } from "./workgroup.ts";
import contrast_ from "../../wgsl/losses/contrast.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import kinds_ from "../../wgsl/losses/pair_types.wgsl" with { type: "text" };

const kindsKernel = defineKernel("kinds", [kinds_, workgroup, grid]);
const contrastKernel = defineKernel("unimodalContrast", [contrast_, workgroup, grid]);

/** How the predictions of two modalities a, b of one sample stand to its label (the paper's Table 1). */
export const PairKind = { bothRight: 0, onlyARight: 1, onlyBRight: 2, bothWrong: 3 } as const;
export type PairKind = typeof PairKind[keyof typeof PairKind];

const setOf = (...kinds: readonly PairKind[]) => kinds.reduce<number>((set, kind) => set | 1 << kind, 0);

/** Equation 2 as it is, if nothing is given, or with parts of it left out or added. */
export interface ContrastParts {
  /** False: pairs of which one is right leave the numerator; they are only in the denominator. */
  readonly semiPositive?: boolean;
  /** False: pairs that are both wrong leave the denominator. */
  readonly negative?: boolean;
  /** True: the fraction is divided by |P∪S|, or by the number of samples where that is 0. */
  readonly divided?: boolean;
}

/** Checks that tensors are all [rows]; gives rows. */
function rowsOf(op: string, ...tensors: readonly Tensor[]): number {
  const rows = tensors[0]!.size;
  if (tensors.some((tensor) => tensor.rank !== 1 || tensor.size !== rows)) {
    const shapes = tensors.map((tensor) => showShape(tensor.shape)).join(", ");
    throw new TypeError(`Cannot ${op} of ${shapes}: all are [rows]`);
  }
  if (rows === 0) throw new RangeError(`Cannot ${op} of no rows`);
  return rows;
}

/** Lanes of the one workgroup that walks all rows. */
function mustFitWorkgroup(op: string, gpu: Gpu, rows: number): number {
  const WG = rowWorkgroup(gpu);
  if (rows > WG * MAX_ITERATIONS) {
    throw new RangeError(`Cannot ${op} of ${rows} rows: it takes ${WG * MAX_ITERATIONS} at most`);
  }
  return WG;
}

/** The `PairKind` of every sample: predictions of modalities a and b and labels, u32 [rows] each, give u32 [rows]. */
export function pairKinds(predictedA: Tensor, predictedB: Tensor, labels: Tensor): Tensor {
  mustBe("u32", "pairKinds", predictedA, predictedB, labels);
  const rows = rowsOf("pairKinds", predictedA, predictedB, labels);
  const { gpu } = labels;
  const kinds = Tensor.empty(gpu, [rows], "u32");
  const buffers = { a: predictedA, b: predictedB, labels, kinds };
  gpu.dispatch({
    kernel: kindsKernel,
    entry: "pair_kinds",
    buffers,
    params: { rows },
    invocations: rows,
    constants: { WG: rowWorkgroup(gpu) },
  });
  return kinds;
}

/** 1 where a sample is of a kind, else 0: a mask for selecting rows; kinds u32 [rows] give u32 [rows]. */
export function isKind(kinds: Tensor, kind: PairKind): Tensor {
  mustBe("u32", "isKind", kinds);
  const rows = rowsOf("isKind", kinds);
  const { gpu } = kinds;
  const mask = Tensor.empty(gpu, [rows], "u32");
  gpu.dispatch({
    kernel: kindsKernel,
    entry: "is_kind",
    buffers: { kinds_given: kinds, mask },
    params: { rows, kind },
    invocations: rows,
    constants: { WG: rowWorkgroup(gpu) },
  });
  return mask;
}

/** How many samples are of each kind: kinds u32 [rows] give u32 [4]. Throws RangeError beyond 262,144 rows. */
export function countKinds(kinds: Tensor): Tensor {
  mustBe("u32", "countKinds", kinds);
  const rows = rowsOf("countKinds", kinds);
  const { gpu } = kinds;
  const WG = mustFitWorkgroup("countKinds", gpu, rows);
  const counts = Tensor.empty(gpu, [4], "u32");
  gpu.dispatch({
    kernel: kindsKernel,
    entry: "count_kinds",
    buffers: { kinds_given: kinds, counts },
    params: { rows },
    workgroups: 1,
    constants: { WG },
  });
  return counts;
}

/** 1 where two samples have the same label, else 0: labels u32 [rows] give f32 [rows, rows]. */
export function sameLabel(labels: Tensor): Tensor {
  mustBe("u32", "sameLabel", labels);
  const rows = rowsOf("sameLabel", labels);
  const { gpu } = labels;
  const same = Tensor.empty(gpu, [rows, rows]);
  gpu.dispatch({
    kernel: kindsKernel,
    entry: "same_label",
    buffers: { labels, same },
    params: { rows },
    invocations: rows * rows,
    constants: { WG: rowWorkgroup(gpu) },
  });
  return same;
}

/** In how many places a and b agree: u32 [rows] each give u32 [1]. Throws RangeError beyond 262,144 rows. */
export function countEqual(a: Tensor, b: Tensor): Tensor {
  mustBe("u32", "countEqual", a, b);
  const rows = rowsOf("countEqual", a, b);
  const { gpu } = a;
  const WG = mustFitWorkgroup("countEqual", gpu, rows);
  const counts = Tensor.empty(gpu, [1], "u32");
  gpu.dispatch({
    kernel: kindsKernel,
    entry: "count_equal",
    buffers: { a, b, counts },
    params: { rows },
    workgroups: 1,
    constants: { WG },
  });
  return counts;
}

/**
 * L = −log(Σ_{n∈P∪S} exp(sₙ/τ) / Σ_n exp(sₙ/τ)), equation 2 of the paper, from the similarities s [rows] of paired
 * representations, their kinds u32 [rows] and τ > 0; gives []. With nothing in the numerator, or nothing in the
 * denominator alone, both loss and gradient are exactly 0, but for what `divided` adds to the loss. `parts` changes parts
 * of the equation. Throws RangeError beyond 262,144 rows or for another τ.
 */
export function unimodalContrast(
  similarity: Tensor,
  kinds: Tensor,
  temperature: number,
  { semiPositive = true, negative = true, divided = false }: ContrastParts = {},
): Tensor {
  mustBe("f32", "unimodalContrast", similarity);
  mustBe("u32", "unimodalContrast with kinds", kinds);
  const rows = rowsOf("unimodalContrast", similarity, kinds);
  if (!(temperature > 0 && temperature < Infinity)) {
    throw new RangeError(`Cannot unimodalContrast at a temperature of ${temperature}: it is positive`);
  }
  const { gpu } = similarity;
  const WG = mustFitWorkgroup("unimodalContrast", gpu, rows);
  const semi = [PairKind.onlyARight, PairKind.onlyBRight];
  const params = {
    rows,
    attracted: setOf(PairKind.bothRight, ...(semiPositive ? semi : [])),
    repelled: setOf(...(semiPositive ? [] : semi), ...(negative ? [PairKind.bothWrong] : [])),
    inverse_temperature: 1 / temperature,
  };
  const loss = Tensor.empty(gpu, [], "f32", needsGrad(similarity));
  const found = Tensor.empty(gpu, [4]);
  gpu.dispatch({
    kernel: contrastKernel,
    entry: "forward",
    buffers: { s: similarity, kinds, loss, found },
    params: { ...params, divided: Number(divided) },
    workgroups: 1,
    constants: { WG },
  });
  return record(loss, [similarity], [similarity, kinds, found], (dy) => {
    const ds = Tensor.empty(gpu, [rows]);
    gpu.dispatch({
      kernel: contrastKernel,
      entry: "backward",
      buffers: { s: similarity, kinds, found_saved: found, dy, ds },
      params,
      invocations: rows,
      constants: { WG },
    });
    return [ds];
  });
}
