/** Binding ranges: how ops bind tensors beyond the adapter's binding limit, one range and one dispatch after the other. */
import { BINDING_ALIGNMENT, type BufferRange } from "../gpu/pool.ts";
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A tensor in ranges that fit a binding; tensors of one length are cut at the same places. */
export function bindingRanges(tensor: Tensor): readonly BufferRange[] {
  const limit = tensor.gpu.limits.maxStorageBufferBindingSize;
  if (tensor.bytes <= limit) return [tensor];
  const { buffer, offset, bytes, isHalf } = tensor;
  const most = limit - limit % BINDING_ALIGNMENT;
  return Array.from({ length: Math.ceil(bytes / most) }, (_, i) => ({
    buffer,
    offset: offset + i * most,
    bytes: Math.min(most, bytes - i * most),
    isHalf,
  }));
}

/** The rows `first` up to `end` of a matrix. */
export interface RowRange {
  readonly first: number;
  readonly end: number;
  readonly range: BufferRange;
}

/**
 * A matrix in ranges of whole rows that fit a binding. Throws RangeError where 64 rows (128 of f16) do not fit one: so many
 * rows end where a binding may start, whatever their width.
 */
export function rowRanges(matrix: Tensor): readonly RowRange[] {
  const [rows, width] = matrix.shape as [number, number];
  const limit = matrix.gpu.limits.maxStorageBufferBindingSize;
  if (matrix.bytes <= limit) return [{ first: 0, end: rows, range: matrix }];
  const elementBytes = matrix.bytes / matrix.size;
  const rowBytes = elementBytes * width;
  const step = BINDING_ALIGNMENT / elementBytes;
  const rangeRows = Math.floor(limit / (step * rowBytes)) * step;
  if (rangeRows === 0) {
    throw new RangeError(
      `Cannot bind ${step} rows of ${showShape(matrix.shape)}: the adapter's binding limit is ${limit} bytes`,
    );
  }
  const { buffer, offset, isHalf } = matrix;
  return Array.from({ length: Math.ceil(rows / rangeRows) }, (_, i) => {
    const first = i * rangeRows;
    const end = Math.min(first + rangeRows, rows);
    return {
      first,
      end,
      range: { buffer, offset: offset + first * rowBytes, bytes: (end - first) * rowBytes, isHalf },
    };
  });
}
