import assert from "node:assert/strict";
import { exifOrientation, upright } from "../../../src/data/images/formats/exif.ts";
import type { RgbImage } from "../../../src/data/images/image.ts";
import { resizeLikePillow } from "../../../src/data/images/pillow_resize.ts";
import { prepareImage } from "../../../src/data/images/prepare_image.ts";
import { loadPreprocessor, parsePreprocessor } from "../../../src/data/images/preprocessor.ts";
import { UserError } from "../../../src/base/user_error.ts";

const FILE = "preprocessor_config.json";
const HALF = [0.5, 0.5, 0.5];

/** An image whose red counts rows and green counts columns. */
function numberedImage(height: number, width: number) {
  const pixels = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) pixels.set([y, x, 9], (y * width + x) * 3);
  return { pixels, height, width };
}

const good: [string, object, object][] = [
  ["nothing told but a size", { size: 224 }, { resize: { height: 224, width: 224 }, filter: "bilinear" }],
  ["ViT", { size: { height: 8, width: 6 }, resample: 2 }, {
    resize: { height: 8, width: 6 },
    filter: "bilinear",
  }],
  [
    "DeiT",
    { size: 256, resample: 3, do_center_crop: true, crop_size: 224 },
    { resize: { shortestEdge: 256 }, filter: "bicubic", crop: { height: 224, width: 224 } },
  ],
  [
    "a share that is kept, below 384 pixels",
    { size: { shortest_edge: 224 }, crop_pct: 0.875, resample: 3 },
    { resize: { shortestEdge: 256 }, filter: "bicubic", crop: { height: 224, width: 224 } },
  ],
  [
    "a share that is kept, from 384 pixels on",
    { size: 384, crop_pct: 0.875 },
    { resize: { height: 384, width: 384 }, filter: "bilinear" },
  ],
  [
    "a shortest edge and a crop",
    { size: { shortest_edge: 16 }, do_center_crop: true, crop_size: { height: 12, width: 10 } },
    { resize: { shortestEdge: 16 }, filter: "bilinear", crop: { height: 12, width: 10 } },
  ],
  [
    "no resizing",
    { do_resize: false, size: 9, do_center_crop: true, crop_size: 7 },
    { filter: "bilinear", crop: { height: 7, width: 7 } },
  ],
];
for (const [name, config, preparation] of good) {
  Deno.test(`parsePreprocessor() reads ${name}`, () => {
    assert.deepEqual(parsePreprocessor(config, FILE).preparation, preparation);
  });
}

Deno.test("parsePreprocessor() tells mean and deviation for bytes over 255, whatever the file rescales by", () => {
  const size = 8, image_mean = [0.4, 0.5, 0.6], image_std = [0.2, 0.25, 0.3];
  const cases: object[] = [
    { size, image_mean, image_std },
    { size, image_mean, image_std, rescale_factor: 1 / 127.5 },
    { size, image_mean, image_std, do_rescale: false },
    { size, image_mean, image_std, do_normalize: false },
    { size, do_normalize: false, do_rescale: false },
    { size },
  ];
  for (const config of cases) {
    const told = {
      image_mean: HALF,
      image_std: HALF,
      do_rescale: true,
      do_normalize: true,
      rescale_factor: 1 / 255,
      ...config,
    };
    const { mean, std } = parsePreprocessor(config, FILE).spec;
    for (const byte of [0, 77, 255]) {
      for (let c = 0; c < 3; c++) {
        const rescaled = told.do_rescale ? byte * told.rescale_factor : byte;
        const expected = told.do_normalize ? (rescaled - told.image_mean[c]!) / told.image_std[c]! : rescaled;
        const own = (byte / 255 - mean[c]!) / std[c]!;
        assert.ok(Math.abs(own - expected) <= 1e-9 * Math.max(1, Math.abs(expected)), JSON.stringify(config));
      }
    }
  }
});

