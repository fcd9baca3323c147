/** Computes the representations that the encoders of a model make of samples. */
import type { Split } from "../data/batch.ts";
import type { Dataset } from "../data/dataset.ts";
import { capture } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { readTensors, type Tensor } from "../tensor/tensor.ts";
import { pause, throwIfInterrupted } from "../base/interrupt.ts";
import type { AnsweringModel } from "./evaluation.ts";

/** One vector a sample, by modality; widths may differ between modalities. */
export type Representations = ReadonlyMap<string, readonly Float32Array[]>;

/** Encodes rows of a split, without dropout or augmentation, in their order. `signal` ends it by an `Interrupted`. */
export async function represent(
  model: AnsweringModel,
  data: Dataset,
  split: Split,
  rows: Uint32Array,
  signal?: AbortSignal,
): Promise<Representations> {
  const vectors = new Map<string, Float32Array[]>();
  const size = model.config.training.evaluation_batch;
  for (let start = 0; start < rows.length; start += size) {
    await pause();
    throwIfInterrupted(signal);
    const batch = await data.batch(split, rows.subarray(start, start + size));
    const tensors = capture<Record<string, Tensor>>(() => noGrad(() => model.representations(batch)));
    try {
      const arrays = await readTensors(Object.values(tensors));
      for (const [i, modality] of Object.keys(tensors).entries()) {
        const own = vectors.get(modality) ?? [];
        vectors.set(modality, own);
        const values = arrays[i] as Float32Array, width = values.length / batch.size;
        for (let row = 0; row < batch.size; row++) own.push(values.slice(row * width, (row + 1) * width));
      }
    } finally {
      for (const tensor of Object.values(tensors)) tensor.dispose();
    }
  }
  return vectors;
}
