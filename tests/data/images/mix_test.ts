/** Images mixed with each other: which, by how much, and what becomes of their pixels. */
import assert from "node:assert/strict";
import { Random } from "../../../src/base/random.ts";
import type { Batch, ImageBatch } from "../../../src/data/batch.ts";
import { mixImages, type Mixing } from "../../../src/data/images/mix.ts";

const [HEIGHT, WIDTH] = [10, 12];

/** Images whose pixels say which image and which place they are of. */
function batchOf(size: number, modalities: readonly string[] = ["photo"], height = HEIGHT): Batch {
  const image = (modality: number): ImageBatch => ({
    kind: "image",
    height,
    width: WIDTH,
    pixels: Uint8Array.from(
      { length: size * height * WIDTH * 3 },
      (_, at) => at % 3 === 0 ? Math.floor(at / (height * WIDTH * 3)) * 20 : (at * 7 + modality * 31) % 256,
    ),
  });
  const rows = Uint32Array.from({ length: size }, (_, row) => row);
  const own = modalities.map((name, i) => [name, image(i)] as const);
  return { size, rows, labels: rows.slice(), modalities: Object.fromEntries(own) };
}

const pixelsOf = (batch: Batch, name = "photo") => (batch.modalities[name] as ImageBatch).pixels;
const mixed = (size: number, mixing: Mixing, key: number, modalities?: readonly string[]) =>
  mixImages(batchOf(size, modalities), mixing, new Random(key));

Deno.test("every sample has a partner that is another and no one else's, and keeps half of its own at least", () => {
  const pairs = new Set<string>();
  for (let key = 0; key < 300; key++) {
    const { partners, shares } = mixed(5, { mixup: 1, cutmix: 1 }, key).mix!;
    assert.deepEqual([...partners].toSorted(), [0, 1, 2, 3, 4]);
    partners.forEach((partner, row) => {
      assert.notEqual(partner, row);
      pairs.add(`${row} ${partner}`);
    });
    assert.ok(shares.every((share) => share >= 0.5 && share <= 1));
  }
  assert.equal(pairs.size, 20);
});

Deno.test("mixup averages an image with its partner's, to the byte", () => {
  const before = pixelsOf(batchOf(6)), size = HEIGHT * WIDTH * 3;
  for (let key = 0; key < 10; key++) {
    const batch = mixed(6, { mixup: 0.8, cutmix: 0 }, key);
    const { partners, shares } = batch.mix!;
    for (let at = 0; at < before.length; at++) {
      const row = Math.floor(at / size), other = before[partners[row]! * size + at % size]!;
      const wanted = shares[row]! * before[at]! + (1 - shares[row]!) * other;
      assert.ok(
        Math.abs(pixelsOf(batch)[at]! - wanted) < 0.501,
        `byte ${at} is ${pixelsOf(batch)[at]}, ${wanted}`,
      );
    }
  }
});

Deno.test("CutMix cuts out a part of the image's shape, and fills it with that of the partner", () => {
  const before = pixelsOf(batchOf(6));
  const areas: number[] = [];
  for (let key = 0; key < 50; key++) {
    const batch = mixed(6, { mixup: 0, cutmix: 1 }, key);
    const { partners, shares } = batch.mix!;
    for (let row = 0; row < 6; row++) {
      const cut: [x: number, y: number][] = [];
      for (let y = 0; y < HEIGHT; y++) {
        for (let x = 0; x < WIDTH; x++) {
          const place = (image: number) => ((image * HEIGHT + y) * WIDTH + x) * 3;
          const now = pixelsOf(batch).subarray(place(row), place(row) + 3);
          const isCut = now[0] !== row * 20;
          const from = place(isCut ? partners[row]! : row);
          assert.deepEqual(now, before.subarray(from, from + 3));
          if (isCut) cut.push([x, y]);
        }
      }
      const [left, right] = [Math.min(...cut.map(([x]) => x)), Math.max(...cut.map(([x]) => x)) + 1];
      const [top, bottom] = [Math.min(...cut.map(([, y]) => y)), Math.max(...cut.map(([, y]) => y)) + 1];
      if (cut.length > 0) assert.equal(cut.length, (right - left) * (bottom - top), "a rectangle");
      assert.ok(Math.abs(shares[row]! - (1 - cut.length / (HEIGHT * WIDTH))) < 1e-6);
      if (left > 0 && right < WIDTH && top > 0 && bottom < HEIGHT) {
        assert.ok(
          Math.abs((right - left) / WIDTH - (bottom - top) / HEIGHT) <= 0.5 / WIDTH + 0.5 / HEIGHT + 1e-9,
        );
        areas.push(cut.length);
      }
    }
  }
  assert.ok(areas.length > 50 && new Set(areas).size > 10, "parts of many sizes");
});

