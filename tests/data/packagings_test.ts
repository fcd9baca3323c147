// Every way in which the data sets of the paper are handed on is read, and prepared, to the same samples.
import assert from "node:assert/strict";
import { join } from "node:path";
import { PUBLISHED_SETS, type PublishedSet } from "../../src/data/prepare/published.ts";
import { foundPackaging, hintsIn, piecesIn, prepare, REPORT } from "../../src/data/prepare/prepare.ts";
import { drawSplits, type SampleIndex } from "../../src/data/index/sample_index.ts";
import { isSound, verifyIndex } from "../../src/data/index/verify.ts";
import { indexFeatures } from "../../src/data/readers/features.ts";
import { FOOD_CLASSES } from "../../src/data/readers/food_classes.ts";
import { FOOD101_LAYOUTS, indexFood101 } from "../../src/data/readers/food101.ts";
import { expectedOf, PREPARED_LIST } from "../../src/data/readers/listed_rows.ts";
import { indexN24News, N24_LAYOUTS, N24_TEXTS } from "../../src/data/readers/n24news.ts";
import { readCsv } from "../../src/io/csv.ts";
import { UserError } from "../../src/base/user_error.ts";
import { writeFeatures, writeFood101, writeN24News } from "../../scripts/miniatures.ts";
import { temporaryFolder } from "../io/crafted.ts";

const SIZE = { classes: 2, perClass: 6 };
const FOOD: PublishedSet = PUBLISHED_SETS.food101;
const NEWS: PublishedSet = PUBLISHED_SETS.n24news;

type Layout<T extends readonly string[]> = Exclude<T[number], "auto" | "prepared">;
const FOOD_LAYOUTS = FOOD101_LAYOUTS.filter((layout): layout is Layout<typeof FOOD101_LAYOUTS> =>
  layout !== "auto" && layout !== "prepared"
);
const NEWS_LAYOUTS = N24_LAYOUTS.filter((layout): layout is Layout<typeof N24_LAYOUTS> =>
  layout !== "auto" && layout !== "prepared"
);

function food(root: string, options: Partial<Parameters<typeof indexFood101>[0]> = {}): SampleIndex {
  const index = indexFood101({
    ...{ root, layout: "auto", text: "auto", validationSamples: 4, splitSeed: 1, maxWords: 100 },
    ...options,
  });
  drawSplits(index);
  return index;
}

function news(root: string, text: typeof N24_TEXTS[number] = "headline"): SampleIndex {
  const index = indexN24News({ root, text, clean: true, maxWords: 100 });
  drawSplits(index);
  return index;
}

function countsOf({ samples }: SampleIndex): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { split } of samples) counts[split] = (counts[split] ?? 0) + 1;
  return counts;
}

/** What is learned from, without the place where it was listed. */
const contents = (index: SampleIndex) =>
  index.samples.map(({ id, label, inputs, split }) => ({ id, label, inputs, split })).sort((a, b) =>
    a.id < b.id ? -1 : 1
  );

const prepared = (root: string, set: PublishedSet) =>
  prepare(root, set, foundPackaging(root, set)!, { workers: 1 });

/** The bytes of all files, by path. */
function bytesBelow(folder: string, path = ""): Map<string, string> {
  return new Map(
    Array.from(Deno.readDirSync(join(folder, path))).flatMap(({ name, isDirectory }) => {
      const inner = join(path, name);
      return isDirectory
        ? [...bytesBelow(folder, inner)]
        : [[inner, Deno.readFileSync(join(folder, inner)).toHex()] as const];
    }),
  );
}

