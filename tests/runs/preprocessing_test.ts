/** What a run keeps of its data is read back as it was, and refused by name where it was changed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type {
  FeaturePreprocessing,
  ImagePreprocessing,
  Preprocessing,
} from "../../src/data/preprocessing.ts";
import type { KeptSample } from "../../src/data/index/reconcile.ts";
import { TextTokenizer } from "../../src/data/text/tokenizer.ts";
import { wordPieceJson } from "../../src/data/text/tokenizer_json.ts";
import { numbered } from "../../src/data/text/word_piece.ts";
import {
  digestSplit,
  type KeptData,
  modalityFile,
  modalityFolder,
  readKeptSamples,
  readPreprocessing,
  summariseSplit,
  writePreprocessing,
} from "../../src/runs/preprocessing.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { exists } from "../../src/io/files.ts";
import { copyFolder, temporaryFolder } from "../io/crafted.ts";
import { tinyConfig } from "../train/tiny.ts";
import { forget } from "./kept.ts";

const tokenizer = new TextTokenizer(
  wordPieceJson(numbered(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "dot"])),
);
const TEXT = {
  name: "title",
  kind: "text",
  tokenizer,
  maxTokens: 7,
  isFitted: true,
  isCleaned: true,
} as const;

const image = (preparation: ImagePreprocessing["preparation"], fromOriginal = false): ImagePreprocessing => ({
  name: "photo",
  kind: "image",
  height: 8,
  width: 6,
  mean: [0.25, 0.5, 0.75],
  std: [0.5, 0.25, 0.125],
  preparation,
  fromOriginal,
});
const numbers = (more: Partial<FeaturePreprocessing> = {}): FeaturePreprocessing => ({
  name: "measures",
  kind: "features",
  columns: ["width", "kind=a"],
  minimum: Float64Array.of(-1, 0),
  maximum: Float64Array.of(2.5, 1),
  ...more,
});

const SAMPLES: readonly KeptSample[] = [
  { id: 'a, "1"', split: "train", label: "warm\nred", digest: "01" },
  { id: "b", split: "validation", label: "cold", digest: "02" },
  { id: "c", split: "test", label: "cold", digest: "03" },
];

function kept(preprocessing: Partial<Preprocessing> = {}, samples = SAMPLES): KeptData {
  return {
    preprocessing: { dataset: "tiny", classes: ["warm\nred", "cold"], modalities: [TEXT], ...preprocessing },
    samples,
    drawn: ["test"],
  };
}

/** A run that keeps this, in a folder of its own. */
function written(data: KeptData): { run: RunFolder } & Disposable {
  const folder = temporaryFolder();
  const run = RunFolder.create(join(folder.path, "run"), tinyConfig());
  writePreprocessing(run, data);
  return { run: RunFolder.open(run.path), [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

const all: Readonly<Record<string, Partial<Preprocessing>>> = {
  "a text": { modalities: [TEXT] },
  "a text of a tokenizer that was not fitted": {
    modalities: [{ ...TEXT, isFitted: false, isCleaned: false }],
  },
  "an image with all that can be told": {
    modalities: [image({
      background: "#102030",
      filter: "bicubic",
      resize: { shortestEdge: 9 },
      crop: { height: 8, width: 6 },
    }, true)],
  },
  "an image with the least": { modalities: [image({ filter: "bilinear" })] },
  "an image that is resized to a height and a width": {
    modalities: [image({ filter: "bilinear", resize: { height: 8, width: 6 } })],
  },
  "numbers": { modalities: [numbers()] },
  "numbers of cells": {
    modalities: [numbers({
      decimal: ",",
      cells: [
        { column: "width", mean: 0.5, indicator: true },
        { column: "height", mean: null, indicator: false },
        { column: "kind", categories: ["a", "b"] },
      ],
    })],
  },
  "labels": { task: "multi_label" },
  "numbers to be told": { task: "regression", scale: { mean: 3, std: 0.5 }, classes: ["value"] },
  "several modalities": { modalities: [image({ filter: "bilinear" }), TEXT, numbers()] },
};
for (const [name, preprocessing] of Object.entries(all)) {
  Deno.test(`what a run keeps of ${name} is read as it was written`, async () => {
    const data = kept(preprocessing);
    using setting = written(data);
    const read = await readPreprocessing(setting.run);
    const plain = (modalities: Preprocessing["modalities"]) =>
      modalities.map((one) =>
        one.kind === "text" ? { ...one, tokenizer: one.tokenizer.tokenize("red dot x") } : one
      );
    assert.deepEqual(plain(read.preprocessing.modalities), plain(data.preprocessing.modalities));
    assert.deepEqual({ ...read.preprocessing, modalities: [] }, { ...data.preprocessing, modalities: [] });
    assert.deepEqual(read.samples, SAMPLES);
    assert.deepEqual(readKeptSamples(setting.run), SAMPLES);
    assert.deepEqual(read.drawn, data.drawn);
  });
}

Deno.test("a background that is white is not told", async () => {
  using setting = written(kept({ modalities: [image({ background: "white", filter: "bilinear" })] }));
  const { preprocessing } = await readPreprocessing(setting.run);
  assert.deepEqual(preprocessing.modalities, [image({ filter: "bilinear" })]);
});

Deno.test("files of a pretrained tokenizer stay as they are, but for the longest text", () => {
  using folder = temporaryFolder();
  const run = RunFolder.create(join(folder.path, "run"), tinyConfig());
  run.files.writeJson(modalityFile("title", "tokenizer.json"), { own: 1 });
  run.files.writeJson(modalityFile("title", "tokenizer_config.json"), { own: 2, model_max_length: 512 });
  writePreprocessing(run, kept());
  const read = (file: string) => JSON.parse(Deno.readTextFileSync(join(modalityFolder(run, "title"), file)));
  assert.deepEqual(read("tokenizer.json"), { own: 1 });
  assert.deepEqual(read("tokenizer_config.json"), { own: 2, model_max_length: 7 });
});

Deno.test("what a run kept is refused by name where it is missing, was changed, or is of another version", async () => {
  const FILE = "preprocessing/preprocessing.json", TABLE = "preprocessing/samples.csv";
  const changed = (change: (value: Record<string, unknown>) => void) => (run: RunFolder) => {
    const value = JSON.parse(Deno.readTextFileSync(run.files.path(FILE)));
    change(value);
    run.files.writeJson(FILE, value);
  };
  const table = (change: (text: string) => string) => (run: RunFolder) =>
    run.files.writeText(TABLE, change(Deno.readTextFileSync(run.files.path(TABLE))));
  const cases: readonly [change: (run: RunFolder) => void, message: RegExp][] = [
    [
      (run) => forget(run.path, FILE),
      /keeps nothing of what it learned from \(it has no .*preprocessing\.json\)/,
    ],
    [
      changed((value) => Object.assign(value, { version: 2, unis: "9.9" })),
      /a newer unis \(9\.9\): use that/,
    ],
    [changed((value) => value.version = 0), /Cannot use .*preprocessing\.json: version: /],
    [changed((value) => value.more = 1), /Cannot use .*preprocessing\.json: : /],
    [changed((value) => value.scale = { mean: 0, std: 0 }), /Cannot use .*: scale\.std: /],
    [
      changed((value) => (value.modalities as { max_tokens: number }[])[0]!.max_tokens = 2),
      /: modalities\.0\.max_tokens: /,
    ],
    [
      table((text) => text.replace("id,", "name,")),
      /samples\.csv: its first line must be id,split,class,digest$/,
    ],
    [
      table((text) => text.replace("validation", "valid")),
      /samples\.csv, line 4: it is no sample of a split$/,
    ],
    [table((text) => text.replace(",03", "")), /samples\.csv, line 5: it is no sample of a split$/],
    [
      table((text) => text.replace("03", "04")),
      /samples\.csv beside it has other test samples; one of them was/,
    ],
    [table((text) => text.replace("b,validation,cold", "b,validation,warm")), /has other validation samples/],
    [
      (run) => Deno.removeSync(join(modalityFolder(run, "title"), "tokenizer.json")),
      /tokenizer\.json is gone/,
    ],
  ];
  using whole = written(kept());
  using folder = temporaryFolder();
  const copy = () => {
    const path = join(folder.path, "run");
    if (exists(path)) Deno.removeSync(path, { recursive: true });
    copyFolder(whole.run.path, path);
    return RunFolder.open(path);
  };
  for (const [change, message] of cases) {
    const run = copy();
    change(run);
    await assert.rejects(readPreprocessing(run), { name: "UserError", message });
  }
  const without = copy();
  forget(without.path, TABLE);
  assert.equal(readKeptSamples(without), undefined);
});

Deno.test("splits are told apart by their samples, whatever the order of these", () => {
  const more = [...SAMPLES, { id: "d", split: "test", label: "cold", digest: "05" } as const];
  const { samples, inputs, labels } = summariseSplit(more, "test");
  assert.equal(samples, 2);
  assert.deepEqual(summariseSplit(more.toReversed(), "test"), { samples, inputs, labels });
  const other = more.map((sample) => sample.id === "d" ? { ...sample, digest: "06" } : sample);
  assert.deepEqual({ ...summariseSplit(other, "test"), inputs }, { samples, inputs, labels });
  assert.notEqual(summariseSplit(other, "test").inputs, inputs);
  assert.match(digestSplit(more, "test"), /^[0-9a-f]{8}$/);
  assert.equal(digestSplit(more.toReversed(), "test"), digestSplit(more, "test"));
  assert.notEqual(digestSplit(other, "test"), digestSplit(more, "test"));
  assert.equal(digestSplit(other, "train"), digestSplit(more, "train"));
});
