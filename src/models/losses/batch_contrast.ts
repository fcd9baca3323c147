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
import { type ByModality, type ModalityPair, sumOf } from "./pairs.ts";

/** Taken from a logit, it leaves nothing of its exponential; added as 0, it changes no digit. */
const OUT_OF_SIGHT = 1e4;
/** The bound on norms, as that of `cosineSimilarity`. */
const EPSILON = 1e-8;

export type BatchOptions = {
  /** τ. */
  readonly temperature: number;
  /** From b to a as well as from a to b; false if not given. */
  readonly symmetric?: boolean;
  /** True: D_i = P_i, as published. */
  readonly positivesOnly?: boolean;
};

/**
 * With x_ij = cos(a_i, b_j) / τ, P_i the samples in the group of sample i, itself included, and D_i the whole batch,
 *   L = mean_i ( log Σ_{j∈D_i} exp(x_ij) − (1/|P_i|) Σ_{j∈P_i} x_ij ),
 * the positives outside the logarithm (L_out of "Supervised Contrastive Learning", Khosla et al. 2020) and, where each
 * sample is a group of its own, InfoNCE. `symmetric`: the mean of that and of the same with a and b exchanged. P_i is
 * never empty. With D_i = P_i, nothing repels, and of groups of one nothing is left: L = 0. a, b [batch, width], groups
 * u32 [batch] give [].
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

/** `batchContrast` of all pairs of modalities a < b, summed: []. */
export function batchContrasts(
  representations: ByModality<Tensor>,
  pairs: readonly ModalityPair[],
  groups: Tensor,
  options: BatchOptions,
): Tensor {
  return scope(() =>
    sumOf(pairs.map(({ a, b }) => batchContrast(representations[a]!, representations[b]!, groups, options)))
  );
}