for (const layout of FOOD_LAYOUTS) {
  Deno.test(`Food-101 as ${layout} is found, read, sound, and the same when it is prepared`, async () => {
    using folder = temporaryFolder();
    const root = folder.path;
    await writeFood101(root, layout, SIZE);
    const index = food(root);
    const validation = 4; // drawn, or every third of the training samples in a list of its own
    assert.deepEqual(countsOf(index), { train: 8, validation, test: 4 });
    assert.deepEqual(contents(food(root, { layout })), contents(index));
    assert.ok(isSound(await verifyIndex(index, { compare: false, workers: 1 })));
    assert.ok(index.samples.every(({ inputs }) => /apple pie|baby back ribs/.test(String(inputs.text))));
    const expected = FOOD.packagings.find((packaging) => packaging.layout === layout)!.expected![0];
    assert.deepEqual(index.expected, expected);

    const before = bytesBelow(root);
    const done = await prepared(root, FOOD);
    assert.deepEqual([done.faults, done.repaired, done.kept], [[], [], done.listed]);
    const after = bytesBelow(root);
    const written = [...after.keys()].filter((path) => !before.has(path)).sort();
    assert.deepEqual(written, [PREPARED_LIST, REPORT].sort());
    for (const [path, bytes] of before) assert.equal(after.get(path), bytes, `${path} was changed`);
    const clean = food(root);
    assert.ok(clean.samples.every(({ file }) => file === PREPARED_LIST));
    assert.deepEqual(contents(clean), contents(index));
    assert.equal(clean.expected, undefined);
    await prepared(root, FOOD);
    assert.deepEqual(bytesBelow(root), after, "preparing again gives the same");
  });
}

for (const layout of NEWS_LAYOUTS) {
  Deno.test(`N24News as ${layout} is found, read, sound, and the same when it is prepared`, async () => {
    using folder = temporaryFolder();
    const root = folder.path;
    await writeN24News(root, SIZE, layout);
    const isWhole = layout === "whole"; // a tenth each of 20 is drawn then
    assert.deepEqual(
      countsOf(news(root)),
      isWhole ? { train: 16, validation: 2, test: 2 } : { train: 12, validation: 4, test: 4 },
    );
    assert.deepEqual(contents(news(root)), contents(news(root)), "the draw is the same every time");
    assert.ok(isSound(await verifyIndex(news(root), { compare: false, workers: 1 })));
    const read = () => N24_TEXTS.map((text) => contents(news(root, text)));
    const before = read();
    const done = await prepared(root, NEWS);
    assert.deepEqual([done.faults, done.repaired, done.kept], [[], [], done.listed]);
    assert.deepEqual(read(), before);
    assert.ok(news(root).samples.every(({ file }) => file === PREPARED_LIST));
  });
}

Deno.test("a list of MMBT whose texts are titles is told by its test split from one of pages", async () => {
  using folder = temporaryFolder();
  await writeFood101(folder.path, "jsonl", SIZE);
  const lists = foundPackaging(folder.path, FOOD)!;
  const [row] = lists.rows(folder.path, false).filter(({ split }) => split === "test");
  for (const [count, train] of [[21_695, 60_101], [22_715, undefined]] as const) {
    const expected = expectedOf(lists, Array(count).fill(row));
    assert.deepEqual([expected?.train, expected?.test], [train, count]);
  }
  assert.throws(
    () => food(folder.path, { text: "page" }),
    (error) =>
      error instanceof UserError && /"data\.text" is page, .* texts of one kind only/.test(error.message),
  );
});

