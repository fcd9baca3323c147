// Heat maps: grey where nothing weighs, red where most does, smooth between, of whole repeated pixels.
import assert from "node:assert/strict";
import { decode } from "fast-png";
import { heatMap } from "../../src/report/heat_map.ts";

const white = (height: number, width: number) => ({
  pixels: new Uint8Array(height * width * 3).fill(255),
  height,
  width,
});

Deno.test("a heat map is the redder the more a patch weighs, and grey where none does", () => {
  const { width, height, data } = decode(
    heatMap(white(4, 8), { rows: 1, columns: 2, weights: [0, 0.4] }, 20),
  );
  assert.deepEqual([width, height], [24, 12], "three times as large");
  const at = (x: number, y: number) => [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
  assert.deepEqual(at(0, 0), [255, 255, 255]);
  // Three quarters of the colour where the weight is the largest there is.
  for (const [i, own] of [226, 61, 18].entries()) {
    assert.ok(Math.abs(at(23, 11)[i]! - (0.25 * 255 + 0.75 * own)) <= 1);
  }
  for (let x = 1; x < width; x++) assert.ok(at(x, 5)[1]! <= at(x - 1, 5)[1]!);
  const green = (x: number) => at(x, 5)[1]!;
  assert.ok(Math.abs((green(11) + green(12)) / 2 - (255 + green(23)) / 2) < 2, "half way in the middle");
});

Deno.test("an image without weights is grey; colours lose what they were", () => {
  const pixels = Uint8Array.of(255, 0, 0, 0, 255, 0);
  const { data } = decode(
    heatMap({ pixels, height: 1, width: 2 }, { rows: 1, columns: 1, weights: [0] }, 1),
  );
  assert.deepEqual([...data], [76, 76, 76, 150, 150, 150]);
});
