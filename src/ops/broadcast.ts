/** Reading tensors through strides: shapes merged into the four dimensions the kernels walk. */
import { type Shape, showShape, stridesOf } from "../tensor/shape.ts";

type Four = [number, number, number, number];

/**
 * Merges neighbouring dimensions that every reader walks alike. `strides[r][d]` is the step in elements of reader r
 * along dimension d. Throws RangeError where more than four remain.
 */
export function mergeDimensions(
  shape: Shape,
  strides: readonly (readonly number[])[],
): { dims: Four; strides: Four[] } {
  const dims: number[] = [];
  const merged: number[][] = strides.map(() => []);
  for (const [d, size] of shape.entries()) {
    if (size === 1) continue;
    const last = dims.length - 1;
    const continues = last >= 0 && strides.every((stride, r) => merged[r]![last] === stride[d]! * size);
    if (continues) dims[last]! *= size;
    else dims.push(size);
    for (const [r, stride] of strides.entries()) merged[r]![continues ? last : dims.length - 1] = stride[d]!;
  }
  if (dims.length > 4) {
    throw new RangeError(
      `Cannot walk ${showShape(shape)} with these strides: more than four dimensions remain`,
    );
  }
  const pad = (values: number[], filler: number) =>
    [...new Array<number>(4 - values.length).fill(filler), ...values] as Four;
  return { dims: pad(dims, 1), strides: merged.map((stride) => pad(stride, 0)) };
}

/** Merges the dimensions of inputs that are broadcast to `shape`: a repeated dimension has stride 0. */
export function collapse(shape: Shape, inputs: readonly Shape[]): { dims: Four; strides: Four[] } {
  return mergeDimensions(
    shape,
    inputs.map((input) => {
      const own = stridesOf(input);
      return shape.map((size, i) => {
        const j = i - shape.length + input.length;
        return j < 0 || (input[j] === 1 && size !== 1) ? 0 : own[j]!;
      });
    }),
  );
}
