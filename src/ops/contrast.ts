/** The unimodality-supervised contrast of UniS-MMC on the device: types of pairs, their counts, the loss. */
import { defineKernel, readConstant } from "../gpu/kernel.ts";
import { showShape } from "../tensor/shape.ts";
import { needsGrad, record, refuseGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mustBe, rowsOf } from "./check.ts";
import { mustFitWorkgroup, rowWorkgroup, workgroup } from "./workgroup.ts";
import contrast_ from "../../wgsl/losses/contrast.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import nan from "../../wgsl/lib/nan.wgsl" with { type: "text" };
import pairTypes_ from "../../wgsl/losses/pair_types.wgsl" with { type: "text" };

const pairTypesKernel = defineKernel("pairTypes", [pairTypes_, workgroup, grid]);
const contrastKernel = defineKernel("unimodalContrast", [contrast_, workgroup, grid, nan]);

/** Which of two modalities a and b are right about a sample (the paper's Table 1). */
export type PairType = "bothRight" | "onlyARight" | "onlyBRight" | "bothWrong";

/** The numbers that tensors hold for them, 0 to 3. */
export const PAIR_TYPES: Readonly<Record<PairType, number>> = {
  bothRight: readConstant(pairTypes_, "BOTH_RIGHT"),
  onlyARight: readConstant(pairTypes_, "ONLY_A_RIGHT"),
  onlyBRight: readConstant(pairTypes_, "ONLY_B_RIGHT"),
  bothWrong: readConstant(pairTypes_, "BOTH_WRONG"),
};

/** A set of types as contrast.wgsl reads it: a bit for each. */
const setOf = (...types: readonly PairType[]) => types.reduce((set, type) => set | 1 << PAIR_TYPES[type], 0);

/** Changes to equation 2 of the paper; it stays as it is where nothing is given. */
export interface ContrastParts {
  /** False: pairs with one right prediction are left out of the numerator, and stay in the denominator. */
  readonly semiPositive?: boolean;
  /** False: pairs with no right prediction are left out of the denominator. */
  readonly negative?: boolean;
  /** True: the fraction is divided by |P∪S|, or by the number of samples where that is 0. */
  readonly divided?: boolean;
}

/** The type of every sample: 1 where modality a, and where b, is right, u32 [rows] each, give u32 [rows]. */
export function pairTypes(rightA: Tensor, rightB: Tensor): Tensor {
  mustBe("u32", "pairTypes", rightA, rightB);
  const rows = rowsOf("pairTypes", rightA, rightB);
  const { gpu } = rightA;
  const types = Tensor.empty(gpu, [rows], "u32");
  gpu.dispatch({
    kernel: pairTypesKernel,
    entry: "pair_types",
    buffers: { a: rightA, b: rightB, types },
    params: { rows },
    invocations: rows,
    constants: { WG: rowWorkgroup(gpu) },
  });
  return types;
}

/** 1 where a sample is of this type, else 0: a mask for selecting rows; types u32 [rows] give u32 [rows]. */
export function isPairType(types: Tensor, type: PairType): Tensor {
  mustBe("u32", "isPairType", types);
  const rows = rowsOf("isPairType", types);
  const { gpu } = types;
  const mask = Tensor.empty(gpu, [rows], "u32");
  gpu.dispatch({
    kernel: pairTypesKernel,
    entry: "is_pair_type",
    buffers: { types_given: types, mask },
    params: { rows, pair_type: PAIR_TYPES[type] },
    invocations: rows,
    constants: { WG: rowWorkgroup(gpu) },
  });
  return mask;
}

/**
 * How many samples are of each type, by its number: types u32 [rows] give u32 [4]. Throws RangeError beyond 262,144 rows.
 */
export function countPairTypes(types: Tensor): Tensor {
  mustBe("u32", "countPairTypes", types);
  const rows = rowsOf("countPairTypes", types);
  const { gpu } = types;
  const WG = mustFitWorkgroup("countPairTypes", gpu, rows);
  const counts = Tensor.empty(gpu, [4], "u32");
  gpu.dispatch({
    kernel: pairTypesKernel,
    entry: "count_pair_types",
    buffers: { types_given: types, counts },
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
    kernel: pairTypesKernel,
    entry: "same_label",
    buffers: { labels, same },
    params: { rows },
    invocations: rows * rows,
    constants: { WG: rowWorkgroup(gpu) },
  });
  return same;
}

/**
 * The value of a table for the classes of every two samples: table f32 [classes, classes] and labels u32 [rows], each below
 * the number of classes, give f32 [rows, rows], without gradient.
 */
export function labelPairs(table: Tensor, labels: Tensor): Tensor {
  mustBe("f32", "labelPairs", table);
  mustBe("u32", "labelPairs", labels);
  refuseGrad("labelPairs", table);
  const rows = rowsOf("labelPairs", labels);
  const [classes] = table.shape;
  if (table.rank !== 2 || table.shape[1] !== classes) {
    throw new TypeError(`Cannot labelPairs of ${showShape(table.shape)}: the table is [classes, classes]`);
  }
  const { gpu } = labels;
  const values = Tensor.empty(gpu, [rows, rows]);
  gpu.dispatch({
    kernel: pairTypesKernel,
    entry: "label_pairs",
    buffers: { table, labels, values },
    params: { rows, classes: classes! },
    invocations: rows * rows,
    constants: { WG: rowWorkgroup(gpu) },
  });
  return values;
}

/**
 * L = −log(Σ_{n∈P∪S} exp(sₙ/τ) / Σ_n exp(sₙ/τ)), equation 2 of the paper, from the similarities s [rows] of paired
 * representations, the types of the pairs, u32 [rows], and τ > 0; gives []. With nothing in the numerator, or nothing in the
 * denominator alone, both loss and gradient are exactly 0, but for what `divided` adds to the loss. `parts` changes parts
 * of the equation. Throws RangeError beyond 262,144 rows or for another τ.
 */
export function unimodalContrast(
  similarity: Tensor,
  types: Tensor,
  temperature: number,
  { semiPositive = true, negative = true, divided = false }: ContrastParts = {},
): Tensor {
  mustBe("f32", "unimodalContrast", similarity);
  mustBe("u32", "unimodalContrast with types", types);
  const rows = rowsOf("unimodalContrast", similarity, types);
  if (!(temperature > 0 && temperature < Infinity)) {
    throw new RangeError(`Cannot unimodalContrast at a temperature of ${temperature}: it is positive`);
  }
  const { gpu } = similarity;
  const WG = mustFitWorkgroup("unimodalContrast", gpu, rows);
  const semi = ["onlyARight", "onlyBRight"] as const;
  const params = {
    rows,
    attracted: setOf("bothRight", ...(semiPositive ? semi : [])),
    repelled: setOf(...(semiPositive ? [] : semi), ...(negative ? ["bothWrong"] as const : [])),
    inverse_temperature: 1 / temperature,
  };
  const loss = Tensor.empty(gpu, [], "f32", needsGrad(similarity));
  const found = Tensor.empty(gpu, [4]);
  gpu.dispatch({
    kernel: contrastKernel,
    entry: "forward",
    buffers: { s: similarity, types, loss, found },
    params: { ...params, divided: Number(divided) },
    workgroups: 1,
    constants: { WG },
  });
  return record(loss, [similarity], [similarity, types, found], (dy) => {
    const ds = Tensor.empty(gpu, [rows]);
    gpu.dispatch({
      kernel: contrastKernel,
      entry: "backward",
      buffers: { s: similarity, types, found_saved: found, dy, ds },
      params,
      invocations: rows,
      constants: { WG },
    });
    return [ds];
  });
}
