// Data of one's own on the command line: verified, trained on, evaluated, on miniatures with tiny models.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { run } from "../../src/cli/program.ts";
import { readCsv } from "../../src/io/csv.ts";
import { writeFood101, writeN24News } from "../../scripts/miniatures.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { openTestGpu } from "../open_gpu.ts";
import { writeEncoders } from "../train/tiny_encoders.ts";
import { withVariables } from "../variables.ts";

/** Runs a command line in this process; gives its status and all it printed. */
async function unis(
  cache: string,
  ...args: string[]
): Promise<{ status: number; output: string; errors: string }> {
  const { log, warn, error } = console;
  const output: string[] = [], errors: string[] = [];
  console.log = (...parts: unknown[]) => output.push(parts.join(" "));
  console.warn = console.error = (...parts: unknown[]) => errors.push(parts.join(" "));
  using _ = withVariables({ UNIS_CACHE_DIR: cache });
  try {
    return { status: await run(args), output: output.join("\n"), errors: errors.join("\n") };
  } finally {
    Object.assign(console, { log, warn, error });
  }
}

const SHORT = ["training.epochs=1", "training.micro_batch=8", "training.batch=8", "model.head.hidden_size=8"];

Deno.test("unis data verify gives 0 for sound data, 1 for faults, and all of it as JSON", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "n24news");
  await writeN24News(root, { classes: 2, perClass: 3 });
  const verify = (...args: string[]) =>
    unis(folder.path, "data", "verify", "--data", `n24news:${root}`, ...args);
  const sound = await verify("--partial");
  assert.equal(sound.status, 0, sound.errors);
  assert.match(sound.output, /^Books +3 +1 +1$/m);
  assert.match(sound.output, /Nothing is wrong/);

  const whole = await verify();
  assert.equal(whole.status, 1);
  assert.match(whole.output, /^expected +48,988 +6,123 +6,124$/m);
  assert.match(whole.output, /train split has 6 samples, not 48988/);

  Deno.removeSync(join(root, "imgs/100000.jpg"));
  const broken = await verify("--partial", "--json");
  assert.equal(broken.status, 1);
  assert.match(broken.errors, /1 thing is wrong with n24news/);
  const { faults, counts } = JSON.parse(broken.output);
  assert.deepEqual(counts, { train: 5, validation: 2, test: 2 });
  assert.equal(faults.length, 1);
  assert.deepEqual([faults[0].file, faults[0].row, faults[0].kind], ["news/nytimes_train.json", 1, "image"]);
});

Deno.test("verify shows people the first of many faults of a kind and counts the others, and programs all", async () => {
  using folder = temporaryFolder();
  const table = join(folder.path, "prices.csv");
  const rows = Array.from({ length: 60 }, (_, i) => `${i},1.5,${i % 2}`);
  const sound = Array.from({ length: 20 }, (_, i) => `sound ${i},2,${i % 2}`);
  Deno.writeTextFileSync(table, ["title,price,label", ...rows, ...sound, " ,2,0"].join("\n"));
  const settings = ["data.text=title", "data.features=price", "data.label=label", "data.decimal=,"];
  const verify = (...args: string[]) =>
    unis(folder.path, "data", "verify", "--data", `table:${table}`, "--set", ...settings, ...args);
  const { output, errors, status } = await verify();
  assert.equal(status, 1);
  assert.equal(output.match(/\[features\]$/gm)?.length, 50);
  assert.match(output, /^and 10 more \[features\]: --json names them all$/m);
  assert.match(output, /row 82: .*\[empty text\]$/m);
  assert.match(errors, /61 things are wrong/);
  assert.equal(JSON.parse((await verify("--json")).output).faults.length, 61);
});

Deno.test("a data set without samples is told by verify with 1, and by train with 2, in the same words", async () => {
  using folder = temporaryFolder();
  const write = (files: Record<string, string>) => {
    for (const [name, content] of Object.entries(files)) {
      Deno.mkdirSync(dirname(join(folder.path, name)), { recursive: true });
      Deno.writeTextFileSync(join(folder.path, name), content);
    }
  };
  write({
    "header.csv": "title,label\n",
    "empty.csv": "",
    "empty.jsonl": "\n",
    "one.csv": "title,label\na,x\n",
  });
  write(
    Object.fromEntries(
      ["1_tr", "1_te", "labels_tr", "labels_te"].map((name) => [`features/${name}.csv`, ""]),
    ),
  );
  write({ "food/train.csv": "id,text,annotation,label\n", "food/test.csv": "id,text,annotation,label\n" });
  write({ "titles/texts/train_titles.csv": "", "titles/texts/test_titles.csv": "" });
  write(Object.fromEntries(["train", "dev", "test"].map((name) => [`news/news/nytimes_${name}.json`, "[]"])));
  const table = ["--set", "data.text=title"];
  const cases: [data: string, settings: string[], sentence: RegExp][] = [
    ["table:header.csv", table, /header\.csv has no samples$/m],
    ["table:empty.csv", table, /empty\.csv has no samples$/m],
    ["table:empty.jsonl", table, /empty\.jsonl has no samples$/m],
    ["table:one.csv", table, /one\.csv has no samples in its validation split$/m],
    ["features:features", [], /features has no samples$/m],
    ["food101:food", [], /food has no samples$/m],
    ["food101:titles", [], /titles has no samples$/m],
    ["n24news:news", [], /news has no samples$/m],
  ];
  for (const [data, settings, sentence] of cases) {
    const given = ["--data", data.replace(":", `:${folder.path}/`), ...settings];
    const verified = await unis(folder.path, "data", "verify", "--partial", ...given);
    assert.equal(verified.status, 1, data + verified.errors);
    assert.match(verified.output, sentence);
    assert.ok(!verified.output.includes("Nothing is wrong"));
    const trained = await unis(folder.path, "train", "--out", join(folder.path, "run"), ...given);
    assert.equal(trained.status, 2, data + trained.errors);
    assert.match(trained.errors, sentence);
  }
});

