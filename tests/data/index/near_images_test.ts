// Copies of images in another size or quality are found, others are not; and verify tells them apart from exact ones.
import assert from "node:assert/strict";
import { join } from "node:path";
import { encode } from "fast-png";
import { Random } from "../../../src/base/random.ts";
import type { RgbImage } from "../../../src/data/images/image.ts";
import { resizeLikePillow } from "../../../src/data/images/pillow_resize.ts";
import { findTwins, hashed, THUMBNAIL } from "../../../src/data/index/near_images.ts";
import { verifyIndex } from "../../../src/data/index/verify.ts";
import { indexTable } from "../../../src/data/readers/table.ts";
import { temporaryFolder } from "../../io/crafted.ts";
import { TABLE } from "../readers/written_table.ts";

/** Soft bands of colours with discs on them. */
function picture(seed: number, height = 48, width = 64): RgbImage {
  const random = new Random(seed);
  const bands = Array.from({ length: 3 }, () => Array.from({ length: 3 }, () => 8 * random.uniform() - 4));
  const discs = Array.from({ length: 4 }, () => ({
    y: random.uniform(),
    x: random.uniform(),
    radius: 0.05 + 0.2 * random.uniform(),
    colour: [0, 1, 2].map(() => 255 * random.uniform()),
  }));
  const pixels = new Uint8Array(height * width * 3);
  for (let i = 0; i < height * width; i++) {
    const y = Math.floor(i / width) / height, x = i % width / width;
    const disc = discs.find((one) => Math.hypot(one.y - y, one.x - x) < one.radius);
    for (let c = 0; c < 3; c++) {
      const [a, b, phase] = bands[c]!;
      pixels[3 * i + c] = disc?.colour[c] ?? 128 + 100 * Math.sin(a! * y + b! * x + phase!);
    }
  }
  return { pixels, height, width };
}

function changed(image: RgbImage, change: (value: number, at: number) => number): RgbImage {
  const pixels = Uint8ClampedArray.from(image.pixels, change);
  return { ...image, pixels: new Uint8Array(pixels) };
}

const noise = new Random(3);
const CHANGES: Record<string, (image: RgbImage) => RgbImage> = {
  "half as large": (image) => resizeLikePillow(image, image.height / 2, image.width / 2, "bicubic"),
  "three times as large": (image) => resizeLikePillow(image, 3 * image.height, 3 * image.width, "bilinear"),
  "of another shape": (image) => resizeLikePillow(image, image.width, image.height, "bicubic"),
  "with noise": (image) => changed(image, (value) => value + 16 * noise.uniform() - 8),
  "a little darker": (image) => changed(image, (value) => 0.96 * value),
  "with a mark in a corner": (image) => changed(image, (value, at) => at < 24 && at % 3 > 0 ? 0 : value),
};

const seenAs = ({ pixels, height, width }: RgbImage) =>
  hashed(resizeLikePillow({ pixels, height, width }, THUMBNAIL.height, THUMBNAIL.width, "bilinear").pixels);

const known = Array.from({ length: 60 }, (_, seed) => picture(seed));
for (const [how, change] of Object.entries(CHANGES)) {
  Deno.test(`findTwins() knows an image that is ${how}`, () => {
    const found = findTwins(known.map(seenAs), known.map((image) => seenAs(change(image))));
    const missed = found.filter((twin, i) => twin !== i).length;
    assert.ok(missed <= 1, `${missed} of ${known.length} were missed`);
  });
}

Deno.test("findTwins() finds no twin of images of its own, mirrored ones, negatives, other colours, or without contrast", () => {
  const mirrored = ({ pixels, height, width }: RgbImage) => ({
    height,
    width,
    pixels: pixels.map((_, i) =>
      pixels[(Math.floor(i / 3 / width) * width + width - 1 - Math.floor(i / 3) % width) * 3 + i % 3]!
    ),
  });
  const others: RgbImage[] = [
    ...Array.from({ length: 60 }, (_, seed) => picture(1000 + seed)),
    ...known.map(mirrored),
    ...known.map((image) => changed(image, (value) => 255 - value)),
    ...known.map((image) =>
      changed(image, (_, at) => image.pixels[at % 3 === 0 ? at + 2 : at % 3 === 2 ? at - 2 : at]!)
    ),
  ];
  const found = findTwins(known.map(seenAs), others.map(seenAs)).filter((twin) => twin !== undefined);
  assert.ok(found.length <= 2, `${found.length} of ${others.length}`);
  const flat = changed(picture(1), (value) => 120 + value / 20);
  assert.equal(seenAs(flat), undefined);
  assert.deepEqual(findTwins([seenAs(flat)], [seenAs(flat)]), [undefined]);
});

