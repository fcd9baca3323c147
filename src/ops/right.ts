/** Which samples a head is right about, on the device and without gradient. */
import { defineKernel } from "../gpu/kernel.ts";
import { showShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mustBe, rowsOf } from "./check.ts";
import { MAX_ITERATIONS, mustFitWorkgroup, rowWorkgroup, workgroup } from "./workgroup.ts";
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import nan from "../../wgsl/lib/nan.wgsl" with { type: "text" };
import right_ from "../../wgsl/losses/right.wgsl" with { type: "text" };

const kernel = defineKernel("right", [right_, workgroup, grid, nan]);

/** 1 where the predicted class is the label, else 0: u32 [rows] each give u32 [rows]. */
export function isClass(predicted: Tensor, labels: Tensor): Tensor {
  mustBe("u32", "isClass", predicted, labels);
  const rows = rowsOf("isClass", predicted, labels);
  const { gpu } = labels;
  const right = Tensor.empty(gpu, [rows], "u32");
  gpu.dispatch({
    kernel,
    entry: "is_class",
    buffers: { predicted, labels, right },
    params: { rows },
    invocations: rows,
    constants: { WG: rowWorkgroup(gpu) },
  });
  return right;
}

/** The bound of an overlap of sets: a share of whole numbers that is equal but for rounding counts as equal. */
export function overlapBound(overlap: number): number {
  return overlap * (1 - 1e-6);
}

/**
 * 1 where the set of labels that logits choose is the one wanted, or near it, else 0: logits and targets f32 [rows, labels]
 * each give u32 [rows]. Chosen are the labels whose probability, 1 / (1 + e^-logit), is `threshold` or more, wanted those whose
 * target is above one half; right is an overlap |chosen and wanted| / |chosen or wanted| (Jaccard's index, 1 of two empty
 * sets) of `overlap` or more, which is the same set where it is 1. Throws RangeError beyond 32,768 labels.
 */
export function isSet(logits: Tensor, targets: Tensor, threshold: number, overlap: number): Tensor {
  const least = Math.log(threshold / (1 - threshold));
  return compared("isSet", "is_set", logits, targets, { least, overlap: overlapBound(overlap) });
}

/** 1 where a number is within `tolerance` of its target, else 0: f32 [rows, 1] each give u32 [rows]. */
export function isNear(values: Tensor, targets: Tensor, tolerance: number): Tensor {
  if (values.shape[1] !== 1) {
    throw new TypeError(`Cannot isNear of ${showShape(values.shape)}: it takes [rows, 1]`);
  }
  return compared("isNear", "is_near", values, targets, { tolerance });
}

/** Runs an entry that compares two of f32 [rows, labels] and gives u32 [rows]. */
function compared(
  op: string,
  entry: string,
  x: Tensor,
  targets: Tensor,
  params: Readonly<Record<string, number>>,
): Tensor {
  mustBe("f32", op, x, targets);
  const { gpu, shape } = x;
  const [rows, labels] = shape as [number, number];
  if (x.rank !== 2 || showShape(shape) !== showShape(targets.shape)) {
    throw new TypeError(
      `Cannot ${op} of ${showShape(shape)} and ${showShape(targets.shape)}: they are two of [rows, labels]`,
    );
  }
  if (x.size === 0 || labels > MAX_ITERATIONS) {
    throw new RangeError(`Cannot ${op} of ${showShape(shape)}: it takes 1 to ${MAX_ITERATIONS} labels`);
  }
  const right = Tensor.empty(gpu, [rows], "u32");
  gpu.dispatch({
    kernel,
    entry,
    buffers: { x, targets, right },
    params: { rows, ...(entry === "is_set" && { labels }), ...params },
    invocations: rows,
    constants: { WG: rowWorkgroup(gpu) },
  });
  return right;
}

/** The number of rows that are not 0: u32 [rows] give u32 [1]. Throws RangeError beyond 262,144 rows. */
export function countRight(right: Tensor): Tensor {
  mustBe("u32", "countRight", right);
  const rows = rowsOf("countRight", right);
  const { gpu } = right;
  const WG = mustFitWorkgroup("countRight", gpu, rows);
  const counts = Tensor.empty(gpu, [1], "u32");
  gpu.dispatch({
    kernel,
    entry: "count_right",
    buffers: { right_given: right, counts },
    params: { rows },
    workgroups: 1,
    constants: { WG },
  });
  return counts;
}
