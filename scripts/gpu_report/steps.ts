/** The steps that can be reported on. */
import { BASE, SMALL } from "../bench/unis_step.ts";

/** `base`: ViT-base + BERT-base, batches of 32; `small`: two narrow layers each, for trying things out. */
export const STEPS = { base: BASE, small: SMALL };