Deno.test("prepare() repairs the faults of the published titles, leaves out what cannot be used, and reports both", async () => {
  using folder = temporaryFolder();
  const root = folder.path;
  await writeFood101(root, "titles", { classes: 3, perClass: 6 });
  const list = join(root, "texts/train_titles.csv");
  const lines = Deno.readTextFileSync(list).trimEnd().split("\n");
  const edit = (row: number, change: (line: string) => string) => {
    const changed = change(lines[row - 1]!);
    assert.notEqual(changed, lines[row - 1]);
    lines[row - 1] = changed;
  };
  // As in the published list: a quote that is never closed, and rows after it that name pages.
  edit(2, () => 'apple_pie_1.jpg,"Apple pie, my ""best"",apple_pie');
  edit(3, (line) => line.replace("apple_pie_2.jpg", "apple_pie_2.txt"));
  edit(4, (line) => line.replace("apple_pie_3.jpg", "apple_pie_3.txt"));
  edit(9, (line) => line.replace(/baby_back_ribs$/, "baby_back_rib"));
  edit(10, () => "baby_back_ribs_3.jpg,baby_back_ribs");
  edit(12, () => 'baby_back_ribs_5.jpg,"no, class');
  edit(13, () => "baklava_0.jpg,42 %,baklava");
  lines.push(lines[14]!);
  Deno.writeTextFileSync(list, lines.join("\n") + "\n");
  Deno.removeSync(join(root, "images/train/apple_pie/apple_pie_4.jpg"));
  Deno.truncateSync(join(root, "images/train/apple_pie/apple_pie_5.jpg"), 200);
  const before = bytesBelow(root);
  const said = food(root).faults.filter(({ message }) =>
    message.endsWith(`"unis data prepare food101" repairs that`)
  );
  assert.deepEqual(said.map(({ row, id }) => [row, id]), [[2, "apple_pie_1.jpg"], [3, "apple_pie_2.txt"], [
    4,
    "apple_pie_3.txt",
  ]]);

  const done = await prepared(root, FOOD);
  for (const [path, bytes] of before) assert.equal(bytesBelow(root).get(path), bytes, `${path} was changed`);
  assert.deepEqual(done.listed, { train: 19, validation: 0, test: 6 });
  assert.deepEqual(done.kept, { train: 12, validation: 0, test: 6 });
  const [header, ...rows] = readCsv(join(root, REPORT)).map(({ cells }) => cells);
  assert.deepEqual(header, ["file", "row", "id", "done", "kind", "message"]);
  const file = "texts/train_titles.csv";
  const told: [row: number, id: string, done: string, kind: string, message: RegExp][] = [
    [2, "apple_pie_1.jpg", "repaired", "row", /^a quote that is never closed is a character of its text$/],
    [3, "apple_pie_2.jpg", "repaired", "row", /^apple_pie_2\.txt stands for the image apple_pie_2\.jpg$/],
    [4, "apple_pie_3.jpg", "repaired", "row", /^apple_pie_3\.txt stands for/],
    [5, "apple_pie_4.jpg", "left out", "image", /apple_pie_4\.jpg is missing/],
    [6, "apple_pie_5.jpg", "left out", "image", /apple_pie_5\.jpg/],
    [9, "baby_back_ribs_2.jpg", "left out", "label", /unknown label "baby_back_rib"/],
    [10, "baby_back_ribs_3.jpg", "left out", "row", /has 2 cells, not 3/],
    [12, "baby_back_ribs_5.jpg", "left out", "row", /quote, opened on line 12/],
    [13, "baklava_0.jpg", "left out", "empty text", /is empty/],
    [19, "baklava_2.jpg", "left out", "duplicate id", /is that of/],
  ];
  const byRow = rows.toSorted((a, b) => Number(a[1]) - Number(b[1]));
  assert.deepEqual(
    byRow.map((cells) => cells.slice(0, 5)),
    told.map(([row, id, done, kind]) => [file, String(row), id, done, kind]),
  );
  for (const [i, [, , , , message]] of told.entries()) assert.match(byRow[i]![5]!, message);
  const clean = food(root);
  assert.deepEqual(clean.faults, []);
  assert.ok(isSound(await verifyIndex(clean, { compare: false, workers: 1 })));
  const mended = clean.samples.find(({ id }) => id === "apple_pie_1.jpg")!;
  assert.match(String(mended.inputs.text), /^apple pie\s+my\s+best\s+$/);
  assert.equal(FOOD_CLASSES[mended.label], "apple_pie");
});

