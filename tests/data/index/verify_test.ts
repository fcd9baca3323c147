// A miniature of each layout is sound; each fault planted in it is found, with its file and row, and nothing else is.
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  drawSplits,
  type Fault,
  type IndexedSample,
  type SampleIndex,
  sharedIds,
  soundSamples,
} from "../../../src/data/index/sample_index.ts";
import { indexFood101 } from "../../../src/data/readers/food101.ts";
import { indexN24News } from "../../../src/data/readers/n24news.ts";
import { faultyRows, isSound, verificationLines, verifyIndex } from "../../../src/data/index/verify.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { writeFood101, writeN24News } from "../../../scripts/miniatures.ts";
import { temporaryFolder } from "../../io/crafted.ts";

const SIZE = { classes: 2, perClass: 4 };
const LAYOUTS: Record<
  string,
  { write: (root: string) => Promise<void>; list: (root: string) => SampleIndex }
> = {
  published: { write: (root) => writeFood101(root, "published", SIZE), list: indexFood },
  titles: { write: (root) => writeFood101(root, "titles", SIZE), list: indexFood },
  n24news: {
    write: (root) => writeN24News(root, SIZE),
    list: (root) => indexN24News({ root, text: "caption", clean: true, maxWords: 100 }),
  },
};

function indexFood(root: string, roots: readonly string[] = []): SampleIndex {
  const drawn = { validationSamples: 2, splitSeed: 1, paths: { roots } };
  const index = indexFood101({ root, layout: "auto", text: "auto", maxWords: 100, ...drawn });
  drawSplits(index);
  return index;
}

const check = (index: SampleIndex, compare = false) => verifyIndex(index, { compare, workers: 1 });

function edit(path: string, change: (text: string) => string): void {
  const before = Deno.readTextFileSync(path);
  const after = change(before);
  assert.notEqual(after, before, `nothing was planted in ${path}`);
  Deno.writeTextFileSync(path, after);
}

/** Changes the articles of a split of N24News. */
function editNews(root: string, split: string, change: (articles: Record<string, unknown>[]) => void): void {
  edit(join(root, `news/nytimes_${split}.json`), (text) => {
    const articles = JSON.parse(text);
    change(articles);
    return JSON.stringify(articles);
  });
}

const train = (root: string, name: string) =>
  join(root, "images/train", name.replace(/_\d+\.jpg$/, ""), name);
const last = (root: string) => join(root, "images/test/baby_back_ribs/baby_back_ribs_4.jpg");

