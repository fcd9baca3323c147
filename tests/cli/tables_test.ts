// From tables of every kind to trained models and answers, on the command line.
import { wordPieceJson } from "../../src/data/text/tokenizer_json.ts";
import { numbered } from "../../src/data/text/word_piece.ts";
import { bert } from "../../src/models/encoders/bert.ts";
import assert from "node:assert/strict";
import { join } from "node:path";
import { decode as decodePng } from "fast-png";
import { readCsv } from "../../src/io/csv.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { done, unis } from "./unis.ts";

const FIXTURES = new URL("../fixtures/tables", import.meta.url).pathname;
const SHORT = [
  ...["training.epochs=1", "training.micro_batch=8", "training.batch=8", "model.head.hidden_size=8"],
];

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

Deno.test("an export of a spreadsheet is learned from and answered as it is: semicolons, commas, categories, gaps", async () => {
  using folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  const row = (i: number) =>
    `${i % 3 === 0 ? "" : `${i},5`};${["rot", "grün", ""][i % 3]};${i % 2};${["ja", "nein"][i % 2]}`;
  const rows = Array.from({ length: 60 }, (_, i) => row(i));
  Deno.writeFileSync(at("items.csv"), latin1(["größe;farbe;ph;label", ...rows].join("\r\n")));
  const settings = [
    'data.features=["größe","farbe","ph"]',
    'data.categories=["farbe"]',
    "data.decimal=,",
    "data.missing_numbers=mean",
    "data.encoding=latin1",
    "model.encoders.features.hidden_size=8",
  ];
  const data = ["--data", `table:${at("items.csv")}`, "--set", ...settings];
  assert.match(await done("data", "verify", ...data), /Nothing is wrong\nWarning: cells are parted by ";"/);
  await done("train", ...data, ...SHORT, "--method", "features", "--out", at("run"));
  const kept = JSON.parse(Deno.readTextFileSync(at("run/preprocessing/preprocessing.json")));
  const [features] = kept.modalities;
  assert.deepEqual(features.columns, [
    "größe",
    "größe is missing",
    "farbe = ",
    "farbe = grün",
    "farbe = rot",
    "ph",
  ]);
  assert.equal(features.decimal, ",");
  assert.deepEqual(features.cells[1], { column: "farbe", categories: ["", "grün", "rot"] });

  // New rows have a category that nobody knew and a gap; the same numbers as one sample and as JSON give the same answers.
  Deno.writeFileSync(at("new.csv"), latin1("farbe;ph;größe\nblau;0,5;7,25\nrot;1;\n"));
  await done("predict", at("run"), "--data", at("new.csv"), "--out", at("answers.csv"), "--proba");
  const [header, ...answers] = readCsv(at("answers.csv")).map(({ cells }) => cells);
  assert.deepEqual(header!.slice(0, 3), ["farbe", "ph", "größe"]);
  assert.deepEqual(answers.map((cells) => cells.slice(0, 3)), [["blau", "0,5", "7,25"], ["rot", "1", ""]]);
  const lines = [{ größe: 7.25, farbe: "blau", ph: 0.5 }, { farbe: "rot", ph: 1, größe: null }];
  Deno.writeTextFileSync(at("new.jsonl"), lines.map((line) => JSON.stringify(line) + "\n").join(""));
  await done(
    "predict",
    at("run"),
    "--data",
    at("new.jsonl"),
    "--out",
    at("again.csv"),
    "--proba",
    "--batch",
    "1",
  );
  const again = readCsv(at("again.csv")).slice(1).map(({ cells }) => cells.at(-1));
  assert.deepEqual(again, answers.map((cells) => cells.at(-1)));

  const wide = "\ufefffarbe|ph|größe\nblau|0,5|7,25\nrot|1|\n";
  Deno.writeFileSync(
    at("wide.csv"),
    new Uint8Array(Uint16Array.from(wide, (one) => one.charCodeAt(0)).buffer),
  );
  await done("predict", at("run"), "--data", at("wide.csv"), "--out", at("wide_answers.csv"), "--proba", ...[
    ...["--encoding", "utf-16", "--delimiter", "|"],
  ]);
  assert.equal(Deno.readTextFileSync(at("wide_answers.csv")), Deno.readTextFileSync(at("answers.csv")));
  await done("export", at("run"), "--to", at("onnx"), "--format", "onnx");
  const { inputs } = JSON.parse(Deno.readTextFileSync(at("onnx/preprocessing.json")));
  assert.deepEqual(inputs.features.cells, features.cells);
  assert.ok(Deno.statSync(at("onnx/cells.py")).isFile);
  await done("predict", at("run"), "--features", "7,25;blau;0,5", "--out", at("one.csv"), "--proba");
  const [, one] = readCsv(at("one.csv")).map(({ cells }) => cells);
  assert.deepEqual(one!.slice(1), answers[0]!.slice(3));
  const why = await unis("predict", at("run"), "--data", at("new.csv"), "--explain");
  assert.equal(why.status, 2);
  assert.match(why.errors, /Cannot explain answers of features: it is all there is/);
  const test = await done("evaluate", at("run"), "--split", "test");
  assert.match(test, /accuracy/);
});

