/** Crops of training images: their distribution, and what is seen of them. */
import assert from "node:assert/strict";
import { Random } from "../../../src/base/random.ts";
import { drawAugmentation, LIGHT_AUGMENTATION } from "../../../src/data/images/augmentation.ts";
import { resizeLikePillow } from "../../../src/data/images/pillow_resize.ts";
import { resampleAll } from "../../../src/data/images/resample.ts";
import { drawCrop } from "../../../src/data/images/resized_crop.ts";

const COUNT = 4000;

/** The largest distance of the distribution of values from the uniform one in [0, 1]: Kolmogorov's statistic. */
function distanceFromUniform(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.max(...sorted.map((value, i) => Math.abs(value - (i + 0.5) / sorted.length)));
}

Deno.test("drawCrop() draws areas uniformly, ratios uniformly by their logarithm, and places uniformly", () => {
  const image = { height: 3000, width: 4000 };
  const [least, most] = [0.1, 0.4], [narrow, wide] = [0.5, 1.8];
  const boxes = Array.from(
    { length: COUNT },
    (_, key) => drawCrop({ scale: [least, most], ratio: [narrow, wide] }, new Random(key), image),
  );
  const sizes = boxes.map(({ left, right, top, bottom }) => [right - left, bottom - top] as const);
  const drawn = {
    area: sizes.map(([w, h]) => (w * h / (3000 * 4000) - least) / (most - least)),
    ratio: sizes.map(([w, h]) => Math.log(w / h / narrow) / Math.log(wide / narrow)),
    across: boxes.map(({ left }, i) => left / (4000 - sizes[i]![0])),
    down: boxes.map(({ top }, i) => top / (3000 - sizes[i]![1])),
  };
  for (const [what, values] of Object.entries(drawn)) {
    const distance = distanceFromUniform(values);
    assert.ok(
      distance < 1.63 / Math.sqrt(COUNT),
      `${what} is ${distance} from uniform: 1 in 100 is that far`,
    );
  }
  assert.ok(boxes.every((box) => Object.values(box).every(Number.isInteger)), "whole pixels");
});

Deno.test("drawCrop() stays in the image, also of a pixel, and all of its places are drawn", () => {
  for (const [height, width] of [[1, 1], [2, 3], [7, 5]] as const) {
    const corners = new Set<string>();
    for (let key = 0; key < 2000; key++) {
      const crop = { scale: [0.01, 0.4], ratio: [3 / 4, 4 / 3] } as const;
      const { left, top, right, bottom } = drawCrop(crop, new Random(key), { height, width });
      assert.ok(left >= 0 && top >= 0 && left < right && top < bottom && right <= width && bottom <= height);
      if (right === left + 1 && bottom === top + 1) corners.add(`${left} ${top}`);
    }
    assert.equal(corners.size, height * width);
  }
});

const fallbacks = [
  // No part of all of the area has any of these ratios: torchvision's central crops.
  {
    image: { height: 100, width: 20 },
    ratio: [0.5, 2],
    expected: { left: 0, top: 30, right: 20, bottom: 70 },
  },
  {
    image: { height: 20, width: 100 },
    ratio: [0.5, 2],
    expected: { left: 30, top: 0, right: 70, bottom: 20 },
  },
  { image: { height: 20, width: 20 }, ratio: [1.5, 2], expected: { left: 0, top: 3, right: 20, bottom: 16 } },
] as const;
for (const { image, ratio, expected } of fallbacks) {
  Deno.test(`drawCrop() takes the middle of ${image.width} x ${image.height} where no ratio of ${ratio.join(" to ")} fits`, () => {
    assert.deepEqual(drawCrop({ scale: [1, 1], ratio }, new Random(3), image), expected);
  });
}

Deno.test("a crop is resized as Pillow resizes it, but for its edge, where the filter sees the pixels around it", () => {
  const random = new Random(5);
  const image = {
    pixels: Uint8Array.from({ length: 40 * 50 * 3 }, () => 256 * random.uniform()),
    height: 40,
    width: 50,
  };
  const target = { height: 12, width: 16 };
  const none = { flip: 0, shift: 0.5, scale: 1, brightness: 0, contrast: 0, saturation: 0 };
  const strength = { ...none, crop: { scale: [0.3, 0.6], ratio: [0.75, 1.5] } } as const;
  for (let key = 0; key < 20; key++) {
    const size = { height: 40, width: 50, flippable: true, background: 9, target };
    const how = drawAugmentation(strength, new Random(key), size);
    const { left, top, right, bottom } = how.box;
    const [height, width] = [bottom - top, right - left];
    assert.ok(height * width >= 0.28 * 2000 && height * width <= 0.62 * 2000, "it is the crop that is seen");
    const cut = new Uint8Array(height * width * 3);
    for (let y = 0; y < height; y++) {
      const from = ((top + y) * 50 + left) * 3;
      cut.set(image.pixels.subarray(from, from + width * 3), y * width * 3);
    }
    const wanted = resizeLikePillow({ pixels: cut, height, width }, target.height, target.width, "bilinear");
    const made = resampleAll({ images: [{ image, how }], ...target });
    for (let y = 1; y < target.height - 1; y++) {
      for (let i = (y * 16 + 1) * 3; i < (y * 16 + 15) * 3; i++) {
        assert.ok(Math.abs(made[i]! - wanted.pixels[i]!) <= 1, `byte ${i}: ${made[i]}, ${wanted.pixels[i]}`);
      }
    }
  }
});

Deno.test("crops and RandAugment change nothing else of what is drawn", () => {
  const size = { height: 40, width: 50, flippable: true, background: 9, target: { height: 8, width: 8 } };
  for (let key = 0; key < 20; key++) {
    const plain = drawAugmentation(LIGHT_AUGMENTATION, new Random(key), size);
    const more = drawAugmentation(
      {
        ...LIGHT_AUGMENTATION,
        crop: { scale: [0.1, 0.2], ratio: [1, 1] },
        randAugment: { operations: 2, magnitude: 9 },
      },
      new Random(key),
      size,
    );
    const { box, operations, ...rest } = more;
    assert.deepEqual({ ...rest, box: plain.box }, plain);
    assert.notDeepEqual(box, plain.box);
    assert.equal(operations?.length, 2);
  }
});
