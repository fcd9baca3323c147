/** Fusion: the representations of all modalities become the one input of the fused head. */
import { concat } from "../../ops/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface Fusion {
  /** Says what it does, for the readers of an export. */
  readonly description: string;
  /** Gives the width of what comes of representations of these widths. */
  width(widths: readonly number[]): number;
  /** Takes representations [batch, width], in the order of the modalities, to one tensor [batch, width] of that width. */
  fuse(representations: readonly Tensor[]): Tensor;
}

/** Puts all representations side by side. */
export const concatenation: Fusion = {
  description: "all representations concatenated, in the order of the modalities",
  width: (widths) => widths.reduce((total, width) => total + width, 0),
  fuse: (representations) => concat(representations, 1),
};
