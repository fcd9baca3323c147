/** The losses of HUSE (Narayana et al., "HUSE: Hierarchical Universal Semantic Embeddings", 2019) beside cross entropy. */
import { add, less, mul, sub } from "../../ops/arithmetic.ts";
import { labelPairs } from "../../ops/contrast.ts";
import { matmul } from "../../ops/matmul.ts";
import { affine } from "../../ops/pointwise.ts";
import { mean, sum } from "../../ops/reduce.ts";
import { concat, detach } from "../../ops/shape.ts";
import { full } from "../../ops/fill.ts";
import { scope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { pairsOf } from "./pairs.ts";

/**
 * Equation 11, over all N embeddings of a batch, which are those of every modality together:
 *
 *   L = 1/N² Σ_mn σ_mn (d(φ_m, φ_n) − A_ij)²,   σ_mn = 1 where A_ij < ζ and d(φ_m, φ_n) < ζ, else 0,
 *
 * with d = 1 − cos and A_ij the distance of the classes of m and n. `embeddings` are of unit length, [batch, width] for each
 * modality; distances [classes, classes], labels u32 [batch] and ζ the margin give [].
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, Tensor } from "unis/engine";
 * import { semanticGraph } from "./semantic_graph.ts";
 *
 * const gpu = await Gpu.open();
 * const one = Tensor.from(gpu, Float32Array.of(1, 0, 0.8, 0.6), [2, 2]); // at a distance of 0.2
 * const distances = Tensor.from(gpu, Float32Array.of(0, 0.3, 0.3, 0), [2, 2]);
 * const labels = Tensor.from(gpu, Uint32Array.of(0, 1), [2]);
 * const [loss] = await semanticGraph([one], distances, labels, 0.5).read();
 * assert.ok(Math.abs(loss! - 2 * 0.1 ** 2 / 4) < 1e-6);
 * gpu.destroy();
 * ```
 */
export function semanticGraph(
  embeddings: readonly Tensor[],
  distances: Tensor,
  labels: Tensor,
  margin: number,
): Tensor {
  return scope(() => {
    const all = concat(embeddings, 0);
    const found = affine(matmul(all, all, { transposeB: true }), -1, 1);
    const once = labelPairs(distances, labels); // [batch, batch], the same for every two modalities
    const row = concat(embeddings.map(() => once), 1);
    const wanted = concat(embeddings.map(() => row), 0);
    const limit = full(labels.gpu, [1], margin);
    const counts = mul(less(wanted, limit), less(detach(found), limit));
    const error = sub(found, wanted);
    return mean(mul(counts, mul(error, error)));
  });
}

/** Equation 12, 1/N Σ_n d(φ_a(n), φ_b(n)), summed over every two modalities: embeddings of unit length give []. */
export function crossModalGap(embeddings: readonly Tensor[]): Tensor {
  return scope(() => {
    const pairs = pairsOf(Object.keys(embeddings));
    const cosines = pairs.map(([a, b]) =>
      mean(sum(mul(embeddings[Number(a)]!, embeddings[Number(b)]!), { axes: [1] }))
    );
    return affine(cosines.reduce(add), -1, pairs.length);
  });
}

/**
 * Distances of classes by the words of their names: 1 − the cosine of the counts of words, which are what lies between
 * characters that are neither letters nor digits. `classes` give [classes, classes].
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { wordDistances } from "./semantic_graph.ts";
 *
 * const [, near, far] = wordDistances(["face-smiling", "face-sleepy", "flag"]);
 * assert.ok(Math.abs(near! - 0.5) < 1e-6);
 * assert.equal(far, 1);
 * ```
 */
export function wordDistances(classes: readonly string[]): Float32Array<ArrayBuffer> {
  const words = classes.map((name) => name.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [name]);
  const vocabulary = [...new Set(words.flat())];
  return cosineDistances(
    words.map((own) => Float32Array.from(vocabulary, (word) => own.filter((one) => one === word).length)),
  );
}

/** 1 − the cosine of every two vectors: n vectors give [n, n], with 0 from each to itself. */
export function cosineDistances(vectors: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const norms = vectors.map((x) => Math.sqrt(dot(x, x)));
  const distances = new Float32Array(vectors.length ** 2);
  vectors.forEach((a, i) =>
    vectors.forEach((b, j) => {
      if (i !== j) distances[i * vectors.length + j] = 1 - dot(a, b) / (norms[i]! * norms[j]!);
    })
  );
  return distances;
}
