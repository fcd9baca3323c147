/** The reduction kernels, outside the tape: what ops and their gradients are built from. */
import { defineKernel, type KernelSource } from "../gpu/kernel.ts";
import { sameShape, type Shape, sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { cast } from "./cast.ts";
import { type Float, floatOf } from "./check.ts";
import { rowWorkgroup, workgroup } from "./workgroup.ts";
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import max_ from "../../wgsl/reduce/max.wgsl" with { type: "text" };
import nan from "../../wgsl/lib/nan.wgsl" with { type: "text" };
import reduce_ from "../../wgsl/reduce/reduce.wgsl" with { type: "text" };
import sum_ from "../../wgsl/reduce/sum.wgsl" with { type: "text" };

export const sumKernel = defineKernel("sum", [reduce_, sum_, workgroup, grid]);
export const maxKernel = defineKernel("max", [reduce_, max_, workgroup, grid, nan]);

/** Elements of the reduced axis that one invocation (of `columns`) or one workgroup (of `rows`) takes. */
const COLUMN_CHUNK = 256;
const ROW_CHUNK = 16384;

/**
 * Reduces x [outer, n, inner] to [outer, inner] of `dtype`, outside the tape; where n is long in stages, with f32 between
 * them, so that no loop is long. The result is added to `into`, if that is given; it is of the same type.
 */
function reduceMiddle(
  kernel: KernelSource,
  x: Tensor,
  outer: number,
  n: number,
  inner: number,
  factor: number,
  dtype: Float,
  into?: Tensor,
): Tensor {
  const { gpu } = x;
  const byRow = inner === 1;
  const limit = byRow ? ROW_CHUNK : COLUMN_CHUNK;
  const chunk = n <= 2 * limit ? n : limit;
  const chunks = Math.ceil(n / chunk);
  const count = outer * chunks * inner;
  const target = chunks === 1 ? into : undefined;
  const y = target ?? Tensor.empty(gpu, [outer, chunks, inner], chunks === 1 ? dtype : "f32");
  const work = {
    kernel,
    buffers: { x, y },
    constants: {
      WG: rowWorkgroup(gpu),
      Elem: floatOf("reduce", x),
      Out: floatOf("reduce to", y),
      ...(target && { ADDED: true }),
    },
  };
  const params = { n, chunk, chunks, count, factor: chunks === 1 ? factor : 1 };
  if (byRow) gpu.dispatch({ ...work, entry: "rows", params, workgroups: count });
  else gpu.dispatch({ ...work, entry: "columns", params: { ...params, inner }, invocations: count });
  return chunks === 1 ? y : reduceMiddle(kernel, y, outer, chunks, inner, factor, dtype, into);
}

/**
 * Reduces runs of neighbouring axes one after the other. The result keeps the axes as dimensions of one, and is of x's
 * type if none is given. It is added to `into`, if that is given; that has as many elements.
 */
export function reduceAxes(
  kernel: KernelSource,
  x: Tensor,
  axes: readonly number[],
  factor: number,
  into?: Tensor,
  dtype: Float = floatOf("reduce", into ?? x),
): Tensor {
  const shape = [...x.shape];
  let y = x;
  for (let end = shape.length - 1; end >= 0; end--) {
    if (!axes.includes(end)) continue;
    let start = end;
    while (start > 0 && axes.includes(start - 1)) start--;
    const outer = sizeOf(shape.slice(0, start));
    const n = sizeOf(shape.slice(start, end + 1));
    const inner = sizeOf(shape.slice(end + 1));
    const isLast = start === Math.min(...axes);
    y = isLast
      ? reduceMiddle(kernel, y, outer, n, inner, factor, dtype, into)
      : reduceMiddle(kernel, y, outer, n, inner, 1, "f32");
    shape.fill(1, start, end + 1);
    end = start;
  }
  return into ?? y.view(shape);
}

/**
 * Sums a gradient over the dimensions that its tensor was repeated along: the gradient of broadcasting. The sum may be
 * added to `into`, if that is given, which is then the result. Else the result is of `dtype`, that of x if not given; sums
 * are f32 on the way.
 */
export function sumTo(
  x: Tensor,
  shape: Shape,
  into?: Tensor,
  dtype: Float = floatOf("sum", into ?? x),
): Tensor {
  if (sameShape(x.shape, shape)) return cast(x, dtype);
  const missing = x.shape.length - shape.length;
  const axes = x.shape.flatMap((size, axis) =>
    axis < missing || (shape[axis - missing] === 1 && size !== 1) ? [axis] : []
  );
  return axes.length === 0
    ? cast(x, dtype).view(shape)
    : viewAs(reduceAxes(sumKernel, x, axes, 1, into, dtype), shape);
}

/** x itself where it has the shape, else a view of it. */
export function viewAs(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : x.view(shape);
}
