/** Position embeddings of a ViT for images of another size than it was trained on. */

/** Keys' bicubic kernel (1981) with a = -0.75, as torch has it, at distances 1 + t, t, 1 - t and 2 - t. */
function weights(t: number): readonly [number, number, number, number] {
  const a = -0.75;
  const near = (x: number) => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

/** For each of `to` points, the four of `from` it is made of and their weights; points beyond an edge are the edge. */
function taps(from: number, to: number) {
  return Array.from({ length: to }, (_, i) => {
    const at = (i + 0.5) * from / to - 0.5;
    const first = Math.floor(at);
    const points = [-1, 0, 1, 2].map((k) => Math.min(Math.max(first + k, 0), from - 1));
    return weights(at - first).map((weight, k) => ({ weight, point: points[k]! }));
  });
}

/**
 * A table [1 + from², width], a class token and then a square of patches row by row, for `to`² patches: the token as it
 * is, the square resized as by torch's `interpolate(mode="bicubic", align_corners=False)`.
 */
export function resizePositions(
  table: Float32Array,
  { from, to, width }: { readonly from: number; readonly to: number; readonly width: number },
): Float32Array<ArrayBuffer> {
  if (table.length !== (1 + from ** 2) * width) {
    throw new TypeError(`Cannot take ${table.length} values for [${1 + from ** 2}, ${width}]`);
  }
  const along = taps(from, to);
  const resized = new Float32Array((1 + to ** 2) * width);
  resized.set(table.subarray(0, width));
  const sums = new Float64Array(width);
  for (const [row, vertical] of along.entries()) {
    for (const [column, horizontal] of along.entries()) {
      sums.fill(0);
      for (const y of vertical) {
        for (const x of horizontal) {
          const start = (1 + y.point * from + x.point) * width;
          const weight = y.weight * x.weight;
          for (let i = 0; i < width; i++) sums[i]! += weight * table[start + i]!;
        }
      }
      resized.set(sums, (1 + row * to + column) * width);
    }
  }
  return resized;
}
