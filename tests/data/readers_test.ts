import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { cleanText, firstWords } from "../../src/data/text/clean_text.ts";
import { drawStratified } from "../../src/data/index/draw.ts";
import { fitPreprocessing, scaled } from "../../src/data/fit.ts";
import {
  describeFault,
  drawSplits,
  type SampleIndex,
  soundSamples,
} from "../../src/data/index/sample_index.ts";
import { indexFeatures as readFeatures } from "../../src/data/readers/features.ts";
import { indexFood101 as readFood101 } from "../../src/data/readers/food101.ts";
import { indexN24News } from "../../src/data/readers/n24news.ts";
import { indexTable as readTable } from "../../src/data/readers/table.ts";
import { faultyRows } from "../../src/data/index/verify.ts";
import { UserError } from "../../src/base/user_error.ts";
import { writeFood101, writeN24News } from "../../scripts/miniatures.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { TABLE as PLAIN_TABLE } from "./readers/written_table.ts";

const FOOD = { layout: "auto", text: "auto", validationSamples: 4, splitSeed: 1, maxWords: 512 } as const;
const TABLE = { ...PLAIN_TABLE, validationShare: 0.2, testShare: 0.2 };

/** With the splits that the reader asks for drawn. */
function drawn(index: SampleIndex): SampleIndex {
  drawSplits(index);
  return index;
}
const indexFood101 = (...given: Parameters<typeof readFood101>) => drawn(readFood101(...given));
const indexFeatures = (...given: Parameters<typeof readFeatures>) => drawn(readFeatures(...given));
const indexTable = async (...given: Parameters<typeof readTable>) => drawn(await readTable(...given));

function countsOf({ samples }: SampleIndex): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { split } of samples) counts[split] = (counts[split] ?? 0) + 1;
  return counts;
}

function write(path: string, content: string): string {
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, content);
  return path;
}

const faultsOf = (index: SampleIndex) => index.faults.map(describeFault);
const isUserError = (...parts: readonly string[]) => (error: unknown) =>
  error instanceof UserError && parts.every((part) => error.message.includes(part));

Deno.test("cleanText() leaves lower-cased words of letters, as published", () => {
  const cases: [string, string][] = [
    ["<b>Apple-Pie</b>", " apple pie "],
    ["2 cups of Flour\nand 1/2 egg", "  cups of flour and     egg"],
    ["x a b c d y", "x b d y"], // the white space after a letter goes with it, so every second one stays
    ["crème brûlée | 100%", "cr me br e       "],
    ["", ""],
  ];
  for (const [text, cleaned] of cases) assert.equal(cleanText(text), cleaned);
});

Deno.test("firstWords() cuts between words", () => {
  assert.equal(firstWords(" one two  three ", 2), " one two");
  assert.equal(firstWords("one two", 2), "one two");
  assert.equal(firstWords("one two", 5), "one two");
});

Deno.test("drawStratified() keeps the shares of classes, and draws others with another seed", () => {
  const labels = Array.from({ length: 103 }, (_, i) => i < 60 ? 0 : i < 102 ? 1 : 2);
  const drawn = drawStratified(labels, 21, 1);
  assert.equal(drawn.length, 21);
  assert.equal(new Set(drawn).size, 21);
  const count = (label: number) => drawn.filter((index) => labels[index] === label).length;
  assert.deepEqual([count(0), count(1), count(2)], [12, 9, 0], "the only one of a class stays");
  assert.deepEqual(drawStratified(labels, 21, 1), drawn);
  assert.notDeepEqual(drawStratified(labels, 21, 2), drawn);
  assert.deepEqual(drawStratified(labels, 0, 1), []);
  assert.equal(drawStratified([0, 0, 0, 1, 1], 3, 1).length, 3);
  assert.throws(() => drawStratified([0, 1], 2, 1), /RangeError: .*none would be left/);
  assert.throws(() => drawStratified([0, 1, 2, 2], 2, 1), /RangeError: .*a class would be left/);
});

