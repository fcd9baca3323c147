import assert from "node:assert/strict";
import { colourMap, drawAugmentation, LIGHT_AUGMENTATION } from "../../../src/data/images/augmentation.ts";
import { Random } from "../../../src/base/random.ts";
import { resample, resampleAll, type Resampling } from "../../../src/data/images/resample.ts";

/** 5 rows of 7 pixels. */
const source = { pixels: new Uint8Array(5 * 7 * 3), height: 5, width: 7 };
for (let y = 0; y < 5; y++) {
  for (let x = 0; x < 7; x++) {
    for (let c = 0; c < 3; c++) {
      source.pixels[(y * 7 + x) * 3 + c] = (y * 37 + x * 91 + c * 53 + y * x * 11) % 256;
    }
  }
}

function resized(height: number, width: number, how: Resampling): number[] {
  const out = new Uint8Array(height * width * 3);
  resample(source, { height, width }, how, out);
  return [...out];
}

const whole = { left: 0, top: 0, right: 7, bottom: 5 };

// deno-fmt-ignore
const pillow = [
  { name: "shrinks", height: 2, width: 3, box: whole,
    expected: [109,135,146,119,141,118,120,148,143,130,136,146,129,124,108,138,125,129] },
  { name: "shrinks in one direction, enlarges in the other", height: 8, width: 4, box: whole,
    expected: [48,101,141,118,171,90,101,154,156,108,161,105,66,114,160,144,139,116,114,167,133,103,156,142,92,134,180,172,101,146,127,180,104,101,146,188,111,161,138,127,138,107,94,147,109,154,115,165,134,153,130,123,137,106,102,117,120,169,96,149,161,111,157,160,98,143,152,90,138,146,88,141,126,131,177,129,128,106,133,132,110,137,142,112,97,150,191,101,154,74,114,167,87,131,184,91] },
  { name: "resamples a fractional box", height: 3, width: 3, box: { left: 1.25, top: 0.5, right: 6.5, bottom: 4.25 },
    expected: [152,137,141,116,150,130,111,164,131,132,148,112,106,142,92,128,121,162,147,112,127,144,108,122,146,102,126] },
];

for (const { name, height, width, box, expected } of pillow) {
  Deno.test(`resample() ${name} as Pillow 9.4 does`, () => {
    const pixels = resized(height, width, { box });
    assert.equal(pixels.length, expected.length);
    pixels.forEach((value, i) =>
      assert.ok(Math.abs(value - expected[i]!) <= 1, `${i}: ${value}, Pillow ${expected[i]}`)
    );
  });
}

Deno.test("resample() copies an image onto its own size and mirrors it exactly", () => {
  assert.deepEqual(resized(5, 7, { box: whole }), [...source.pixels]);
  const mirrored = resized(5, 7, { box: whole, flip: true });
  for (let y = 0; y < 5; y++) {
    for (let x = 0; x < 7; x++) {
      for (let c = 0; c < 3; c++) {
        assert.equal(mirrored[(y * 7 + x) * 3 + c], source.pixels[(y * 7 + 6 - x) * 3 + c]);
      }
    }
  }
});

Deno.test("resample() fills what the box covers outside the image with the background", () => {
  const shifted = resized(5, 7, { box: { left: 3, top: 0, right: 10, bottom: 5 }, background: 200 });
  for (let y = 0; y < 5; y++) {
    for (let x = 0; x < 7; x++) {
      for (let c = 0; c < 3; c++) {
        assert.equal(shifted[(y * 7 + x) * 3 + c], x < 4 ? source.pixels[(y * 7 + x + 3) * 3 + c] : 200);
      }
    }
  }
  assert.ok(
    resized(2, 2, { box: { left: 20, top: 20, right: 40, bottom: 40 } }).every((value) => value === 255),
  );
});

Deno.test("resample() clamps colours instead of wrapping them", () => {
  const matrix = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
  assert.ok(resized(5, 7, { box: whole, colour: { matrix, offset: 300 } }).every((value) => value === 255));
  assert.ok(resized(5, 7, { box: whole, colour: { matrix, offset: -300 } }).every((value) => value === 0));
});

