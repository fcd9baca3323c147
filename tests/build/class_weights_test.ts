/** What classes weigh, by what a configuration says and the data have. */
import assert from "node:assert/strict";
import { classWeightsOf } from "../../src/build/class_weights.ts";
import { tinyConfig } from "../train/tiny.ts";

const CLASSES = ["warm", "fresh, green", "cold", "none"];
/** 5 of the first class, 2 of the second, 1 of the third. */
const LABELS = [0, 0, 1, 0, 2, 0, 1, 0];
const data = {
  name: "tiny",
  classes: CLASSES,
  count: () => LABELS.length,
  label: (_: string, row: number) => LABELS[row]!,
};

const asked = (value: unknown) => tinyConfig(`training.class_weights=${JSON.stringify(value)}`);

Deno.test("balanced weights are those of scikit-learn, and a class that does not occur counts as none", () => {
  // sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 1, 2], y=LABELS)
  const expected = [8 / (3 * 5), 8 / (3 * 2), 8 / 3, 1];
  assert.deepEqual(classWeightsOf(asked("balanced"), data), expected);
  const mean = LABELS.reduce((sum, label) => sum + expected[label]!, 0) / LABELS.length;
  assert.ok(Math.abs(mean - 1) < 1e-12);
});

Deno.test("balanced weights have classes count alike whatever their samples weigh", () => {
  const own = [1, 0.5, 2, 0.25, 4, 1, 0.5, 3];
  const weights = classWeightsOf(asked("balanced"), { ...data, weight: (row) => own[row]! })!;
  // Of the 12.25 that samples weigh: 5.75 of the first class, 2.5 of the second, 4 of the third.
  assert.deepEqual(weights, [12.25 / (3 * 5.75), 12.25 / (3 * 2.5), 12.25 / (3 * 4), 1]);
  const sums = [0, 0, 0];
  LABELS.forEach((label, row) => sums[label]! += own[row]! * weights[label]!);
  for (const sum of sums) assert.ok(Math.abs(sum - 12.25 / 3) < 1e-12, `${sums}`);
});

Deno.test("weights by name stand in the order of the classes, and none are none", () => {
  const given = { cold: 3, warm: 1, none: 0.5, "fresh, green": 2 };
  assert.deepEqual(classWeightsOf(asked(given), data), [1, 2, 3, 0.5]);
  assert.equal(classWeightsOf(asked("none"), data), undefined);
});

const WRONG: [what: string, weights: Record<string, number>, line: RegExp][] = [
  [
    "a class that is misspelt",
    { cold: 3, wram: 1, none: 1, "fresh, green": 2 },
    /^UserError: "training\.class_weights" has a weight for "wram", which is no class of .*tiny: did you mean "warm"\?$/,
  ],
  [
    "a class that is none",
    { cold: 3, warm: 1, none: 1, "fresh, green": 2, purple: 1 },
    /has a weight for "purple", .*: it has "warm", "fresh, green", "cold", "none"$/,
  ],
  [
    "classes without a weight",
    { warm: 1, none: 1 },
    /has no weight for "fresh, green", "cold": give one for each class/,
  ],
];
for (const [what, weights, line] of WRONG) {
  Deno.test(`class_weights are refused with ${what}`, () => {
    assert.throws(() => classWeightsOf(asked(weights), data), line);
  });
}

Deno.test("class_weights that are no weights are refused with the configuration", () => {
  for (const value of ["balancd", 3]) {
    assert.throws(
      () => asked(value),
      /"training\.class_weights" must be none, balanced or a weight above 0 for each class, got /,
    );
  }
  for (const value of [0, -1]) {
    assert.throws(() => asked({ warm: value }), /"training\.class_weights\.warm" must be more than 0, got/);
  }
});
