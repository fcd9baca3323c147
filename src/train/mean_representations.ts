/** Computes the mean representation of each modality over validation samples. */
import { allFinite } from "../base/finite.ts";
import type { Dataset } from "../data/dataset.ts";
import { FUSION } from "../models/methods/architecture.ts";
import type { MeanRepresentations } from "../runs/mean_representations.ts";
import type { AnsweringModel } from "./evaluation.ts";
import { represent } from "./representations.ts";

/** More samples change a mean by little. */
const MOST_SAMPLES = 1000;

/**
 * Over at most 1000 samples, evenly spread. Undefined where fewer than two modalities have representations, where samples may
 * lack some, so that something else stands for them, where there are no samples, and where numbers overflow. `signal` ends it by an `Interrupted`.
 */
export async function meanRepresentations(
  model: AnsweringModel,
  data: Dataset,
  signal?: AbortSignal,
): Promise<MeanRepresentations | undefined> {
  const modalities = model.heads.filter((head) => head !== FUSION);
  const all = data.count("validation");
  const samples = Math.min(all, MOST_SAMPLES);
  const mayLack = model.config.data.missing !== "refuse";
  if (modalities.length < 2 || samples === 0 || mayLack) return undefined;
  const rows = Uint32Array.from({ length: samples }, (_, i) => Math.floor(i * all / samples));
  const representations = await represent(model, data, "validation", rows, signal);
  const means = new Map(modalities.map((name) => [name, meanOf(representations.get(name)!)]));
  return [...means.values()].every(allFinite) ? means : undefined;
}

function meanOf(vectors: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const sums = new Float64Array(vectors[0]!.length);
  for (const vector of vectors) vector.forEach((value, i) => sums[i]! += value);
  return Float32Array.from(sums, (sum) => sum / vectors.length);
}
