/** Gives a learner what its configuration takes from pretrained encoders: their weights, and how far classes are apart. */
import { nameDistances } from "../build/class_distances.ts";
import { type DownloadProgress, resolveModel } from "../io/hub.ts";
import { openWeights } from "../io/weights_file.ts";
import type { Learner } from "./learner.ts";

/** Overwrites the first weights of the encoders that the learner has by the pretrained ones. */
export async function loadPretrained(
  learner: Learner,
  folders: ReadonlyMap<string, string>,
  warn: (message: string) => void,
): Promise<void> {
  for (const [modality, folder] of folders) {
    if (!learner.encoders.includes(modality)) continue;
    using checkpoint = openWeights(folder);
    await learner.loadEncoder(modality, checkpoint, warn);
  }
}

/** Overwrites the distances of classes by those of a sentence encoder, where the configuration names one. */
export async function loadClassDistances(
  learner: Learner,
  classes: readonly string[],
  downloads: DownloadProgress,
  warn: (message: string) => void,
): Promise<void> {
  const { class_encoder } = learner.config.model;
  if (class_encoder === undefined) return;
  const { folder } = await resolveModel(class_encoder.source, {
    kinds: ["weights", "tokenizer"],
    revision: class_encoder.commit ?? undefined,
    progress: downloads,
  });
  learner.writeClassDistances(await nameDistances(learner.gpu, folder, classes, warn));
}
