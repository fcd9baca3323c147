/** Which samples a head is right about, on the device and without gradient. */
import { defineKernel } from "../gpu/kernel.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mustBe, rowsOf } from "./check.ts";
import { mustFitWorkgroup, rowWorkgroup, workgroup } from "./workgroup.ts";
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import right_ from "../../wgsl/losses/right.wgsl" with { type: "text" };

const kernel = defineKernel("right", [right_, workgroup, grid]);

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
