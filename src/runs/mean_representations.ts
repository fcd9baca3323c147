/** The mean representation of each modality, which stands for one that says nothing where answers are explained. */
import { openSafetensors, safetensorsParts } from "../io/safetensors.ts";
import type { RunFolder } from "./run_folder.ts";

/** Means over validation samples, by modality. */
export type MeanRepresentations = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

const FILE = "checkpoints/means.safetensors";

/** Keeps those of the weights of an epoch. */
export function writeMeans(run: RunFolder, means: MeanRepresentations, epoch: number): void {
  const tensors = Array.from(
    means,
    ([name, data]) => [name, { dtype: "F32" as const, shape: [data.length], data }] as const,
  );
  run.files.write(FILE, safetensorsParts(Object.fromEntries(tensors), { epoch: String(epoch) }));
}

/**
 * Those of the weights of an epoch; undefined where a run has kept none, or those of other weights. Throws a UserError where the
 * file is damaged.
 */
export function readMeans(run: RunFolder, epoch: number): MeanRepresentations | undefined {
  if (!run.files.isThere(FILE)) return undefined;
  const cure = () => "Remove it, and answers are explained without shares of modalities";
  using file = openSafetensors(run.files.whole(FILE, cure));
  if (file.metadata.get("epoch") !== String(epoch)) return undefined;
  return new Map(Array.from(file.tensors.keys(), (name) => [name, file.readFloat32(name)]));
}
