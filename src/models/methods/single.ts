/** The method that the name of an encoder stands for: it and its head learn from their own loss alone. */
import type { Method } from "./method.ts";

export const single: Method = {
  name: "single",
  description: "the loss of one encoder's head alone",
  unimodalHeadsAreProbes: false,
};
