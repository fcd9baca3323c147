/** Fusion: the representations of all modalities become the one input of the fused head. */
import type { Value } from "../../onnx/graph.ts";
import * as onnx from "../../onnx/operators.ts";
import { concat } from "../../ops/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface Fusion {
  /** Says what it does, for the readers of an export. */
  readonly description: string;
  /** Gives the width of what comes of representations of these widths. */
  width(widths: readonly number[]): number;
  /** Takes representations [batch, width], in the order of the modalities, to one tensor [batch, width] of that width. */
  fuse(representations: readonly Tensor[]): Tensor;
  /** The same in a graph of ONNX; without it, models that fuse so are not exported to ONNX. */
  toOnnx?(representations: readonly Value[]): Value;
}

/** Puts all representations side by side. */
export const concatenation: Fusion = {
  description: "all representations concatenated, in the order of the modalities",
  width: (widths) => widths.reduce((total, width) => total + width, 0),
  fuse: (representations) => concat(representations, 1),
  toOnnx: (representations) => onnx.concat(representations, 1),
};
