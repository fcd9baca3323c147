/** The contrast that UniS-MMC is compared with: a sample's representation against those of the whole batch. */
import { sameLabel } from "../../ops/contrast.ts";
import { matmul } from "../../ops/matmul.ts";
import { add, div, mul, sub } from "../../ops/arithmetic.ts";
import { l2Normalize } from "../../ops/normalize.ts";
import { affine, scale } from "../../ops/pointwise.ts";
import { mean, sum } from "../../ops/reduce.ts";
import { transpose } from "../../ops/shape.ts";
import { logsumexp } from "../../ops/softmax.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type ByModality, type ModalityPair, samplesIn, sumOf } from "./pairs.ts";

/** Subtracted from a logit, this leaves nothing of its exponential; a 0 in its place changes no digit. */
const OUT_OF_SIGHT = 1e4;
/** The least norm that rows are divided by, as in `cosineSimilarity`. */
const EPSILON = 1e-8;

export type BatchOptions = {
  /** The temperature τ. */
  readonly temperature: number;
  /** True contrasts from b to a as well as from a to b, and takes the mean; false if not given. */
  readonly symmetric?: boolean;
  /** True has D_i = P_i, as the published code; false if not given. */
  readonly positivesOnly?: boolean;
};

/**
 * With x_ij = cos(a_i, b_j) / τ, P_i the samples in the group of sample i, itself included, and D_i the whole batch,
 *   L = mean_i ( log Σ_{j∈D_i} exp(x_ij) − (1/|P_i|) Σ_{j∈P_i} x_ij ),
 * the positives outside the logarithm (L_out of "Supervised Contrastive Learning", Khosla et al. 2020) and, where each
 * sample is a group of its own, InfoNCE. `symmetric`: the mean of that and of the same with a and b exchanged. P_i is
 * never empty. With D_i = P_i, nothing repels, and of groups of one nothing is left: L = 0. a, b [batch, width], groups
 * u32 [batch] give [].
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, Tensor } from "unis/engine";
 * import { batchContrast } from "unis/models";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 0, 0, 1), [2, 2]);
 * const alone = Tensor.from(gpu, Uint32Array.of(0, 1), [2]);
 * // InfoNCE at τ = 1: log(e^1 + e^0) - 1 for each of the two samples.
 * const [loss] = await batchContrast(x, x, alone, { temperature: 1 }).read();
 * assert.ok(Math.abs(loss! - (Math.log(Math.E + 1) - 1)) < 1e-6);
 * gpu.destroy();
 * ```
 */
export function batchContrast(
  a: Tensor,
  b: Tensor,
  groups: Tensor,
  { temperature, symmetric = false, positivesOnly = false }: BatchOptions,
): Tensor {
  return scope(() => {
    const [u, v] = [l2Normalize(a, EPSILON), l2Normalize(b, EPSILON)];
    const logits = scale(matmul(u, v, { transposeB: true }), 1 / temperature); // [batch, batch]
    const positive = sameLabel(groups);
    const shares = div(positive, sum(positive, { axes: [1], keepDims: true }));
    const hidden = affine(positive, OUT_OF_SIGHT, -OUT_OF_SIGHT);
    const oneWay = (x: Tensor) =>
      mean(sub(
        logsumexp(positivesOnly ? add(x, hidden) : x),
        sum(mul(x, shares), { axes: [1] }),
      ));
    // Groups are the same seen from either side, so shares serve both ways.
    return symmetric ? scale(add(oneWay(logits), oneWay(transpose(logits))), 0.5) : oneWay(logits);
  });
}

/** Sums `batchContrast` over all pairs of modalities a < b, each over the samples that have both; gives []. */
export function batchContrasts(
  representations: ByModality<Tensor>,
  pairs: readonly ModalityPair[],
  groups: Tensor,
  options: BatchOptions,
): Tensor {
  return scope(() =>
    sumOf(pairs.map(({ a, b, rows }) => {
      const [own, other] = [representations[a]!, representations[b]!].map((x) => samplesIn(rows, x));
      return batchContrast(own!, other!, samplesIn(rows, groups), options);
    }))
  );
}