Deno.test("features are scaled by the ranges of the training samples alone", async () => {
  const rows = [[0, 5, 7], [2, 5, 9], [4, 6, 8]].map((row) => Float32Array.from(row));
  const samples = rows.map((x, i) => ({
    file: "x",
    row: i,
    id: String(i),
    label: 0,
    split: i < 2 ? "train" as const : "test" as const,
    inputs: { x },
  }));
  const index = {
    name: "x",
    classes: ["a"],
    modalities: [{ name: "x", kind: "features" as const, width: 3 }],
  };
  const never = () => assert.fail("there are no images and no texts");
  const { modalities: [fitted] } = await fitPreprocessing(index, samples, { image: never, text: never });
  assert.ok(fitted?.kind === "features");
  assert.deepEqual([[...fitted.minimum], [...fitted.maximum]], [[0, 5, 7], [2, 5, 9]]);
  assert.deepEqual([...scaled(rows, fitted)], [0, 0, 0, 1, 0, 1, 2, 0, 0.5]);
});

Deno.test("indexFood101() reads both layouts and draws the validation split by its seed", async () => {
  using folder = temporaryFolder();
  for (const layout of ["published", "titles"] as const) {
    const root = join(folder.path, layout);
    await writeFood101(root, layout, { classes: 3, perClass: 6 });
    const index = indexFood101({ ...FOOD, root });
    assert.deepEqual(countsOf(index), { train: 14, validation: 4, test: 6 });
    assert.deepEqual(faultsOf(index), []);
    assert.equal(index.classes.length, 101);
    const { id, label, inputs } = index.samples.find((sample) => sample.id === "baklava_2.jpg")!;
    assert.equal(index.classes[label], "baklava");
    assert.match(String(inputs.image), /images\/train\/baklava\/baklava_2\.jpg$/);
    assert.match(String(inputs.text), layout === "published" ? /ingredients/ : /baklava.*easy +recipe/);
    assert.match(String(inputs.text), /^[a-z ]+$/, id);
    const validation = (splitSeed: number) =>
      indexFood101({ ...FOOD, root, splitSeed }).samples.filter(({ split }) => split === "validation").map((
        { id },
      ) => id);
    assert.deepEqual(validation(1), validation(1));
    assert.notDeepEqual(validation(1), validation(2));
  }
  const titles = indexFood101({ ...FOOD, root: join(folder.path, "published"), text: "title" });
  assert.match(String(titles.samples[0]!.inputs.text), /recipe/);
  const page = { ...FOOD, root: join(folder.path, "titles"), text: "page" } as const;
  assert.throws(() => indexFood101(page), isUserError('"data.text"', "titles only"));
  assert.throws(
    () => indexFood101({ ...FOOD, root: folder.path }),
    isUserError("train.csv", "train_titles.csv"),
  );
});

Deno.test("indexN24News() reads the text asked for, and cleans bodies where it should", async () => {
  using folder = temporaryFolder();
  const root = folder.path;
  await writeN24News(root, { classes: 4, perClass: 3 });
  const texts = new Set<string>();
  for (const text of ["headline", "caption", "abstract", "body"] as const) {
    const index = indexN24News({ root, text, clean: true, maxWords: 100 });
    assert.deepEqual(countsOf(index), { train: 12, validation: 4, test: 4 });
    assert.equal(index.classes.length, 24);
    texts.add(String(index.samples[0]!.inputs.text));
    if (text === "body") assert.match(String(index.samples[0]!.inputs.text), /^[a-z ]+$/);
  }
  assert.equal(texts.size, 4);
  const raw = indexN24News({ root, text: "body", clean: false, maxWords: 100 }).samples[0]!.inputs.text;
  assert.match(String(raw), /[.;]/);
  write(join(root, "news/nytimes_dev.json"), '{"section": "Health"}');
  const read = () => indexN24News({ root, text: "body", clean: true, maxWords: 9 });
  assert.throws(read, isUserError("nytimes_dev.json", "not a list"));
});

