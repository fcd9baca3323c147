/** The contrasts of M3CoL (Kumar et al., "Harnessing Shared Relations via Multimodal Mixup Contrastive Learning", 2024). */
import { keyOf, Random } from "../../base/random.ts";
import { matmul } from "../../ops/matmul.ts";
import { add, mul, sub } from "../../ops/arithmetic.ts";
import { l2Normalize } from "../../ops/normalize.ts";
import { scale } from "../../ops/pointwise.ts";
import { mean, sum } from "../../ops/reduce.ts";
import { transpose } from "../../ops/shape.ts";
import { logsumexp, softmax } from "../../ops/softmax.ts";
import { scope } from "../../tensor/scope.ts";
import type { RandomKey } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** The least norm that rows are divided by, as in torch's `normalize`. */
const EPSILON = 1e-12;

/** cos(a_i, b_j) / τ: a, b [batch, width] give [batch, batch]. */
function similarities(a: Tensor, b: Tensor, temperature: number): Tensor {
  const [u, v] = [l2Normalize(a, EPSILON), l2Normalize(b, EPSILON)];
  return scale(matmul(u, v, { transposeB: true }), 1 / temperature);
}

/** The mean over rows of −Σ_j targets_ij log softmax(x)_ij; the targets of a row need not sum to 1. */
function softCrossEntropy(x: Tensor, targets: Tensor): Tensor {
  const weights = sum(targets, { axes: [1] });
  return mean(sub(mul(weights, logsumexp(x)), sum(mul(targets, x), { axes: [1] })));
}

/**
 * Draws how a batch is mixed, row by row: with probability `share`, row i is β x_i + (1 − β) x_π(i), with β of
 * Beta(beta, beta) and π a permutation; else x_i. Gives the matrix [batch, batch] of these weights, whose rows sum to 1.
 * `beta` is at most 1.
 */
export function drawMixing(
  batch: number,
  key: RandomKey,
  beta: number,
  share = 0.5,
): Float32Array<ArrayBuffer> {
  const random = new Random(keyOf(key.key0, key.key1, key.layer, key.step));
  const partners = Uint32Array.from({ length: batch }, (_, i) => i);
  random.shuffle(partners);
  const mixing = new Float32Array(batch * batch);
  partners.forEach((partner, i) => {
    const own = random.uniform() <= share ? random.beta(beta) : 1;
    mixing[i * batch + i]! += own;
    mixing[i * batch + partner]! += 1 - own;
  });
  return mixing;
}

/**
 * The contrast of mixed samples of a with samples of b. With x_ij = cos((M a)_i, b_j) / τ and M the mixing, whose row i says
 * which samples are in the i-th mixture,
 *   L = ½ ( mean_i −Σ_j M_ij log softmax_j(x_ij) + mean_j −Σ_i M_ij log softmax_i(x_ij) ).
 * a, b [batch, width] and mixing [batch, batch] give [].
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, Tensor } from "unis/engine";
 * import { mixedContrast } from "./mixed_contrast.ts";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 0, 0, 1), [2, 2]);
 * // Nothing is mixed: InfoNCE at τ = 1, log(e^1 + e^0) - 1 for each of the two samples, either way.
 * const [loss] = await mixedContrast(x, x, x, 1).read();
 * assert.ok(Math.abs(loss! - (Math.log(Math.E + 1) - 1)) < 1e-6);
 * gpu.destroy();
 * ```
 */
export function mixedContrast(a: Tensor, b: Tensor, mixing: Tensor, temperature: number): Tensor {
  return scope(() => {
    const x = similarities(matmul(mixing, a), b, temperature);
    const there = softCrossEntropy(x, mixing);
    return scale(add(there, softCrossEntropy(transpose(x), transpose(mixing))), 0.5);
  });
}

/**
 * The contrast of a with b towards the similarities within b, Q = softmax(cos(b_i, b_j) / τ): with x_ij = cos(a_i, b_j) / τ,
 *   L = ½ ( mean_i −Σ_j Q_ij log softmax_j(x_ij) + mean_i −Σ_j Q_ij log softmax_j(x_ji) ),
 * through which Q has a gradient too, as in the published code. a, b [batch, width] give [].
 */
export function softContrast(a: Tensor, b: Tensor, temperature: number): Tensor {
  return scope(() => {
    const targets = softmax(similarities(b, b, temperature));
    const x = similarities(a, b, temperature);
    return scale(add(softCrossEntropy(x, targets), softCrossEntropy(transpose(x), targets)), 0.5);
  });
}