type Plant = [
  layout: keyof typeof LAYOUTS,
  what: string,
  plant: (root: string) => void,
  found: Pick<Fault, "kind" | "file" | "row">,
  message: RegExp,
];
const PLANTS: readonly Plant[] = [
  [
    "published",
    "a missing image",
    (root) => Deno.removeSync(train(root, "apple_pie_1.jpg")),
    { kind: "image", file: "train.csv", row: 3 },
    /apple_pie_1\.jpg is missing/,
  ],
  [
    "titles",
    "an image that is cut off",
    (root) => Deno.truncateSync(train(root, "apple_pie_2.jpg"), 300),
    { kind: "image", file: "texts/train_titles.csv", row: 3 },
    /apple_pie_2\.jpg.*cut off/,
  ],
  [
    "n24news",
    "a file that is no image",
    (root) => Deno.writeTextFileSync(join(root, "imgs/100000.jpg"), "<html>not found</html>"),
    { kind: "image", file: "news/nytimes_train.json", row: 1 },
    /imgs\/100000\.jpg/,
  ],
  [
    "published",
    "a page without a word",
    (root) => Deno.writeTextFileSync(join(root, "texts_txt/apple_pie/apple_pie_0.txt"), "12 % — 34\n"),
    { kind: "empty text", file: "train.csv", row: 2 },
    /text "text" is empty/,
  ],
  [
    "published",
    "a missing page",
    (root) => Deno.removeSync(join(root, "texts_txt/apple_pie/apple_pie_0.txt")),
    { kind: "text", file: "train.csv", row: 2 },
    /apple_pie_0\.txt is missing/,
  ],
  [
    "published",
    "a page that Git LFS has not fetched",
    (root) =>
      Deno.writeTextFileSync(
        join(root, "texts_txt/apple_pie/apple_pie_0.txt"),
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
      ),
    { kind: "text", file: "train.csv", row: 2 },
    /apple_pie_0\.txt: it is a Git LFS pointer/,
  ],
  [
    "n24news",
    "an empty caption",
    (root) => editNews(root, "dev", (articles) => articles[1]!.caption = null),
    { kind: "empty text", file: "news/nytimes_dev.json", row: 2 },
    /is empty/,
  ],
  [
    "titles",
    "an unknown class",
    (root) => edit(join(root, "texts/test_titles.csv"), (text) => text.replace(/apple_pie$/m, "applepie")),
    { kind: "label", file: "texts/test_titles.csv", row: 1 },
    /unknown label "applepie"/,
  ],
  [
    "published",
    "a number that stands for two classes",
    (root) => edit(join(root, "test.csv"), (text) => text.replace(/,baby_back_ribs,1/, ",baby_back_ribs,0")),
    { kind: "label", file: "test.csv", row: 3 },
    /label 0 is baby_back_ribs here and apple_pie/,
  ],
  [
    "n24news",
    "an unknown section",
    (root) => editNews(root, "test", (articles) => articles[0]!.section = "Weather"),
    { kind: "label", file: "news/nytimes_test.json", row: 1 },
    /unknown label "Weather"/,
  ],
  [
    "n24news",
    "an article without an image",
    (root) => editNews(root, "train", (articles) => delete articles[2]!.image_id),
    { kind: "row", file: "news/nytimes_train.json", row: 3 },
    /"image_id"/,
  ],
  [
    "published",
    "a row that lacks a cell",
    (root) => edit(join(root, "test.csv"), (text) => text.replace(/,apple_pie,0/, ",apple_pie")),
    { kind: "row", file: "test.csv", row: 2 },
    /3 cells, not 4/,
  ],
  [
    "titles",
    "an id that stands twice",
    (root) =>
      edit(
        join(root, "texts/test_titles.csv"),
        (text) => text + "apple_pie_4.jpg,another title,apple_pie\n",
      ),
    { kind: "duplicate id", file: "texts/test_titles.csv", row: 3 },
    /"apple_pie_4\.jpg" is that of texts\/test_titles\.csv, row 1/,
  ],
  [
    "n24news",
    "an article in two splits",
    (root) => editNews(root, "train", (articles) => articles[1]!.image_id = "100004"),
    { kind: "leakage", file: "news/nytimes_train.json", row: 2 },
    /"100004" is also in the validation split: news\/nytimes_dev\.json, row 1/,
  ],
  [
    "n24news",
    "an image in two splits",
    (root) => Deno.copyFileSync(join(root, "imgs/100004.jpg"), join(root, "imgs/101005.jpg")),
    { kind: "leakage", file: "news/nytimes_dev.json", row: 1 },
    /image is also in the test split: news\/nytimes_test\.json, row 2/,
  ],
  [
    "published",
    "a path that leads out of the folder",
    (root) => {
      Deno.copyFileSync(last(root), join(root, "../outside.jpg"));
      edit(join(root, "test.csv"), (text) => text.replace("baby_back_ribs_4.jpg", "../../../../outside.jpg"));
    },
    { kind: "image", file: "test.csv", row: 3 },
    /outside\.jpg leads out of/,
  ],
  [
    "titles",
    "an image that Git LFS has not fetched",
    (root) =>
      Deno.writeTextFileSync(
        last(root),
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
      ),
    { kind: "image", file: "texts/test_titles.csv", row: 2 },
    /baby_back_ribs_4\.jpg: it is a Git LFS pointer/,
  ],
  [
    "titles",
    "an image that git-annex has not fetched",
    (root) => {
      Deno.removeSync(last(root));
      Deno.symlinkSync("../../../.git/annex/objects/0/0/K/K", last(root));
    },
    { kind: "image", file: "texts/test_titles.csv", row: 2 },
    /baby_back_ribs_4\.jpg is a git-annex pointer/,
  ],
  [
    "titles",
    "a quote that is left open",
    (root) =>
      edit(join(root, "texts/train_titles.csv"), (text) => text.replace(/^(.*\n.*,)(\w+)\n/, '$1"$2\n')),
    { kind: "row", file: "texts/train_titles.csv", row: 2 },
    /quote, opened on line 2, that closes on a later line/,
  ],
];

Deno.test("verifyIndex() finds nothing wrong with miniatures", async () => {
  using folder = temporaryFolder();
  for (const [layout, { write, list }] of Object.entries(LAYOUTS)) {
    const root = join(folder.path, layout);
    await write(root);
    const found = await check(list(root));
    assert.deepEqual([layout, found.faults, isSound(found)], [layout, [], true]);
  }
});

