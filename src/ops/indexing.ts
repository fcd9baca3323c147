/** Rows by number: gather (embedding), select by mask, argmax. */
import { defineKernel } from "../gpu/kernel.ts";
import type { BufferRange } from "../gpu/pool.ts";
import { sameShape, type Shape, showShape, sizeOf } from "../tensor/shape.ts";
import { needsGrad, record, refuseGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { cellConstants, cellGroups, cellOf, mustBeWords } from "./cells.ts";
import { type Float, floatOf, mustBe } from "./check.ts";
import type { Indices } from "./indices.ts";
import { MAX_ITERATIONS, rowWorkgroup } from "./plan.ts";
import { full } from "./pointwise.ts";
import { rowWindows } from "./binding_ranges.ts";
import argmax_ from "../../wgsl/indexing/argmax.wgsl" with { type: "text" };
import gather_ from "../../wgsl/indexing/gather.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import select_ from "../../wgsl/indexing/select.wgsl" with { type: "text" };

const gatherKernel = defineKernel("gatherRows", [gather_, grid]);

/**
 * Rows of x by number: [rows, width] to [...ids.shape, width]. The gradient of x is whole, zero in rows not taken, and
 * sums each row's positions in a fixed order. x may exceed the adapter's binding limit: it is bound window by window.
 * The result of an f32 table may be asked for in f16; the gradient of the table is f32 all the same.
 */
export function gatherRows(x: Tensor, ids: Indices, dtype?: Float): Tensor {
  const [rows, width] = x.shape;
  if (x.rank !== 2 || rows !== ids.rows) {
    throw new TypeError(
      `Cannot gather rows of ${showShape(x.shape)}: the indices are into [${ids.rows}, width]`,
    );
  }
  mustBeWords("gather rows of", x);
  const { gpu } = x;
  const cell = cellOf(width!);
  const cells = width! / cell;
  if (dtype !== undefined && dtype !== x.dtype) mustBe("f32", `gather ${dtype} rows of`, x);
  const y = Tensor.empty(gpu, [...ids.shape, width!], dtype ?? x.dtype, needsGrad(x));
  const count = y.size / cell;
  const constants = {
    ...cellConstants(y, cell),
    Row: cell === 4 ? `vec4<${x.dtype}>` : x.dtype,
    Sum: cell === 4 ? "vec4f" : "f32",
  };
  for (const { first, end, range } of rowWindows(x)) {
    const params = { count, width: cells, first, end };
    const buffers = { ids: part(ids, ids.starts.ids, sizeOf(ids.shape)), x: range, y };
    const work = () => ({ bytes: 2 * y.bytes }); // of x, only the rows taken
    gpu.dispatch(gatherKernel, "forward", buffers, params, cellGroups(count), constants, work);
  }
  return record(y, [x], [ids.packed], (dy, _, [sink]) => {
    const sums = Tensor.empty(gpu, [ids.chunks, width!]);
    const inChunks = ids.chunks * cells;
    const chunkBuffers = {
      order: part(ids, ids.starts.order, ids.positions),
      chunk_starts: part(ids, ids.starts.chunkStarts, ids.chunks + 1),
      dy,
      sums,
    };
    const params = { count: inChunks, width: cells, first: 0, end: 0 };
    gpu.dispatch(gatherKernel, "sum_chunks", chunkBuffers, params, cellGroups(inChunks), constants);
    const dx = sink ?? full(gpu, x.shape, 0, floatOf("gather the gradient of", x));
    const count = ids.rowsTaken * cells;
    for (const { first, end, range } of rowWindows(dx)) {
      const params = { count, width: cells, first, end };
      const taken = part(ids, ids.starts.taken, ids.rowsTaken);
      const row_starts = part(ids, ids.starts.rowStarts, ids.rowsTaken + 1);
      const buffers = { taken, row_starts, chunk_sums: sums, dx: range };
      const work = () => ({ bytes: sums.bytes + 2 * count * cell * 4 }); // of dx, only the rows taken
      gpu.dispatch(gatherKernel, "add_rows", buffers, params, cellGroups(count), constants, work);
    }
    return [dx];
  });
}

/** `gatherRows` by its field name: rows of a table [rows, width] for token, position or type ids. */
export const embedding = gatherRows;

function part({ packed }: Indices, start: number, length: number): BufferRange {
  return { buffer: packed.buffer, offset: packed.offset + 4 * start, bytes: 4 * length };
}

const selectKernel = defineKernel("selectRows", [select_, grid]);

/** y[n] = a[n] where mask[n] is not 0, else b[n]; mask u32 [rows], a and b [rows, ...]. Each gets its rows' gradient. */
export function selectRows(mask: Tensor, a: Tensor, b: Tensor): Tensor {
  mustBe("u32", "select rows by", mask);
  mustBe("f32", "select rows of", a, b);
  if (!sameShape(a.shape, b.shape) || mask.rank !== 1 || a.shape[0] !== mask.size) {
    throw new TypeError(
      `Cannot select rows of ${showShape(a.shape)} and ${showShape(b.shape)} by ${showShape(mask.shape)}`,
    );
  }
  const { gpu } = a;
  const width = sizeOf(a.shape.slice(1));
  const cell = cellOf(width);
  const count = a.size / cell;
  const run = (entry: string, buffers: Readonly<Record<string, Tensor>>, side: number) => {
    const params = { count, width: width / cell, side };
    gpu.dispatch(
      selectKernel,
      entry,
      { mask, ...buffers },
      params,
      cellGroups(count),
      cellConstants(a, cell),
    );
  };
  const y = Tensor.empty(gpu, a.shape, "f32", needsGrad(a, b));
  run("forward", { a, b, y }, 0);
  return record(y, [a, b], [mask], (dy, needed) =>
    [1, 0].map((side, i) => {
      if (!needed[i]) return undefined;
      const dx = Tensor.empty(gpu, dy.shape);
      run("backward", { dy, dx }, side);
      return dx;
    }));
}

const argmaxKernel = defineKernel("argmax", [argmax_, grid]);

/** The number of the largest element along the last axis, the first of equals: f32 [..., n] to u32 [...]. No gradient. */
export function argmax(x: Tensor): Tensor {
  refuseGrad("argmax", x);
  mustBe("f32", "take argmax of", x);
  const { gpu } = x;
  const WG = rowWorkgroup(gpu);
  const columns = x.shape.at(-1) ?? 0;
  if (columns < 1 || columns > WG * MAX_ITERATIONS) {
    throw new RangeError(`Cannot take argmax of ${showShape(x.shape)}: 1 to ${WG * MAX_ITERATIONS} columns`);
  }
  const rows: Shape = x.shape.slice(0, -1);
  const y = Tensor.empty(gpu, rows, "u32");
  gpu.dispatch(argmaxKernel, "argmax", { x, y }, { rows: y.size, columns }, y.size, { WG });
  return y;
}
