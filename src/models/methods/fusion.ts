/** How the representations of all modalities become one input of the fused head. */
import { concat } from "../../ops/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface Fusion {
  /** In words, for whoever reads an export. */
  readonly description: string;
  /** The width that representations of these widths give. */
  width(widths: readonly number[]): number;
  /** Representations [batch, width], in the order of the modalities, to [batch, width] of that width. */
  fuse(representations: readonly Tensor[]): Tensor;
}

/** All representations side by side. */
export const concatenation: Fusion = {
  description: "all representations concatenated, in the order of the modalities",
  width: (widths) => widths.reduce((total, width) => total + width, 0),
  fuse: (representations) => concat(representations, 1),
};