for (const [layout, what, plant, found, message] of PLANTS) {
  Deno.test(`verifyIndex() finds ${what} in ${layout}`, async () => {
    using folder = temporaryFolder();
    const root = join(folder.path, "set");
    const { write, list } = LAYOUTS[layout]!;
    await write(root);
    plant(root);
    const index = list(root);
    const after = await check(index);
    assert.equal(after.faults.length, 1, verificationLines(after).join("\n"));
    const { kind, file, row, message: given } = after.faults[0]!;
    assert.deepEqual({ kind, file, row }, found);
    assert.match(given, message);
    assert.equal(isSound(after), false);
    // Training refuses rows that are no samples, and goes without all that is faulty where it may.
    if (index.faults.length > 0) {
      assert.throws(
        () => soundSamples(index, new Set()),
        (error) => error instanceof UserError && error.message.startsWith(`${file}, row ${row}: `),
      );
    }
    const sound = soundSamples(index, faultyRows(after.faults));
    assert.ok(sound.every((sample) => sample.file !== file || sample.row !== row));
    assert.equal(sound.length, index.samples.length - (index.faults.length === 0 ? 1 : 0));
  });
}

Deno.test("verifyIndex() compares the counts with those published", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "set");
  await LAYOUTS.n24news!.write(root);
  const index = LAYOUTS.n24news!.list(root);
  assert.equal(isSound(await check(index)), true);
  const whole = await check(index, true);
  assert.equal(isSound(whole), false);
  assert.deepEqual(verificationLines(whole), [
    "the train split has 8 samples, not 48988",
    "the validation split has 2 samples, not 6123",
    "the test split has 2 samples, not 6124",
  ]);
  assert.deepEqual(whole.classes[1], { name: "Books", counts: { train: 4, validation: 1, test: 1 } });
  const expected = { train: 8, validation: 2, test: 2 };
  assert.equal(isSound(await check({ ...index, expected }, true)), true);
});

Deno.test("samples that share an id are told in a sentence, which names the first that came later", () => {
  const sample = (id: string, row: number) => ({ id, row, file: "a.csv" }) as IndexedSample;
  assert.deepEqual(sharedIds([sample("a", 1), sample("b", 2)]), []);
  const [one, ...none] = sharedIds([sample("a", 1), sample("b", 2), sample("a", 3)]);
  assert.deepEqual(none, []);
  assert.match(one!, /^1 sample has the id of an earlier one \(first "a", a\.csv, row 3\)/);
  const many = sharedIds(["a", "a", "b", "b", "b"].map(sample));
  assert.match(many[0]!, /^3 samples have .*\(first "a", a\.csv, row 1\)/);
});

Deno.test("blanks around labels, ids and columns are no faults, in any layout", async () => {
  const blanked: Record<string, (root: string) => void> = {
    published: (root) =>
      edit(
        join(root, "train.csv"),
        (text) =>
          text.replace("id,text", "id , text").replaceAll(/,apple_pie,/g, ",\u00a0apple_pie ,").replaceAll(
            /^(apple_pie_\d)\.jpg,/gm,
            " $1.jpg ,",
          ),
      ),
    titles: (root) =>
      edit(join(root, "texts/train_titles.csv"), (text) => text.replaceAll(/,apple_pie$/gm, ",apple_pie\t")),
    n24news: (root) =>
      editNews(root, "train", (articles) => {
        for (const article of articles) {
          article.section = ` ${article.section}\u3000`;
          article.image_id = `${article.image_id} `;
        }
      }),
  };
  for (const [layout, { write, list }] of Object.entries(LAYOUTS)) {
    using folder = temporaryFolder();
    const root = join(folder.path, "set");
    await write(root);
    const before = list(root);
    blanked[layout]!(root);
    assert.deepEqual(list(root), before, layout);
  }
});

Deno.test("images that are linked to from elsewhere are as good as files where that is allowed, and faults where not", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "set");
  await LAYOUTS.titles!.write(root);
  Deno.renameSync(join(root, "images"), join(folder.path, "elsewhere"));
  Deno.symlinkSync("../elsewhere", join(root, "images"));
  Deno.renameSync(last(root), join(folder.path, "blob"));
  Deno.symlinkSync(join(folder.path, "blob"), last(root));
  assert.deepEqual((await check(indexFood(root, [folder.path]))).faults, []);
  const elsewhere = join(Deno.realPathSync(folder.path), "elsewhere");
  const { faults } = await check(indexFood(root, [elsewhere]));
  assert.deepEqual(faults.map(({ kind }) => kind), ["image"], "the blob alone lies outside");
  const { faults: [first] } = await check(indexFood(root));
  assert.ok(first!.message.endsWith(`--set 'data.roots=${JSON.stringify([elsewhere])}'`), first!.message);
});

Deno.test("soundSamples() refuses a split without samples", () => {
  const sample = { id: "1", file: "x.csv", row: 2, label: 0, inputs: {}, split: "train" as const };
  const index = {
    name: "table",
    source: "x",
    classes: ["a"],
    modalities: [],
    samples: [sample],
    faults: [],
  };
  assert.throws(() => soundSamples(index, new Set()), /x has no samples in its validation split/);
});