Deno.test("findTwins() finds what comparing every image with every other finds", () => {
  const random = new Random(8);
  const size = THUMBNAIL.height * THUMBNAIL.width * 3;
  const bases = Array.from(
    { length: 6 },
    () => Uint8Array.from({ length: size }, () => 255 * random.uniform()),
  );
  const draw = () => {
    const base = bases[Math.floor(6 * random.uniform())]!, strength = 40 * random.uniform();
    return new Uint8Array(
      Uint8ClampedArray.from(base, (value) => value + strength * (random.uniform() - 0.5)),
    );
  };
  const [old, asked] = [Array.from({ length: 80 }, draw), Array.from({ length: 80 }, draw)];
  const bits = (pixels: Uint8Array) => {
    const grey = Array.from(
      { length: 72 },
      (_, i) => 0.299 * pixels[3 * i]! + 0.587 * pixels[3 * i + 1]! + 0.114 * pixels[3 * i + 2]!,
    );
    return grey.flatMap((value, i) => i % 9 === 8 ? [] : [value - grey[i + 1]! > 4]);
  };
  const oldBits = old.map(bits);
  const expected = asked.map((one) => {
    const own = bits(one);
    const near = old.map((other, number) => {
      const differing = oldBits[number]!.filter((bit, i) => bit !== own[i]).length;
      const square = other.reduce((sum, value, i) => sum + (value - one[i]!) ** 2, 0) / size;
      return { number, difference: differing <= 5 ? Math.sqrt(square) : Infinity };
    }).filter(({ difference }) => difference <= 8).sort((a, b) => a.difference - b.difference);
    return near[0]?.number;
  });
  assert.deepEqual(findTwins(old.map(hashed), asked.map(hashed)), expected);
  const count = expected.filter((twin) => twin !== undefined).length;
  assert.ok(count > 15 && count < 65, `${count} twins`);
});

Deno.test("verify tells images that are nearly those of training, apart from those that are the same", async () => {
  using folder = temporaryFolder();
  const write = (name: string, { pixels, height, width }: RgbImage) =>
    Deno.writeFileSync(join(folder.path, name), encode({ width, height, channels: 3, data: pixels }));
  const lines = ["path,label,split"];
  for (let i = 0; i < 8; i++) {
    write(`${i}.png`, picture(i));
    lines.push(`${i}.png,${i % 2},train`);
  }
  write("half.png", CHANGES["half as large"]!(picture(2)));
  write("noise.png", CHANGES["with noise"]!(picture(3)));
  write("same.png", picture(4));
  for (const seed of [20, 21]) write(`${seed}.png`, picture(seed));
  const judged = [
    "half.png,0,test",
    "noise.png,1,test",
    "same.png,0,test",
    "20.png,1,test",
    "half.png,0,validation",
    "21.png,1,validation",
  ];
  Deno.writeTextFileSync(join(folder.path, "items.csv"), [...lines, ...judged].join("\n"));
  const index = await indexTable({
    file: join(folder.path, "items.csv"),
    ...TABLE,
    modalities: { image: { image: "path" } },
    split: "split",
  });
  const { faults, warnings } = await verifyIndex(index, { compare: false, workers: 1 });
  const [validation, test, ...worth] = warnings;
  assert.equal(
    validation,
    'the image "image" of 1 validation sample is nearly one of training, such as a copy in another size or quality: ' +
      "items.csv, row 14 and items.csv, row 4",
  );
  assert.match(
    test!,
    /^the image "image" of 2 test samples is nearly one of training, .*: items\.csv, row 10 and items\.csv, row 4; items\.csv, row 11 and items\.csv, row 5$/,
  );
  assert.match(
    worth[0]!,
    /^1 of 2 validation samples \(50 %\) share nearly the image "image" \(1\) with training/,
  );
  assert.match(
    worth[1]!,
    /^3 of 4 test samples \(75 %\) share the image "image" \(1\), nearly the image "image" \(2\) with training/,
  );
  assert.deepEqual(faults.map(({ row, kind }) => [row, kind]), [[6, "leakage"], [14, "leakage"]]);
});
