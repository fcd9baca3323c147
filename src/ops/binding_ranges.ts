/** How ops bind tensors beyond the adapter's binding limit: range by range, a dispatch each. */
import type { BufferRange } from "../gpu/pool.ts";
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Where bindings may start, in bytes. */
const ALIGNMENT = 256;

/** A tensor in ranges that fit a binding; tensors of one length are cut at the same places. */
export function windows(tensor: Tensor): readonly BufferRange[] {
  const limit = tensor.gpu.limits.maxStorageBufferBindingSize;
  if (tensor.bytes <= limit) return [tensor];
  const { buffer, offset, bytes, isHalf } = tensor;
  const most = limit - limit % ALIGNMENT;
  return Array.from({ length: Math.ceil(bytes / most) }, (_, i) => ({
    buffer,
    offset: offset + i * most,
    bytes: Math.min(most, bytes - i * most),
    isHalf,
  }));
}

/** The rows `first` up to `end` of a matrix. */
export interface RowWindow {
  readonly first: number;
  readonly end: number;
  readonly range: BufferRange;
}

/** As `windows`, in whole rows of a matrix. Throws RangeError where 64 rows (128 of f16) do not fit a binding. */
export function rowWindows(matrix: Tensor): readonly RowWindow[] {
  const [rows, width] = matrix.shape as [number, number];
  const limit = matrix.gpu.limits.maxStorageBufferBindingSize;
  if (matrix.bytes <= limit) return [{ first: 0, end: rows, range: matrix }];
  const elementBytes = matrix.bytes / matrix.size;
  const rowBytes = elementBytes * width;
  const step = ALIGNMENT / elementBytes; // so many rows end where a binding may start, whatever their width
  const windowRows = Math.floor(limit / (step * rowBytes)) * step;
  if (windowRows === 0) {
    throw new RangeError(
      `Cannot bind ${step} rows of ${showShape(matrix.shape)}: the adapter's binding limit is ${limit} bytes`,
    );
  }
  const { buffer, offset, isHalf } = matrix;
  return Array.from({ length: Math.ceil(rows / windowRows) }, (_, i) => {
    const first = i * windowRows;
    const end = Math.min(first + windowRows, rows);
    return {
      first,
      end,
      range: { buffer, offset: offset + first * rowBytes, bytes: (end - first) * rowBytes, isHalf },
    };
  });
}