Deno.test("shards are learned from by their own splits, and Parquet files answered", async () => {
  using folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  Deno.mkdirSync(at("shards"));
  for (
    const [from, to] of [["train-000", "train-0"], ["train-001", "train-1"], ["test-000", "valid-0"], [
      "test-000",
      "test-0",
    ]]
  ) {
    Deno.copyFileSync(join(FIXTURES, `${from}.tar`), at(`shards/${to}.tar`));
  }
  const columns = [
    "data.image=png",
    "data.text=txt",
    "data.label=cls",
    "data.split=split",
    "data.image_size=12",
  ];
  const small = ["model.encoders.image.hidden_size=12", "model.encoders.text.hidden_size=12"];
  await done(
    ...[
      "train",
      "--data",
      `table:${at("shards")}`,
      "--out",
      at("run"),
      "--set",
      ...columns,
      ...small,
      ...SHORT,
    ],
  );
  const samples = readCsv(at("run/preprocessing/samples.csv")).slice(1).map(({ cells }) => cells.slice(0, 3));
  assert.deepEqual(samples[0], ["test-0.tar:1", "test", "0"]);
  assert.deepEqual(samples.map(([, split]) => split), [
    ...Array(3).fill("test"),
    ...Array(6).fill("train"),
    ...Array(3).fill("validation"),
  ]);
  const parquet = join(FIXTURES, "hugging_face.parquet");
  const answer = ["predict", at("run"), "--data", parquet, "--column", "image=image", "text=caption"];
  const refused = await unis(...answer, "--out", at("answers.csv"));
  assert.equal(refused.status, 2);
  assert.match(
    refused.errors,
    /hugging_face\.parquet, row 5: no path is given \(and 1 more near it\); --skip-bad/,
  );
  await done(...answer, "--out", at("answers.csv"), "--skip-bad");
  const answers = readCsv(at("answers.csv")).slice(1).map(({ cells }) => cells);
  assert.equal(answers.length, 10);
  assert.deepEqual(answers[0]!.slice(0, 3), ["hugging_face.parquet, row 1", "cat", "a thing, number 0 é🦀"]);

  // The same answers, explained.
  const explaining = [...answer, "--skip-bad", "--heat-maps", at("maps")];
  await done(...explaining, "--out", at("why.csv"));
  const [names, ...explained] = readCsv(at("why.csv")).map(({ cells }) => cells);
  const [, ...given] = readCsv(at("answers.csv")).map(({ cells }) => cells);
  assert.deepEqual(explained.map((cells) => cells.slice(0, given[0]!.length)), given);
  assert.deepEqual(names!.slice(given[0]!.length), [
    ...["fusion_base", "fusion_share(image)", "fusion_share(text)", "tokens(text)", "heat_map(image)"],
  ]);
  for (const cells of explained) {
    const of = (name: string) => Number(cells[names!.indexOf(name)]);
    const sum = ["fusion_base", "fusion_share(image)", "fusion_share(text)"].map(of).reduce((a, b) => a + b);
    assert.ok(Math.abs(sum - of("fusion_p")) < 1e-5);
    const { width, height } = decodePng(Deno.readFileSync(cells.at(-1)!));
    assert.deepEqual([width, height], [228, 228], "19 times 12 pixels");
  }
  assert.equal([...Deno.readDirSync(at("maps"))].length, 10);
  const again = await unis(...explaining, "--out", at("again.csv"));
  assert.deepEqual([again.status, /--heat-maps .*maps: it exists/.test(again.errors)], [2, true]);
  assert.ok([...Deno.readDirSync(folder.path)].every(({ name }) => !name.endsWith(".tmp")));
});

Deno.test("verify tells which texts are cut, and train --skip-bad goes on after a quote that is left open", async () => {
  using folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  const texts = Array.from(
    { length: 60 },
    (_, i) => i % 20 === 0 ? `long ${"word ".repeat(i + 40)}` : `short ${i}`,
  );
  const lines = texts.map((text, i) => `${text},${i % 2}`).with(5, '"never closed,1');
  Deno.writeTextFileSync(at("items.csv"), ["title,label", ...lines].join("\n"));
  const data = ["--data", `table:${at("items.csv")}`, "--set", "data.text=title", "data.max_tokens=12"];
  const verified = await unis("data", "verify", ...data);
  assert.equal(verified.status, 1);
  assert.match(
    verified.output,
    /^items\.csv, row 7: has a quote, opened on line 7, that is never closed \[row\]$/m,
  );
  // "long" and 80 words, between the tokens of the start and the end.
  assert.match(
    verified.output,
    /^Warning: 3 of 59 texts "text" \(5\.1 %\) are longer than "data\.max_tokens", 12, the longest 83: what is beyond/m,
  );
  // A pretrained encoder reads pieces of its own, here two of "long" and of "word".
  Deno.mkdirSync(at("bert"));
  const pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "lo", "##ng", "wo", "##rd"];
  Deno.writeTextFileSync(at("bert/tokenizer.json"), JSON.stringify(wordPieceJson(numbered(pieces))));
  const config = bert.configure({ vocab_size: pieces.length, max_position_embeddings: 128 });
  Deno.writeTextFileSync(at("bert/config.json"), JSON.stringify(config));
  const counted = await unis("data", "verify", ...data, "--text-encoder", at("bert"));
  assert.match(counted.output, /^Warning: 3 of 59 texts "text" \(5\.1 %\) .* 12, the longest 164: /m);
  const small = "model.encoders.text.hidden_size=12";
  await done("train", ...data, small, ...SHORT, "--method", "text", "--skip-bad", "--out", at("run"));
  const skipped = readCsv(at("run/skipped.csv")).slice(1).map(({ cells }) => cells);
  assert.deepEqual(skipped.map(([file, row]) => [file, row]), [["items.csv", "7"]]);
});
