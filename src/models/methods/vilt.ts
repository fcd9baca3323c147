/**
 * ViLT (Kim et al., 2021): one transformer reads words and patches of the image together, and one classifier what it makes of
 * them. The transformer is the encoder of that name.
 */
import type { Method } from "./method.ts";

export const vilt: Method = {
  name: "vilt",
  description:
    "the loss of one classifier on a transformer that reads words and patches of the image together",
  encoder: "vilt",
  reads: ["image", "text"],
  unimodalHeadsAreProbes: false,
};
