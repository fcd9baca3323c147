/** The comparison that the op table stands on: every element counts, and NaN never passes. */
import assert from "node:assert/strict";
import { assertClose } from "./table.ts";

const tolerance = { absolute: 0.5, relative: 0.25 };

const pairs: readonly (readonly [actual: number, expected: number, passes: boolean])[] = [
  [0.5, 0, true],
  [0.51, 0, false],
  [-0.51, 0, false],
  [13, 10, true],
  [13.01, 10, false],
  [-7, -10, true],
  [-6.99, -10, false],
  [Infinity, Infinity, true],
  [Infinity, -Infinity, false],
  [3e38, Infinity, false],
  [Infinity, 3e38, false],
  [NaN, 0, false],
  [0, NaN, false],
  [NaN, NaN, false],
  [NaN, Infinity, false],
];

for (const [actual, expected, passes] of pairs) {
  Deno.test(`assertClose() ${passes ? "takes" : "refuses"} ${actual} for ${expected}, wherever it stands`, () => {
    for (const at of [0, 1, 2]) {
      const check = () =>
        assertClose([1, 1, 1].with(at, actual), [1, 1, 1].with(at, expected), tolerance, "exp");
      const message =
        `exp: 1 of 3 elements are off, as element ${at}, which is ${actual} in place of ${expected}`;
      if (passes) check();
      else assert.throws(check, { message });
    }
  });
}

Deno.test("assertClose() names NaN before any number, counts all that are off, and compares lengths", () => {
  assert.throws(
    () => assertClose([9, NaN, 99], [0, 0, 0], tolerance, "exp"),
    /3 of 3 .* element 1, which is NaN/,
  );
  assert.throws(
    () => assertClose([9, 99, 9], [0, 0, 0], tolerance, "exp"),
    /3 of 3 .* element 1, which is 99/,
  );
  assert.throws(() => assertClose([0], [0, 0], tolerance, "exp"), /elements/);
});
