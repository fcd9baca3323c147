// A table with empty images and empty texts, from the refusal to a model that answers rows which lack either.
import assert from "node:assert/strict";
import { join } from "node:path";
import { encode } from "fast-png";
import { PredictSession } from "../../src/app/predict/session.ts";
import { PredictServer } from "../../src/app/serve/server.ts";
import { readCsv } from "../../src/io/csv.ts";
import type { Evaluation } from "../../src/runs/records.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { done, refused, unis } from "./unis.ts";

const SETTINGS = [
  ...["data.image=path", "data.text=title", "data.image_size=8", "model.encoders.image.patch_size=4"],
  ...["image", "text"].flatMap((name) =>
    ["hidden_size=8", "num_hidden_layers=1", "num_attention_heads=2", "intermediate_size=8"].map((one) =>
      `model.encoders.${name}.${one}`
    )
  ),
  ...["model.head.hidden_size=8", "training.micro_batch=6", "training.batch=12"],
];
const SERVED = {
  maxBatch: 8,
  maxQueue: 8,
  wait: 1,
  maxBody: 1e5,
  maxPixels: 1e4,
  maxText: 100,
  note: () => {},
};
const LEARNED = [...SETTINGS, "data.missing=learned", "training.modality_dropout=0.3"];

/** Forty rows: every fourth has no image, and of the others every third no text; in row 9 a blank stands for it. */
function writeRows(at: (name: string) => string): void {
  const rows = Array.from({ length: 40 }, (_, i) => {
    const data = new Uint8Array(8 * 8 * 3).map((_, k) => (k % 3 === i % 2 ? 200 : 40) + i);
    Deno.writeFileSync(at(`${i}.png`), encode({ width: 8, height: 8, channels: 3, data }));
    const split = ["train", "train", "train", "validation", "test"][Math.floor(i / 2) % 5];
    const text = i % 4 !== 0 && i % 3 === 0 ? (i === 9 ? "  " : "") : `${["warm", "cold"][i % 2]} thing`;
    return `${i % 4 === 0 ? "" : `${i}.png`},${text},${["red", "green"][i % 2]},${split}`;
  });
  Deno.writeTextFileSync(at("items.csv"), ["path,title,label,split", ...rows].join("\n") + "\n");
}