const turned = { matrix: Float64Array.of(0, 1, 0, 0, 0, 1, 1, 0, 0), offset: 0 };
// The box covers the image, but for what is told; only where all of it fits is the image copied.
const fits: readonly { name: string; height?: number; width?: number; how?: Partial<Resampling> }[] = [
  { name: "the same size" },
  { name: "another height", height: 3 },
  { name: "another width", width: 4 },
  { name: "twice the height", height: 10 },
  { name: "a mirrored image", how: { flip: true } },
  { name: "other colours", how: { colour: turned } },
  { name: "a box from further right", how: { box: { ...whole, left: 1 } } },
  { name: "a box from further down", how: { box: { ...whole, top: 1 } } },
  { name: "a narrower box", how: { box: { ...whole, right: 6 } } },
  { name: "a lower box", how: { box: { ...whole, bottom: 4 } } },
];
for (const { name, height = 5, width = 7, how = {} } of fits) {
  Deno.test(`resampleAll() gives what resample() does for ${name}, image after image`, () => {
    const own = { box: whole, ...how };
    const images = [{ image: source, how: own }, { image: source, how: { box: whole } }];
    const both = [...resized(height, width, own), ...resized(height, width, { box: whole })];
    assert.deepEqual([...resampleAll({ images, height, width })], both);
  });
}

Deno.test("resample() writes only its own part of the output", () => {
  const out = new Uint8Array(3 * 12).fill(7);
  resample(source, { height: 2, width: 2 }, { box: whole }, out, 12);
  assert.deepEqual([...out.subarray(0, 12), ...out.subarray(24)], new Array(24).fill(7));
  assert.ok(out.subarray(12, 24).some((value) => value !== 7));
});

Deno.test("colourMap() is brightness, contrast about mid-grey and saturation about the pixel's grey", () => {
  const apply = ({ matrix, offset }: ReturnType<typeof colourMap>, rgb: readonly number[]) =>
    [0, 1, 2].map((row) => rgb.reduce((sum, value, c) => sum + matrix[row * 3 + c]! * value, offset));
  const near = (actual: number[], expected: number[]) =>
    actual.forEach((value, i) =>
      assert.ok(Math.abs(value - expected[i]!) < 1e-9, `${actual} is not ${expected}`)
    );
  near(apply(colourMap(1, 1, 1), [10, 20, 30]), [10, 20, 30]);
  near(apply(colourMap(1.5, 1, 1), [10, 20, 30]), [15, 30, 45]);
  near(apply(colourMap(1, 2, 1), [127.5, 27.5, 137.5]), [127.5, -72.5, 147.5]);
  const grey = 0.299 * 10 + 0.587 * 20 + 0.114 * 30;
  near(apply(colourMap(1, 1, 0), [10, 20, 30]), [grey, grey, grey]);
});

Deno.test("drawAugmentation() stays within its strengths, uses both ends and flips only what may be flipped", () => {
  const size = { height: 64, width: 64, background: 255, target: { height: 32, width: 32 } };
  let low = Infinity, high = -Infinity, flips = 0;
  for (let key = 0; key < 500; key++) {
    const { box, flip } = drawAugmentation(LIGHT_AUGMENTATION, new Random(key), { ...size, flippable: true });
    const zoom = 64 / (box.right - box.left), shift = (box.left + box.right) / 2 / 64 - 0.5;
    assert.ok(Math.abs(zoom - 64 / (box.bottom - box.top)) < 1e-9, "the aspect ratio stays");
    assert.ok(
      zoom <= 1 + LIGHT_AUGMENTATION.scale + 1e-9 && zoom >= 1 / (1 + LIGHT_AUGMENTATION.scale) - 1e-9,
    );
    assert.ok(Math.abs(shift) <= LIGHT_AUGMENTATION.shift + 1e-9);
    low = Math.min(low, shift);
    high = Math.max(high, shift);
    if (flip) flips++;
    const kept = drawAugmentation(LIGHT_AUGMENTATION, new Random(key), { ...size, flippable: false });
    assert.equal(kept.flip, false);
    assert.deepEqual(kept.box, box, "whether a sample may be flipped changes nothing else");
  }
  assert.ok(low < -0.8 * LIGHT_AUGMENTATION.shift && high > 0.8 * LIGHT_AUGMENTATION.shift);
  assert.ok(flips > 200 && flips < 300, `${flips} of 500 flipped`);
});