Deno.test("indexFeatures() reads any number of matrices and names what does not fit", () => {
  using folder = temporaryFolder();
  const root = folder.path;
  const matrix = (rows: number, width: number) =>
    Array.from({ length: rows }, (_, i) => Array.from({ length: width }, (_, j) => i + j / 10).join()).join(
      "\n",
    );
  for (const [view, width] of [2, 3, 4].entries()) {
    write(join(root, `${view + 1}_tr.csv`), matrix(10, width));
    write(join(root, `${view + 1}_te.csv`), matrix(4, width));
  }
  write(
    join(root, "labels_tr.csv"),
    [0, 1, 0, 1, 0, 1, 0, 1, 0, 1].map((x) => x.toExponential(3)).join("\n"),
  );
  write(join(root, "labels_te.csv"), "0\n1\n2\n1\n");
  write(join(root, "2_te.csv"), "1,2,3\n1,2\n1,2,3\n1,x,3\n");
  const options = { root, validationShare: 0.2, splitSeed: 1 };
  const index = indexFeatures(options);
  assert.deepEqual(index.classes, ["0", "1"]);
  assert.deepEqual(index.modalities.map(({ name }) => name), ["view1", "view2", "view3"]);
  assert.deepEqual(countsOf(index), { train: 8, validation: 2, test: 1 });
  assert.deepEqual([...index.samples[1]!.inputs.view2 as Float32Array], [1, 1.1, 1.2].map(Math.fround));
  assert.deepEqual(faultsOf(index), [
    "2_te.csv, row 2: has 2 numbers where others have 3",
    'labels_te.csv, row 3: unknown label "2"',
    '2_te.csv, row 4: number 2 is "x"',
  ]);
  const all = indexFeatures({ ...options, validationShare: 0 });
  assert.deepEqual(countsOf(all), { train: 10, test: 1 });
  assert.equal(all.validatesOnTraining, true);
  assert.equal(soundSamples(all, faultyRows(all.faults)).length, 11);
  write(join(root, "3_te.csv"), matrix(3, 4));
  assert.throws(() => indexFeatures(options), isUserError("3_te.csv has 3 rows", "labels_te.csv has 4"));
  assert.throws(
    () => indexFeatures({ ...options, root: join(root, "none") }),
    isUserError("none", "1_tr.csv"),
  );
});

Deno.test("indexTable() takes any modalities from CSV and JSONL, and draws the splits that are not there", async () => {
  using folder = temporaryFolder();
  await writeFood101(folder.path, "titles", { classes: 2, perClass: 5 });
  const rows = [0, 1, 2, 3, 4].flatMap((i) =>
    ["apple_pie", "baby_back_ribs"].map((name) => ({
      path: `images/train/${name}/${name}_${i}.jpg`,
      title: `a "${name}", no. ${i}\nwith more`,
      a: i / 2,
      b: -i,
      both: [i / 2, -i],
      label: name,
    }))
  );
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const csv = write(
    join(folder.path, "items.csv"),
    "path,title,a,b,label\n" +
      rows.map(({ path, title, a, b, label }) => [path, quoted(title), a, b, label].join() + "\n").join(""),
  );
  const jsonl = write(
    join(folder.path, "items.jsonl"),
    rows.map((row) => JSON.stringify(row) + "\n").join(""),
  );
  const modalities = {
    photo: { image: "path" },
    other: { image: "path" },
    title: { text: "title" },
    lab: { features: ["a", "b"] },
  };
  const indices = [
    await indexTable({ ...TABLE, file: csv, modalities }),
    await indexTable({ ...TABLE, file: jsonl, modalities: { ...modalities, lab: { features: "both" } } }),
  ];
  for (const index of indices) {
    assert.deepEqual(faultsOf(index), []);
    assert.deepEqual(countsOf(index), { train: 6, validation: 2, test: 2 });
    assert.deepEqual(index.classes, ["apple_pie", "baby_back_ribs"]);
    assert.equal(index.modalities.length, 4);
    assert.deepEqual([...index.samples[3]!.inputs.lab as Float32Array], [0.5, -1]);
    assert.equal(index.samples[3]!.inputs.title, 'a "baby_back_ribs", no. 1\nwith more');
  }
  assert.deepEqual(indices.map(({ samples }) => samples.map(({ row }) => row).slice(0, 3)), [[2, 4, 6], [
    1,
    2,
    3,
  ]]);
  for (const [key, column] of [["label", "category"], ["split", "part"], ["id", "key"]] as const) {
    const options = { ...TABLE, file: csv, modalities, [key]: column };
    await assert.rejects(indexTable(options), isUserError(csv, `"${column}"`, "path, title, a, b, label"));
  }
  const bad = { ...TABLE, file: csv, modalities: { photo: { image: "pahts" } } };
  await assert.rejects(indexTable(bad), isUserError('no column "pahts"', 'modality "photo"'));
});

