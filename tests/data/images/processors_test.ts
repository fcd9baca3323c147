/** Images as the processors of `transformers` make them ready (scripts/fixtures/processors.py), pixel by pixel. */
import assert from "node:assert/strict";
import { prepareImage } from "../../../src/data/images/prepare_image.ts";
import { parsePreprocessor } from "../../../src/data/images/preprocessor.ts";
import processors from "../../fixtures/processors.json" with { type: "json" };
import { assertClose, Fixture } from "../../models/fixtures.ts";

for (const [name, config] of Object.entries(processors)) {
  Deno.test(`images for ${name} are those of its processor`, () => {
    const fixture = new Fixture("processors");
    const { spec: { height, width, mean, std }, preparation } = parsePreprocessor(config, name);
    let images = 0;
    for (; fixture.has(`${images}.pixels`); images++) {
      const [rows, columns] = fixture.shape(`${images}.pixels`) as [number, number, number];
      const source = { pixels: fixture.bytes(`${images}.pixels`), height: rows, width: columns };
      const image = prepareImage(source, preparation);
      assert.deepEqual([image.height, image.width], [height, width]);
      assert.deepEqual(fixture.shape(`${name}.${images}`), [3, height, width]);
      const values = Float32Array.from({ length: 3 * height * width }, (_, i) => {
        const channel = Math.floor(i / (height * width));
        return (image.pixels[i % (height * width) * 3 + channel]! / 255 - mean[channel]!) / std[channel]!;
      });
      // Pixels that differ by one would be off by far more.
      assertClose(`image ${images}`, values, fixture.floats(`${name}.${images}`));
    }
    assert.equal(images, 4);
    fixture.close();
  });
}

Deno.test("what a processor leaves open is as if it were not there", () => {
  const open = {
    size: { height: 8, width: 8 },
    resample: 3,
    crop_size: null,
    do_center_crop: null,
    do_convert_rgb: null,
  };
  const { preparation } = parsePreprocessor(open, "preprocessor_config.json");
  assert.deepEqual(preparation, { filter: "bicubic", resize: { height: 8, width: 8 } });
});
