/** RandAugment: every operation against torchvision's on images of Pillow (scripts/fixtures/rand_augment.py), and how they are drawn. */
import assert from "node:assert/strict";
import { Random } from "../../../src/base/random.ts";
import {
  applyOperations,
  drawOperations,
  MOST_MAGNITUDE,
  OPERATIONS,
} from "../../../src/data/images/rand_augment/rand_augment.ts";
import { openSafetensors } from "../../../src/io/safetensors.ts";
import about from "../../fixtures/rand_augment.json" with { type: "json" };

using file = openSafetensors(new URL("../../fixtures/rand_augment.safetensors", import.meta.url).pathname);
const pixels = file.readBytes("images"), expected = file.readBytes("expected");
const [count, height, width] = file.tensors.get("images")!.shape as [number, number, number];
const size = height * width * 3;

for (const [at, { name, level, sign, magnitude }] of about.cases.entries()) {
  Deno.test(`${name} of magnitude ${sign * level} is torchvision's`, () => {
    const operation = OPERATIONS[name]!;
    const own = sign * operation.magnitude(level / MOST_MAGNITUDE, { height, width });
    const theirs = name.startsWith("Translate") ? Math.trunc(magnitude) : magnitude;
    assert.ok(Math.abs(own - theirs) < 1e-5, `${own}, torchvision ${theirs}`);
    for (let image = 0; image < count; image++) {
      const made = pixels.slice(image * size, (image + 1) * size);
      operation.apply({ pixels: made, height, width }, own, about.fill);
      const wanted = expected.subarray((at * count + image) * size, (at * count + image + 1) * size);
      const worst = made.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0);
      assert.ok(worst <= 1, `image ${image} is ${worst} off`);
      const off = made.filter((value, i) => value !== wanted[i]).length;
      // Where a value is whole but for rounding, cutting it off may go either way.
      assert.ok(off <= size / 20, `${off} of ${size} bytes of image ${image} are off by one`);
    }
  });
}

Deno.test("the operations are the fourteen of the paper, and each has a case", () => {
  assert.equal(Object.keys(OPERATIONS).length, 14);
  assert.deepEqual(new Set(about.cases.map(({ name }) => name)), new Set(Object.keys(OPERATIONS)));
  assert.equal(MOST_MAGNITUDE, about.magnitudes - 1);
});

Deno.test("drawOperations() draws each operation as often, half of the signed ones with a minus", () => {
  const drawn = Array.from(
    { length: 2000 },
    (_, key) => drawOperations({ operations: 7, magnitude: 12 }, new Random(key), { height: 64, width: 48 }),
  ).flat();
  assert.equal(drawn.length, 14000);
  for (const [name, { isSigned, magnitude }] of Object.entries(OPERATIONS)) {
    const own = drawn.filter((one) => one.name === name);
    const strength = magnitude(12 / 30, { height: 64, width: 48 });
    assert.ok(own.length > 880 && own.length < 1120, `${own.length} ${name} of 14000, 1000 expected`);
    assert.ok(own.every((one) => Math.abs(one.magnitude) === strength), name);
    if (!isSigned) continue;
    const negative = own.filter((one) => one.magnitude < 0).length / own.length;
    assert.ok(negative > 0.44 && negative < 0.56, `${negative} of ${name} are below 0`);
  }
});

Deno.test("applyOperations() does one after the other", () => {
  const both = pixels.slice(0, size), inTurn = pixels.slice(0, size);
  const drawn = [{ name: "Rotate", magnitude: 20 }, { name: "Solarize", magnitude: 100 }];
  applyOperations({ pixels: both, height, width }, drawn, 7);
  for (const { name, magnitude } of drawn) {
    OPERATIONS[name]!.apply({ pixels: inTurn, height, width }, magnitude, 7);
  }
  assert.deepEqual(both, inTurn);
  assert.equal(both[0], 7, "a corner is filled, and 7 is below the threshold");
});
