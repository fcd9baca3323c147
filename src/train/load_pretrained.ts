/** Gives a learner the weights of the pretrained encoders that its configuration names. */
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
