/** One encoder and its head, learning from its own loss: what the name of a modality stands for as a method. */
import type { Method } from "./method.ts";

export const single: Method = {
  name: "single",
  description: "the loss of one encoder's head alone",
  unimodalHeadsAreProbes: false,
};
