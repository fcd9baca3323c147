/** Rows by number: gather (embedding), select by mask, argmax. */
import { defineKernel } from "../gpu/kernel.ts";
import type { BufferRange } from "../gpu/pool.ts";
import { sameShape, type Shape, showShape, sizeOf } from "../tensor/shape.ts";
import { needsGrad, record, refuseGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { rowRanges } from "./binding_ranges.ts";
import { type Float, floatOf, mustBe } from "./check.ts";
import type { Indices } from "./indices.ts";
import { mustBeWords, packConstants, packSizeOf } from "./packs.ts";
import { full } from "./fill.ts";
import { MAX_ITERATIONS, rowWorkgroup } from "./workgroup.ts";
import argmax_ from "../../wgsl/indexing/argmax.wgsl" with { type: "text" };
import gather_ from "../../wgsl/indexing/gather.wgsl" with { type: "text" };
import grid from "../../wgsl/lib/grid.wgsl" with { type: "text" };
import nan from "../../wgsl/lib/nan.wgsl" with { type: "text" };
import select_ from "../../wgsl/indexing/select.wgsl" with { type: "text" };

const gatherKernel = defineKernel("gatherRows", [gather_, grid]);

/**
 * Rows of x by number: x [rows, width] gives [...ids.shape, width]. The gradient of x has x's shape, is zero in rows not
 * taken, and adds up each row's positions in a fixed order. x may exceed the adapter's binding limit. The result of an f32
 * table may be asked for in f16; the gradient of the table is f32 all the same. Throws TypeError for other shapes or types.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { gatherRows, Gpu, indices, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]);
 * const ids = indices(gpu, Uint32Array.of(2, 0), [2], { rows: 3 });
 * assert.deepEqual(await gatherRows(x, ids).read(), Float32Array.of(5, 6, 1, 2));
 * gpu.destroy();
 * ```
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
  const packSize = packSizeOf(width!);
  const packs = width! / packSize;
  if (dtype !== undefined && dtype !== x.dtype) mustBe("f32", `gather ${dtype} rows of`, x);
  const y = Tensor.empty(gpu, [...ids.shape, width!], dtype ?? x.dtype, needsGrad(x));
  const count = y.size / packSize;
  const constants = {
    ...packConstants(y, packSize),
    Row: packSize === 4 ? `vec4<${x.dtype}>` : x.dtype,
    Sum: packSize === 4 ? "vec4f" : "f32",
  };
  for (const { first, end, range } of rowRanges(x)) {
    gpu.dispatch({
      kernel: gatherKernel,
      entry: "forward",
      buffers: { ids: part(ids, ids.starts.ids, sizeOf(ids.shape)), x: range, y },
      params: { count, width: packs, first, end },
      invocations: count,
      constants,
      work: () => ({ bytes: 2 * y.bytes }), // of x, only the rows taken
    });
  }
  return record(y, [x], [ids.packed], (dy, _, [sink]) => {
    const sums = Tensor.empty(gpu, [ids.chunks, width!]);
    const inChunks = ids.chunks * packs;
    gpu.dispatch({
      kernel: gatherKernel,
      entry: "sum_chunks",
      buffers: {
        order: part(ids, ids.starts.order, ids.positions),
        chunk_starts: part(ids, ids.starts.chunkStarts, ids.chunks + 1),
        dy,
        sums,
      },
      params: { count: inChunks, width: packs },
      invocations: inChunks,
      constants,
    });
    const dx = sink ?? full(gpu, x.shape, 0, floatOf("gather the gradient of", x));
    const count = ids.rowsTaken * packs;
    for (const { first, end, range } of rowRanges(dx)) {
      gpu.dispatch({
        kernel: gatherKernel,
        entry: "add_rows",
        buffers: {
          taken: part(ids, ids.starts.taken, ids.rowsTaken),
          row_starts: part(ids, ids.starts.rowStarts, ids.rowsTaken + 1),
          chunk_sums: sums,
          dx: range,
        },
        params: { count, width: packs, first, end },
        invocations: count,
        constants,
        work: () => ({ bytes: sums.bytes + 2 * count * packSize * 4 }), // of dx, only the rows taken
      });
    }
    return [dx];
  });
}

/**
 * `gatherRows` by the field's name: rows of a table [rows, width] for the ids of tokens, positions or types.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { embedding, Gpu, indices, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const table = Tensor.from(gpu, Float32Array.of(0, 0, 1, 1, 2, 2), [3, 2]);
 * const ids = indices(gpu, Uint32Array.of(1, 2, 0, 0), [2, 2], { rows: 3, ignore: 0 });
 * assert.deepEqual(embedding(table, ids).shape, [2, 2, 2]);
 * gpu.destroy();
 * ```
 */
export const embedding = gatherRows;

/** A part of the packed words, as a range to bind. */
function part({ packed }: Indices, start: number, length: number): BufferRange {
  return { buffer: packed.buffer, offset: packed.offset + 4 * start, bytes: 4 * length };
}

const selectKernel = defineKernel("selectRows", [select_, grid]);

/**
 * y[n] = a[n] where mask[n] is not 0, else b[n]; mask u32 [rows], a and b [rows, ...]. Each gets its rows' gradient.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { Gpu, selectRows, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const mask = Tensor.from(gpu, Uint32Array.of(1, 0), [2]);
 * const a = Tensor.from(gpu, Float32Array.of(1, 2), [2, 1]);
 * const b = Tensor.from(gpu, Float32Array.of(10, 20), [2, 1]);
 * assert.deepEqual(await selectRows(mask, a, b).read(), Float32Array.of(1, 20));
 * gpu.destroy();
 * ```
 */
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
  const packSize = packSizeOf(width);
  const count = a.size / packSize;
  const params = { count, width: width / packSize };
  const constants = packConstants(a, packSize);
  const y = Tensor.empty(gpu, a.shape, "f32", needsGrad(a, b));
  gpu.dispatch({
    kernel: selectKernel,
    entry: "forward",
    buffers: { mask, a, b, y },
    params,
    invocations: count,
    constants,
  });
  return record(y, [a, b], [mask], (dy, needed) =>
    [1, 0].map((side, i) => {
      if (!needed[i]) return undefined;
      const dx = Tensor.empty(gpu, dy.shape);
      gpu.dispatch({
        kernel: selectKernel,
        entry: "backward",
        buffers: { mask, dy, dx },
        params: { ...params, side },
        invocations: count,
        constants,
      });
      return dx;
    }));
}

const argmaxKernel = defineKernel("argmax", [argmax_, grid, nan]);

/**
 * The number of the largest element along the last axis, the first of equals; NaN counts as the largest, as in torch: f32 [..., n] to u32 [...]. No gradient.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { argmax, Gpu, Tensor } from "unis/engine";
 *
 * const gpu = await Gpu.open();
 * const x = Tensor.from(gpu, Float32Array.of(1, 5, 5, 9, 2, 3), [2, 3]);
 * assert.deepEqual(await argmax(x).read(), Uint32Array.of(1, 0));
 * gpu.destroy();
 * ```
 */
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
  gpu.dispatch({
    kernel: argmaxKernel,
    entry: "argmax",
    buffers: { x, y },
    params: { rows: y.size, columns },
    workgroups: y.size,
    constants: { WG },
  });
  return y;
}