Deno.test("unis data verify warns of classes that are likely one, and finds nothing wrong", async () => {
  using folder = temporaryFolder();
  const rows = Array.from({ length: 40 }, (_, i) => `text ${i};${["Cat", "cat", "dog ", "dog"][i % 4]}\n`);
  Deno.writeTextFileSync(join(folder.path, "x.csv"), "title;label\n" + rows.join(""));
  const { status, output, errors } = await unis(
    ...[folder.path, "data", "verify", "--data", `table:${folder.path}/x.csv`, "--set", "data.text=title"],
  );
  assert.equal(status, 0, errors);
  assert.match(output, /^Cat +\d+.*\ncat +\d+.*\ndog +\d+/m);
  assert.match(
    output,
    /^Nothing is wrong\nWarning: cells are parted by ";"\nWarning: the classes "Cat" \(10 samples\) and "cat" \(10/m,
  );
});

Deno.test("unis data prepare says what is there and what is missing, writes a clean list, and training reads it", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "UPMC_Food101");
  await writeFood101(root, "titles", { classes: 2, perClass: 4 });
  const prepare = (at: string) => unis(folder.path, "data", "prepare", "food101", at);
  const above = await prepare(folder.path);
  assert.equal(above.status, 1);
  assert.match(above.output, /^Missing +images\/train, images\/test: .*kaggle\.com/m);
  assert.match(above.output, /^Missing +train\.csv, test\.csv: .*github\.com\/Vincent-ZHQ\/UniS-MMC/m);
  assert.match(above.output, /UPMC_Food101 looks like it: give that folder$/m);
  assert.match(
    above.errors,
    /has no lists of UPMC-Food-101 yet: nothing was prepared, and nothing is fetched/,
  );

  Deno.removeSync(join(root, "images/train/apple_pie/apple_pie_0.jpg"));
  const list = join(root, "texts/train_titles.csv");
  Deno.writeTextFileSync(list, Deno.readTextFileSync(list).replace("apple_pie_1.jpg", "apple_pie_1.txt"));
  const done = await prepare(root);
  assert.equal(done.status, 0, done.errors);
  assert.match(done.output, /^There +texts\/train_titles\.csv, texts\/test_titles\.csv: titles/m);
  assert.match(done.output, /^Missing +texts_txt: pages.*issue 3 of github\.com\/artelab/m);
  assert.match(done.output, /^train +8 +7 +67,972$/m);
  assert.match(done.output, /^test +2 +2 +22,716$/m);
  assert.match(done.output, /^Layout +titles, by its titles$/m);
  assert.match(done.output, /^Repaired +1 rows$/m);
  assert.match(done.output, /^Left out +1 rows: 1 image$/m);
  const verified = await unis(
    ...[folder.path, "data", "verify", "--data", `food101:${root}`, "--set", "data.validation_samples=2"],
  );
  assert.equal(verified.status, 0, verified.output);
  assert.match(verified.output, /^apple_pie +2 +1 +1$/m);
});

Deno.test("--data says what is wrong with it", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "x.csv");
  Deno.writeTextFileSync(file, "path,title,label\na.jpg,one,x\n");
  const cases: [args: string[], ...parts: string[]][] = [
    [["--data", "food"], '"food"', "food101"],
    [["--data", file], `did you mean "table:${file}"`],
    [["--data", "food101"], "needs a path"],
    [["--data", `features:${file}`], "is no folder of feature matrices"],
    [["--data", `food101:${file}`], "is no folder of UPMC-Food-101"],
    [["--data", "emoji:x"], "takes no path"],
    [
      ["--data", `food101:${folder.path}`],
      "it has none of train.csv, train.jsonl, texts/train_titles.csv, texts_txt",
    ],
    [["--data", `food101:${folder.path}`, "--preset", "emoji-large"], "--preset"],
    [["--data", `n24news:${folder.path}`], "nytimes_train.json"],
    [["--data", `features:${folder.path}`], "1_tr.csv"],
    [["--data", `table:${file}`], "data.image=path"],
    [["--data", `table:${file}`, "--set", "data.text=titel"], 'no column "titel"', "path, title, label"],
    [
      ["--data", `table:${file}`, "--set", "data.modalities.x.sound=title"],
      "data.modalities.x",
      '{"image": COLUMN}',
    ],
    [["--data", `table:${file}`, "--set", "data.modalities.heads.text=title"], '"data.modalities.heads"'],
    [
      ["--data", `table:${file}.txt`, "--set", "data.text=title"],
      "must be a .csv, .tsv, .jsonl, .parquet or .tar file",
    ],
  ];
  for (const [args, ...parts] of cases) {
    const { status, errors } = await unis(folder.path, "train", ...args, "--out", join(folder.path, "run"));
    assert.equal(status, 2, `${args.join(" ")}: ${errors}`);
    for (const part of parts) assert.ok(errors.includes(part), `${args.join(" ")}: ${errors}\nlacks ${part}`);
  }
  const { status, errors } = await unis(folder.path, "data", "verify", "--data", "emoji");
  assert.equal(status, 2);
  assert.match(errors, /nothing to verify/);
});

