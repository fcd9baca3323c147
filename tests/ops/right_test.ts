/** Which rows are right, by each comparison, against what the host makes of the same numbers. */
import assert from "node:assert/strict";
import { isNear, isSet, overlapBound } from "../../src/ops/right.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { generator } from "./table.ts";

const gpu = await openTestGpu();
const floats = (values: ArrayLike<number>, shape: readonly number[]) =>
  Tensor.from(gpu, Float32Array.from(values), shape);

async function read(make: () => Tensor): Promise<number[]> {
  const tensor = scope(make);
  const values = [...await tensor.read()];
  tensor.dispose();
  return values;
}

Deno.test("isSet() compares sets of labels by their overlap, of rows and labels of any number", async () => {
  for (const [rows, labels] of [[1, 1], [300, 5], [7, 400]] as const) {
    const random = generator(rows);
    const logits = Float32Array.from({ length: rows * labels }, () => 4 * random() - 2);
    // Targets near the logits, so that sets are often the same.
    const targets = logits.map((x) => Number(x >= 0.2 !== random() < 1 / labels / 2));
    for (const [threshold, overlap] of [[0.5, 1], [0.6, 1], [0.5, 0.5], [0.3, 0.6]] as const) {
      const expected = Array.from({ length: rows }, (_, row) => {
        const at = (values: Float32Array, test: (x: number) => boolean) =>
          new Set(
            [...values.subarray(row * labels, (row + 1) * labels)].flatMap((x, c) => test(x) ? [c] : []),
          );
        const chosen = at(logits, (x) => 1 / (1 + Math.exp(-x)) >= threshold),
          wanted = at(targets, (x) => x > 0.5);
        const both = chosen.intersection(wanted).size, either = chosen.union(wanted).size;
        return Number(both >= overlapBound(overlap) * either);
      });
      const shape = [rows, labels];
      const right = await read(() =>
        isSet(floats(logits, shape), floats(targets, shape), threshold, overlap)
      );
      assert.deepEqual(right, expected, `${shape}, ${threshold}, ${overlap}`);
    }
  }
});

Deno.test("isSet() takes two empty sets as one, and logits that are not numbers as wrong", async () => {
  const logits = floats([-1, -1, 1, NaN, NaN, -1], [3, 2]), targets = floats([0, 0, 1, 0, 0, 0], [3, 2]);
  assert.deepEqual(await read(() => isSet(logits, targets, 0.5, 1)), [1, 0, 0]);
});

Deno.test("isNear() tells numbers within a tolerance, both ways, the bound included", async () => {
  const values = floats([0, 0.5, -0.5, 0.75, NaN, Infinity], [6, 1]),
    targets = floats([0, 0, 0, 0, 0, 0], [6, 1]);
  assert.deepEqual(await read(() => isNear(values, targets, 0.5)), [1, 1, 1, 0, 0, 0]);
});

Deno.test("comparisons refuse what does not fit", () => {
  scope(() => {
    const two = floats([1, 2], [1, 2]), one = floats([1], [1, 1]);
    assert.throws(() => isSet(two, one, 0.5, 1), /\[1, 2\] and \[1, 1\]/);
    assert.throws(() => isNear(two, two, 1), /it takes \[rows, 1\]/);
    assert.throws(
      () => isSet(Tensor.empty(gpu, [0, 2]), Tensor.empty(gpu, [0, 2]), 0.5, 1),
      /1 to 32768 labels/,
    );
  });
});
