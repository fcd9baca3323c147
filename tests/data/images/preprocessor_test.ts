import assert from "node:assert/strict";
import { exifOrientation } from "../../../src/data/images/exif.ts";
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
  const cropped = prepareImage(numberedImage(9, 8), { filter: "bilinear", crop: { height: 4, width: 3 } });
  // From (9 - 4) / 2 = 2 and (8 - 3) / 2 = 2, rounded down.
  assert.deepEqual([...cropped.pixels.subarray(0, 6)], [2, 2, 9, 2, 3, 9]);
  assert.deepEqual([...cropped.pixels.subarray(-3)], [5, 4, 9]);
});

Deno.test("prepareImage() fills with black where the crop is larger than the image", () => {
  const { pixels } = prepareImage(numberedImage(2, 3), { filter: "bilinear", crop: { height: 5, width: 4 } });
  for (let y = 0; y < 5; y++) {
    for (let x = 0; x < 4; x++) {
      const inside = y >= 2 && y < 4 && x >= 1; // the odd row and column go before
      const expected = inside ? [y - 2, x - 1, 9] : [0, 0, 0];
      assert.deepEqual([...pixels.subarray((y * 4 + x) * 3, (y * 4 + x) * 3 + 3)], expected, `${y}, ${x}`);
    }
  }
});

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

Deno.test("exifOrientation() takes damaged or foreign data for upright", () => {
  const little = [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
  const big = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0];
  assert.equal(exifOrientation(Uint8Array.from(little)), 6);
  assert.equal(exifOrientation(Uint8Array.from(big)), 8);
  for (let length = 0; length < 22; length++) {
    assert.equal(exifOrientation(Uint8Array.from(little.slice(0, length))), 1, `${length} bytes`);
  }
  for (const [at, value] of [[0, 0], [2, 0], [5, 0xff], [10, 0], [12, 4], [18, 9], [18, 0]] as const) {
    const changed = Uint8Array.from(little);
    changed[at] = value;
    assert.equal(exifOrientation(changed), 1, `byte ${at}`);
  }
});