Deno.test("unis train fine-tunes on Food-101 without its faulty samples, and evaluates without them", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "food101");
  await writeFood101(root, "published", { classes: 3, perClass: 6 });
  await writeEncoders(await openTestGpu(), folder.path, ["apple", "pie", "baby", "back", "ribs"]);
  Deno.removeSync(join(root, "images/train/apple_pie/apple_pie_0.jpg"));
  Deno.writeTextFileSync(join(root, "texts_txt/baklava/baklava_6.txt"), " ");
  const out = join(folder.path, "run");
  const args = [
    ...["train", "--data", `food101:${root}`, "--out", out],
    ...["--image-encoder", join(folder.path, "image"), "--text-encoder", join(folder.path, "text")],
    ...["--set", "data.validation_samples=3", ...SHORT],
  ];
  const refused = await unis(folder.path, ...args);
  assert.equal(refused.status, 2);
  assert.match(refused.errors, /train\.csv, row 2: .*apple_pie_0\.jpg is missing.*--skip-bad/);

  const trained = await unis(folder.path, ...args, "--skip-bad");
  assert.equal(trained.status, 0, trained.errors);
  assert.match(trained.output, /Skipped +2 samples or rows.*skipped\.csv/);
  assert.match(trained.output, /14 training, 3 validation, 5 test; 101 classes/);
  const skipped = readCsv(join(out, "skipped.csv")).map(({ cells }) => cells.slice(0, 4));
  assert.deepEqual(skipped, [
    ["file", "row", "id", "kind"],
    ["train.csv", "2", "apple_pie_0.jpg", "image"],
    ["test.csv", "6", "baklava_6.jpg", "empty text"],
  ]);
  const ids = readCsv(join(out, "predictions.csv")).slice(1).map(({ cells }) => cells[0]);
  assert.deepEqual(ids, [
    "apple_pie_6.jpg",
    "apple_pie_7.jpg",
    "baby_back_ribs_6.jpg",
    "baby_back_ribs_7.jpg",
    "baklava_7.jpg",
  ]);
  const evaluated = await unis(folder.path, "evaluate", out);
  assert.equal(evaluated.status, 0, evaluated.errors);
  assert.match(evaluated.output, /test split, 5 samples/);
});

Deno.test("unis train learns from a table of images, texts and numbers from nothing", async () => {
  using folder = temporaryFolder();
  await writeFood101(folder.path, "titles", { classes: 2, perClass: 8 });
  const rows = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((i) =>
    ["apple_pie", "baby_back_ribs"].map((name) => ({
      key: `${name}-${i}`,
      photo: `images/train/${name}/${name}_${i}.jpg`,
      words: `some ${name}`,
      numbers: [i, name.length],
      kind: name,
    }))
  );
  const file = join(folder.path, "items.jsonl");
  Deno.writeTextFileSync(file, rows.map((row) => JSON.stringify(row) + "\n").join(""));
  const tiny = ["photo", "text"].flatMap((name) => [
    `model.encoders.${name}.hidden_size=8`,
    `model.encoders.${name}.num_hidden_layers=1`,
    `model.encoders.${name}.num_attention_heads=2`,
    `model.encoders.${name}.intermediate_size=16`,
  ]);
  const out = join(folder.path, "run");
  const { status, output, errors } = await unis(
    folder.path,
    ...["train", "--data", `table:${file}`, "--out", out, "--set"],
    ...['data.modalities={"photo":{"image":"photo"},"lab":{"features":"numbers"}}', "data.text=words"],
    ...[
      "data.label=kind",
      "data.id=key",
      "data.image_size=24",
      ...tiny,
      "model.encoders.lab.hidden_size=8",
      ...SHORT,
    ],
  );
  assert.equal(status, 0, errors);
  assert.match(output, /12 training, 2 validation, 2 test; 2 classes/);
  const [header, ...lines] = readCsv(join(out, "predictions.csv")).map(({ cells }) => cells);
  assert.deepEqual(header!.slice(0, 6), ["id", "path", "label", "text_class", "photo_class", "lab_class"]);
  for (const [id, , label] of lines) assert.equal(id!.replace(/-\d$/, ""), label);
});