Deno.test("rows without an image or a text are learned from, tested by what they have, and answered", async () => {
  using folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  writeRows(at);
  const data = ["--data", `table:${at("items.csv")}`];
  const split = "data.split=split";

  const cure =
    /items\.csv, row 2: cannot use the image: no path is given; data\.missing=learned trains with samples that lack/;
  assert.match(await refused("train", ...data, "--out", at("none"), "--set", split, ...SETTINGS), cure);
  const unfit = await refused(
    "train",
    ...data,
    "--out",
    at("none"),
    "--set",
    split,
    ...LEARNED,
    "method=image",
  );
  assert.match(unfit, /"data\.missing" must be refuse where "method" is image: .*unis-mmc/);
  const verified = await done("data", "verify", ...data, "--set", split, ...LEARNED);
  assert.match(verified, /^lacking image +6 +2 +2$/m);
  assert.match(verified, /^lacking text +5 +2 +3$/m);
  assert.match(verified, /^Nothing is wrong$/m);

  const train = (out: string, epochs: string) =>
    done("train", ...data, "--out", at(out), "--epochs", epochs, "--set", split, ...LEARNED);
  assert.match(await train("run", "2"), /^Lacking +text: 5 of 24 train, 2 of 8 validation, 3 of 8 test$/m);
  const opened = RunFolder.open(at("run"));
  for (const { training_loss, validation_accuracy } of opened.records()) {
    assert.ok(Object.values({ ...training_loss, ...validation_accuracy }).every(Number.isFinite));
  }
  const { samples, accuracy, patterns, withheld } = opened.evaluation() as Evaluation;
  assert.deepEqual(Object.keys(accuracy), ["image", "text", "fusion"]);
  const shown = (all: typeof patterns) =>
    all?.map((
      { modalities, samples, accuracy },
    ) => [modalities.join(), samples, Object.keys(accuracy).join()]);
  assert.deepEqual(shown(patterns), [
    ["image,text", 3, "image,text,fusion"],
    ["text", 2, "text,fusion"],
    ["image", 3, "image,fusion"],
  ]);
  assert.equal(samples, 8);
  assert.deepEqual(shown(withheld), [
    ["image,text", 3, "image,text,fusion"],
    ["image", 3, "image,fusion"],
    ["text", 3, "text,fusion"],
  ]);
  const predictions = readCsv(at("run/predictions.csv")).map(({ cells }) => cells);
  const [image, text] = ["image_class", "text_class"].map((name) => predictions[0]!.indexOf(name));
  const blanks = (column: number) => predictions.slice(1).filter((cells) => cells[column] === "").length;
  assert.deepEqual([blanks(image!), blanks(text!)], [2, 3]);

  // Evaluation finds the same, and the page has the table.
  const told = await done("evaluate", at("run"));
  assert.match(told, /^has image \+ text +3 /m);
  assert.match(told, /^left with text +3 +- /m);
  const less = await done("evaluate", at("run"), "--withhold", "1");
  assert.doesNotMatch(less, /^has image \+ text/m, "of every sample that has both one is withheld");
  assert.match(less, /^has image /m);
  await done("report", at("run"));
  assert.match(
    Deno.readTextFileSync(at("run/report.html")),
    /a learned vector stands for them, modality dropout 0\.3<[^]*left with image/,
  );

  // Rows that lack one are answered by the other.
  Deno.writeTextFileSync(
    at("new.csv"),
    "path,title,label\n,warm thing,red\n1.png,,green\n1.png,cold thing,green\n",
  );
  await done("predict", at("run"), "--data", at("new.csv"), "--proba", "--out", at("answers.csv"));
  const [header, ...answers] = readCsv(at("answers.csv")).map(({ cells }) => cells);
  const cell = (row: number, name: string) => answers[row]![header!.indexOf(name)];
  assert.deepEqual([cell(0, "image_class"), cell(0, "image_p(red)"), cell(1, "text_class")], ["", "", ""]);
  assert.ok([0, 1, 2].every((row) => ["red", "green"].includes(cell(row, "fusion_class")!)));
  await done("predict", at("run"), "--text", "warm thing", "--out", at("one.jsonl"));
  const { predictions: one } = JSON.parse(Deno.readTextFileSync(at("one.jsonl")));
  assert.deepEqual([one.image, one.fusion.length], [[], 1]);
  Deno.writeTextFileSync(at("new.jsonl"), '{"title":"cold"}\n{"path":"1.png","title":null}\n{"title":" "}\n');
  assert.match(
    await refused("predict", at("run"), "--data", at("new.jsonl"), "--out", at("no.csv")),
    /new\.jsonl, row 3: lacks image and text: there is nothing to answer from; --skip-bad/,
  );
  using session = await PredictSession.begin(at("run"), "auto");
  using server = new PredictServer(session, SERVED);
  const empty = { text: " " };
  for (
    const [body, field, error] of [
      [empty, undefined, "the request lacks image and text: there is nothing to answer from"],
      [{ samples: [{ text: "cold" }, empty] }, "samples[1]", '"samples[1]" lacks image and text'],
    ] as const
  ) {
    const answer = await server.app.request("/predict", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const told = await answer.json();
    assert.deepEqual([answer.status, told.field], [422, field]);
    assert.ok(told.error.startsWith(error), told.error);
  }
  Deno.writeTextFileSync(at("short.csv"), "title\ncold\n");
  assert.match(
    await refused("predict", at("run"), "--data", at("short.csv"), "--out", at("no.csv")),
    /short\.csv has no column "path"/,
  );
  assert.match(await done("evaluate", at("run"), "--data", at("new.csv")), /^has text +1 /m);
  Deno.writeTextFileSync(at("apart.csv"), "path,title,label\n,warm,red\n1.png,,green\n");
  const apart = await done("evaluate", at("run"), "--data", at("apart.csv"));
  assert.match(apart, /^image-text +- +- +-$/m); // no sample has both
  assert.match(
    await refused("export", at("run"), "--to", at("export")),
    /Cannot export .* as transformers: "data\.missing" is learned, and only --format onnx can say/,
  );
  await done("export", at("run"), "--to", at("onnx"), "--format", "onnx");
  assert.equal(JSON.parse(Deno.readTextFileSync(at("onnx/preprocessing.json"))).may_lack, true);

  // A run that was cut ends as one that was not: what is withheld depends on seed, epoch and sample alone.
  await train("cut", "1");
  await done("train", "--resume", at("cut"), "--epochs", "2");
  for (const file of ["checkpoints/last.safetensors", "test.json", "predictions.csv"]) {
    assert.deepEqual(Deno.readFileSync(at(`cut/${file}`)), Deno.readFileSync(at(`run/${file}`)), file);
  }
});

Deno.test("a row that has nothing is a fault, which --skip-bad leaves out", async () => {
  using folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  writeRows(at);
  Deno.writeTextFileSync(at("items.csv"), ",,red,train\n", { append: true });
  const found = await unis(
    "data",
    "verify",
    "--data",
    `table:${at("items.csv")}`,
    "--set",
    "data.split=split",
    ...LEARNED,
  );
  assert.equal(found.status, 1);
  assert.match(
    found.output,
    /^items\.csv, row 42: lacks "image" and "text": there is nothing to learn from \[row\]$/m,
  );
});