Deno.test("indexTable() names line and fault of every row that is none", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "set");
  await writeFood101(root, "titles", { classes: 1, perClass: 4 });
  const image = (i: number) => `images/train/apple_pie/apple_pie_${i}.jpg`;
  Deno.copyFileSync(join(root, image(0)), join(folder.path, "outside.jpg"));
  Deno.symlinkSync(image(1), join(root, "inner.jpg"));
  Deno.mkdirSync(join(root, "folder.jpg"));
  const lines: [string, RegExp | undefined][] = [
    [`{"path": "${image(0)}", "split": "train", "label": "x"}`, undefined],
    [`{"path": "inner.jpg", "split": "dev", "label": "x"}`, undefined],
    [`{"path": "${image(2)}", "split": "Test", "label": "x"}`, undefined],
    [`{"path": "../outside.jpg", "split": "train", "label": "x"}`, /\.\.\/outside\.jpg leads out of/],
    [`{"path": "/etc/passwd", "split": "train", "label": "x"}`, /is outside of .*data\.roots/],
    [`{"path": "none.jpg", "split": "train", "label": "x"}`, /none\.jpg is missing/],
    [`{"path": "folder.jpg", "split": "train", "label": "x"}`, /not a file/],
    [`{"path": "", "split": "train", "label": "x"}`, /no path/],
    [`{"path": "${image(0)}", "split": "train"}`, /no "label"/],
    [`{"path": "${image(0)}", "split": "train", "label": ""}`, /has no label/],
    [`{"path": "${image(0)}", "split": "test", "label": "y"}`, /unknown label "y"/],
    [`{"path": "${image(0)}", "split": "other", "label": "x"}`, /"split" must be train, validation or test/],
    [`{"path": "${image(0)}", "label": "x"`, /not valid JSON/],
    [`{"path": "${image(0)}", "label": "x", "label": "y"}`, /duplicate/],
    [`["${image(0)}"]`, /not a JSON object/],
    [`{"path": ["a"], "split": "train", "label": "x"}`, /a text should be/],
  ];
  const file = write(join(root, "items.jsonl"), lines.map(([line]) => line + "\n").join(""));
  const modalities = { photo: { image: "path" } };
  const { samples, faults } = await indexTable({ ...TABLE, file, modalities, split: "split" });
  assert.deepEqual(samples.map(({ row, split }) => [row, split]), [[1, "train"], [2, "validation"], [
    3,
    "test",
  ]]);
  const expected = lines.flatMap(([, message], at) =>
    message === undefined ? [] : [[at + 1, message] as const]
  );
  assert.equal(faults.length, expected.length);
  expected.forEach(([row, message], at) => {
    assert.equal(faults[at]!.row, row);
    assert.equal(faults[at]!.file, "items.jsonl");
    assert.match(faults[at]!.message, message);
  });
  const lists = write(
    join(root, "lists.jsonl"),
    ["[]", "[1, 2]", "[]", "[3, 4]"]
      .map((numbers) => `{"numbers": ${numbers}, "label": "x"}\n`).join(""),
  );
  const lab = { lab: { features: "numbers" } };
  assert.deepEqual(
    faultsOf(await indexTable({ ...TABLE, file: lists, modalities: lab, validationShare: 0, testShare: 0 })),
    [1, 3].map((row) => `lists.jsonl, row ${row}: has 0 numbers where others have 2`),
  );
  const wide = write(join(root, "wide.csv"), `path,label\n${image(0)},x,more\n`);
  assert.deepEqual(
    faultsOf(await indexTable({ ...TABLE, file: wide, modalities, validationShare: 0, testShare: 0 })),
    [
      "wide.csv, row 2: has 3 cells, the header has 2",
    ],
  );
});