Deno.test("shares are of Beta(α, α) folded at a half, and both ways of mixing come as often", () => {
  const shares = [], cuts = [];
  for (let key = 0; key < 400; key++) {
    shares.push(...mixed(8, { mixup: 1, cutmix: 0 }, key).mix!.shares);
    const both = mixed(8, { mixup: 1, cutmix: 1 }, key), before = pixelsOf(batchOf(8));
    for (let row = 0; row < 8; row++) {
      const whole = row * HEIGHT * WIDTH * 3, end = whole + HEIGHT * WIDTH * 3;
      const same = pixelsOf(both).subarray(whole, end).filter((value, i) => value === before[whole + i]);
      cuts.push(same.length > 0.45 * (end - whole));
    }
  }
  // α = 1 is uniform: the mean of max(λ, 1 − λ) is ¾, its variance 1/48.
  const mean = shares.reduce((sum, one) => sum + one, 0) / shares.length;
  const variance = shares.reduce((sum, one) => sum + (one - mean) ** 2, 0) / shares.length;
  assert.ok(Math.abs(mean - 0.75) < 0.01 && Math.abs(variance - 1 / 48) < 0.002, `${mean}, ${variance}`);
  const cut = cuts.filter(Boolean).length / cuts.length;
  assert.ok(cut > 0.45 && cut < 0.6, `${cut} are cut`);
});

Deno.test("all images of a sample are mixed with those of one partner", () => {
  for (let key = 0; key < 10; key++) {
    const one = mixed(4, { mixup: 0, cutmix: 2 }, key),
      two = mixed(4, { mixup: 0, cutmix: 2 }, key, ["photo", "map"]);
    assert.deepEqual(two.mix, one.mix);
    assert.deepEqual(pixelsOf(two), pixelsOf(one));
    assert.notDeepEqual(pixelsOf(two, "map"), pixelsOf(batchOf(4, ["photo", "map"]), "map"));
  }
});

Deno.test("samples that lack an image take no part: the others are mixed as if those were not there", () => {
  const present = Uint32Array.of(0, 1, 1, 0, 1, 0);
  const having = [1, 2, 4];
  const some = batchOf(6, ["photo"]), all = batchOf(3);
  some.modalities.photo = { ...all.modalities.photo as ImageBatch, pixels: pixelsOf(all).slice(), present };
  const mixing = { mixup: 0.5, cutmix: 1 };
  const mixed = mixImages(some, mixing, new Random(4)), alone = mixImages(all, mixing, new Random(4));
  assert.deepEqual(pixelsOf(mixed), pixelsOf(alone));
  const partners = Array.from(alone.mix!.partners, (place) => having[place]!);
  assert.deepEqual([...mixed.mix!.partners], [0, partners[0], partners[1], 3, partners[2], 5]);
  const [a, b, c] = alone.mix!.shares;
  assert.deepEqual([...mixed.mix!.shares], [1, a, b, 1, c, 1]);
  const one = {
    ...some,
    modalities: { photo: { ...some.modalities.photo, present: Uint32Array.of(0, 0, 1, 0, 0, 0) } },
  };
  assert.equal(mixImages(one as Batch, mixing, new Random(1)).mix, undefined);
});

Deno.test("a batch of one sample and one without images stay as they are", () => {
  for (const batch of [batchOf(1), { ...batchOf(4), modalities: {} }]) {
    const copy = structuredClone(batch);
    assert.deepEqual(mixImages(batch, { mixup: 1, cutmix: 1 }, new Random(1)), copy);
  }
});

Deno.test("numbers of Beta(a, a) have its moments", () => {
  for (const a of [0.15, 0.5, 1, 1.5, 8]) {
    const random = new Random(2);
    const drawn = Array.from({ length: 20_000 }, () => random.beta(a));
    const moment = (power: number) =>
      drawn.reduce((sum, one) => sum + (one - 0.5) ** power, 0) / drawn.length;
    const variance = 1 / (4 * (2 * a + 1)), fourth = 3 / (16 * (2 * a + 1) * (2 * a + 3));
    assert.ok(drawn.every((one) => one >= 0 && one <= 1));
    assert.ok(Math.abs(moment(1)) < 0.01, `mean of ${a}`);
    assert.ok(Math.abs(moment(2) / variance - 1) < 0.03, `variance of ${a}: ${moment(2)}, not ${variance}`);
    assert.ok(Math.abs(moment(4) / fourth - 1) < 0.05, `fourth moment of ${a}: ${moment(4)}, not ${fourth}`);
  }
});