Deno.test("prepare() leaves out what has no page, and reads titles where there are no pages at all", async () => {
  using folder = temporaryFolder();
  const root = folder.path;
  await writeFood101(root, "published", SIZE);
  Deno.removeSync(join(root, "texts_txt/apple_pie/apple_pie_0.txt"));
  Deno.writeTextFileSync(join(root, "texts_txt/apple_pie/apple_pie_1.txt"), " \n");
  const some = await prepared(root, FOOD);
  assert.deepEqual([some.kind, some.kept.train], ["page", 10]);
  assert.deepEqual(some.faults.map(({ id, kind }) => [id, kind]), [
    ["apple_pie_0.jpg", "text"],
    ["apple_pie_1.jpg", "empty text"],
  ]);
  Deno.removeSync(join(root, "texts_txt"), { recursive: true });
  const none = await prepared(root, FOOD);
  assert.deepEqual([none.kind, none.kept.train, none.faults], ["title", 12, []]);
  assert.match(String(food(root).samples[0]!.inputs.text), /recipe/);
  assert.throws(() => food(root, { text: "page" }), /prepared of .* has titles only/);
  const missing = piecesIn(root, FOOD).filter(({ missing }) => missing.length > 0).map(({ missing }) =>
    missing[0]
  );
  assert.deepEqual(missing, ["texts_txt", "texts/train_titles.csv", "train.jsonl"]);
});

Deno.test("prepare() keeps an article that lacks one kind of text, and leaves out one that has none", async () => {
  using folder = temporaryFolder();
  const root = folder.path;
  await writeN24News(root, SIZE);
  const path = join(root, "news/nytimes_train.json");
  const articles = JSON.parse(Deno.readTextFileSync(path));
  articles[0].caption = null;
  for (const kind of ["headline", "caption", "abstract", "article"]) articles[1][kind] = "";
  articles[2].image_id = 7;
  Deno.writeTextFileSync(path, JSON.stringify(articles));
  Deno.writeTextFileSync(join(root, "imgs/100003.jpg"), "<html>not found</html>");
  const { faults, kept } = await prepared(root, NEWS);
  assert.deepEqual(faults.map(({ row, kind }) => [row, kind]).sort(), [[2, "empty text"], [3, "row"], [
    4,
    "image",
  ]]);
  assert.equal(kept.train, 9);
  const { faults: found } = await verifyIndex(news(root, "caption"), { compare: false, workers: 1 });
  assert.deepEqual(found.map(({ row, kind }) => [row, kind]), [[1, "empty text"]]);
});

Deno.test("a folder that has no lists is told what may be meant", async () => {
  using folder = temporaryFolder();
  await writeFood101(join(folder.path, "UPMC_Food101"), "folders", { classes: 1, perClass: 3 });
  Deno.writeTextFileSync(join(folder.path, "archive.zip"), "");
  assert.equal(foundPackaging(folder.path, FOOD), undefined);
  assert.deepEqual(hintsIn(folder.path, FOOD), [
    `${join(folder.path, "UPMC_Food101")} looks like it: give that folder`,
    `${join(folder.path, "archive.zip")} is an archive: unpack it first`,
  ]);
  assert.deepEqual(hintsIn(join(folder.path, "absent"), FOOD), []);
  await assert.rejects(
    async () => {
      Deno.removeSync(join(folder.path, "UPMC_Food101/images"), { recursive: true });
      await prepared(join(folder.path, "UPMC_Food101"), FOOD);
    },
    (error) => error instanceof UserError && /No sample of .* can be used: it lists none/.test(error.message),
  );
});

Deno.test("BRCA's five classes are read in the layout of ROSMAP", async () => {
  using folder = temporaryFolder();
  await writeFeatures(folder.path, { classes: 5, perClass: 6 });
  const index = indexFeatures({ root: folder.path, validationShare: 0, splitSeed: 1 });
  assert.deepEqual(index.classes, ["0", "1", "2", "3", "4"]);
  assert.deepEqual(countsOf(index), { train: 30, test: 10 });
  assert.deepEqual(index.modalities.map((modality) => "width" in modality && modality.width), [8, 6, 4]);
  assert.deepEqual(index.faults, []);
});