const bad: [object | number, RegExp][] = [
  [7, /config\.json is not laid out as expected/],
  [{ size: "big" }, /at "size"/],
  [{ size: 0 }, /at "size"/],
  [{ size: 8, image_mean: [1, 2] }, /at "image_mean/],
  [{ size: 8, image_std: [1, 0, 1] }, /at "image_std": must be above 0/],
  [{ size: 8, resample: 1 }, /"resample" is 1; only 2 \(bilinear\) and 3 \(bicubic\)/],
  [{ size: { shortest_edge: 8 } }, /images would keep different sizes/],
  [{ do_resize: false }, /images would keep different sizes/],
  [{ size: 8, do_center_crop: true }, /"do_center_crop" needs a "crop_size"/],
];
for (const [config, message] of bad) {
  Deno.test(`parsePreprocessor() refuses ${JSON.stringify(config)}`, () => {
    assert.throws(() => parsePreprocessor(config, FILE), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("loadPreprocessor() names a file that is missing or broken", async () => {
  const folder = await Deno.makeTempDir({ prefix: "unis-preprocessor-" });
  try {
    assert.throws(() => loadPreprocessor(folder), /UserError.*Cannot read .*preprocessor_config\.json/);
    await Deno.writeTextFile(`${folder}/${FILE}`, "{");
    assert.throws(() => loadPreprocessor(folder), /UserError.*Cannot read .*preprocessor_config\.json/);
    await Deno.writeTextFile(`${folder}/${FILE}`, '{"size":5}');
    assert.deepEqual(loadPreprocessor(folder).spec, { height: 5, width: 5, mean: HALF, std: HALF });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("prepareImage() keeps the shape by the shorter edge and crops the centre", () => {
  for (const [height, width] of [[10, 20], [21, 10], [10, 10]] as const) {
    const resized = prepareImage(numberedImage(height, width), {
      resize: { shortestEdge: 5 },
      filter: "bilinear",
    });
    assert.deepEqual(
      [resized.height, resized.width],
      height <= width ? [5, Math.trunc((5 * width) / height)] : [Math.trunc((5 * height) / width), 5],
    );
  }
});

// What is odd goes to the end where the crop is smaller, and before the image where it is larger.
const crops: readonly { from: [number, number]; to: [number, number]; top: number; left: number }[] = [
  { from: [9, 8], to: [4, 3], top: 2, left: 2 },
  { from: [2, 3], to: [5, 4], top: -2, left: -1 },
  { from: [4, 7], to: [4, 7], top: 0, left: 0 },
  { from: [4, 7], to: [4, 2], top: 0, left: 2 },
  { from: [4, 7], to: [1, 7], top: 1, left: 0 },
  { from: [4, 7], to: [4, 12], top: 0, left: -3 },
  { from: [4, 7], to: [9, 7], top: -3, left: 0 },
  { from: [8, 3], to: [3, 8], top: 2, left: -3 },
];
for (const { from, to: [height, width], top, left } of crops) {
  Deno.test(`prepareImage() crops the centre of ${from.join(" x ")} to ${height} x ${width}, with black around`, () => {
    const cropped = prepareImage(numberedImage(...from), { filter: "bilinear", crop: { height, width } });
    const expected = Array.from({ length: height * width }, (_, i) => {
      const [y, x] = [Math.floor(i / width) + top, i % width + left];
      return y >= 0 && y < from[0] && x >= 0 && x < from[1] ? [y, x, 9] : [0, 0, 0];
    });
    assert.deepEqual({ ...cropped, pixels: [...cropped.pixels] }, { height, width, pixels: expected.flat() });
  });
}

Deno.test("resizeLikePillow() keeps a flat colour and an image of the same size", () => {
  const flat = { pixels: new Uint8Array(30 * 41 * 3).fill(201), height: 30, width: 41 };
  for (const filter of ["bilinear", "bicubic"] as const) {
    for (const [height, width] of [[7, 100], [30, 9], [64, 41], [1, 1]] as const) {
      const { pixels } = resizeLikePillow(flat, height, width, filter);
      assert.equal(pixels.length, height * width * 3);
      assert.ok(pixels.every((value) => value === 201), `${filter} ${height}x${width}`);
    }
    const same = numberedImage(5, 4);
    assert.deepEqual(resizeLikePillow(same, 5, 4, filter), same);
  }
});

/** The columns of an image as its rows. */
function transposed({ pixels, height, width }: RgbImage): RgbImage {
  const turned = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      turned.set(pixels.subarray((y * width + x) * 3, (y * width + x + 1) * 3), (x * height + y) * 3);
    }
  }
  return { pixels: turned, height: width, width: height };
}

for (const filter of ["bilinear", "bicubic"] as const) {
  Deno.test(`resizeLikePillow() takes rows and columns alike, and those alone that do not fit, ${filter}`, () => {
    const [height, width] = [6, 9];
    const pixels = Uint8Array.from({ length: height * width * 3 }, (_, i) => i * i * 31 + i * 57);
    const image = { pixels, height, width };
    for (const size of [3, 5, 9, 14]) {
      const wider = resizeLikePillow(image, height, size, filter);
      assert.deepEqual([wider.height, wider.width], [height, size]);
      for (let y = 0; y < height; y++) {
        const row = { pixels: pixels.subarray(y * width * 3, (y + 1) * width * 3), height: 1, width };
        const alone = resizeLikePillow(row, 1, size, filter).pixels;
        assert.deepEqual(
          wider.pixels.subarray(y * size * 3, (y + 1) * size * 3),
          alone,
          `row ${y} to ${size}`,
        );
      }
      const higher = resizeLikePillow(transposed(image), size, height, filter);
      assert.deepEqual(transposed(higher), wider, `columns to ${size}`);
    }
  });
}

/** A TIFF structure whose directory lies at `start`; entries are [tag, type, value], the value of a SHORT. */
function tiff(order: "II" | "MM", entries: readonly (readonly [number, number, number])[], start = 8) {
  const view = new DataView(new ArrayBuffer(start + 2 + 12 * entries.length + 4));
  const little = order === "II";
  view.setUint16(0, little ? 0x4949 : 0x4d4d);
  view.setUint16(2, 42, little);
  view.setUint32(4, start, little);
  view.setUint16(start, entries.length, little);
  for (const [i, [tag, type, value]] of entries.entries()) {
    const at = start + 2 + 12 * i;
    view.setUint16(at, tag, little);
    view.setUint16(at + 2, type, little);
    view.setUint32(at + 4, 1, little);
    view.setUint16(at + 8, value, little);
  }
  return new Uint8Array(view.buffer);
}

const ORIENTATION = 0x112, SHORT = 3, LONG = 4;

for (const order of ["II", "MM"] as const) {
  Deno.test(`exifOrientation() reads TIFF of byte order ${order}, wherever the entry stands`, () => {
    for (let value = 1; value <= 8; value++) {
      const entry = [ORIENTATION, SHORT, value] as const;
      const others = [[0x100, LONG, 7], [0x10f, 2, 5]] as const;
      assert.equal(exifOrientation(tiff(order, [entry])), value);
      assert.equal(exifOrientation(tiff(order, [...others, entry], 14)), value);
      assert.equal(exifOrientation(tiff(order, [entry, [0x1201, SHORT, 3], ...others])), value);
      const inside = new Uint8Array(100).fill(value); // as within a file
      inside.set(tiff(order, [entry]), 17);
      assert.equal(exifOrientation(inside.subarray(17, 17 + tiff(order, [entry]).length)), value);
    }
  });

  Deno.test(`exifOrientation() takes damaged or foreign data of byte order ${order} for upright`, () => {
    const whole = tiff(order, [[ORIENTATION, SHORT, 6]]);
    for (let length = 0; length < 22; length++) {
      assert.equal(exifOrientation(whole.slice(0, length)), 1, `${length} bytes`);
    }
    for (const value of [0, 9, 0x600]) {
      assert.equal(exifOrientation(tiff(order, [[ORIENTATION, SHORT, value]])), 1);
    }
    assert.equal(exifOrientation(tiff(order, [[ORIENTATION, LONG, 6]])), 1);
    assert.equal(exifOrientation(tiff(order, [[0x113, SHORT, 6]])), 1);
    assert.equal(exifOrientation(tiff(order, [])), 1);
    // The other order, no TIFF, a directory beyond the end.
    for (const [at, value] of [[0, 0x4949 ^ 0x4d4d], [2, 0], [4, 0x7f], [7, 0x7f]] as const) {
      const changed = whole.slice();
      changed[at]! ^= value || 42;
      assert.equal(exifOrientation(changed), 1, `byte ${at}`);
    }
  });
}

// Where the pixels a, b, c / d, e, f of an image lie once it is upright, by its orientation (TIFF 6.0, page 36).
const uprights = ["abc def", "cba fed", "fed cba", "def abc", "ad be cf", "da eb fc", "fc eb da", "cf be ad"];
for (const [i, expected] of uprights.entries()) {
  Deno.test(`upright() turns and mirrors orientation ${i + 1} to ${expected}`, () => {
    const pixels = Uint8Array.from([..."abcdef"].flatMap((letter) => [letter.charCodeAt(0), i, 255]));
    const image = upright({ pixels, height: 2, width: 3 }, i + 1);
    const letters = Array.from({ length: 6 }, (_, at) => String.fromCharCode(image.pixels[3 * at]!)).join("");
    assert.deepEqual(
      [image.height, image.width, letters],
      [i < 4 ? 2 : 3, i < 4 ? 3 : 2, expected.replaceAll(" ", "")],
    );
    assert.ok(image.pixels.every((value, at) => at % 3 === 0 || value === (at % 3 === 1 ? i : 255)));
  });
}
