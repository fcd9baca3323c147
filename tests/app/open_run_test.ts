// What a run keeps of its data, and how it is opened again when the data changed.
import assert from "node:assert/strict";
import { join } from "node:path";
import { encode } from "fast-png";
import { OpenRun } from "../../src/app/open_run.ts";
import { UserError } from "../../src/base/user_error.ts";
import { readCsv } from "../../src/io/csv.ts";
import { readJsonObject, writeJsonFile } from "../../src/io/json_file.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { openTestGpu } from "../open_gpu.ts";
import { SUMS } from "../../src/runs/run_files.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { withVariables } from "../variables.ts";
import { evaluateRun, resume, SMALL_TEXT, type Table, trainOnTable, writeTable } from "./small_runs.ts";

const gpu = await openTestGpu();
const COLOURS = ["red", "green", "blue"];
const TEXT_ALONE = [...SMALL_TEXT, "method=text"];

/** Rows without ids and, unless asked for, without splits: these are drawn. */
function table(withSplits = false): Table {
  const rows = Array.from({ length: 60 }, (_, i) => [
    `${COLOURS[i % 3]} thing ${i}`,
    COLOURS[i % 3]!,
    ...(withSplits ? [i % 5 === 0 ? "test" : i % 5 === 1 ? "validation" : "train"] : []),
  ]);
  return [["title", "label", ...(withSplits ? ["split"] : [])], ...rows];
}

const says = (...parts: RegExp[]) => (error: unknown) =>
  error instanceof UserError && parts.every((part) => part.test(error.message));

Deno.test("drawn splits, vocabulary and classes are the run's: correcting one label changes no other sample", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "items.csv");
  writeTable(file, table());
  const run = await trainOnTable(gpu, folder.path, TEXT_ALONE);
  const before = await evaluateRun(gpu, run);
  const samples = readCsv(join(run, "preprocessing", "samples.csv")).slice(1).map(({ cells }) => cells);
  const rowIn = (split: string) => samples.find((cells) => cells[1] === split)!;
  // The id is the line: from 2 on.
  const corrected = (line: string) => {
    const rows = table();
    const row = rows[Number(line) - 1]!;
    row[1] = COLOURS[(COLOURS.indexOf(row[1]!) + 1) % 3]!;
    writeTable(file, rows);
  };
  corrected(rowIn("train")[0]!);
  const trained = await evaluateRun(gpu, run);
  assert.equal(trained.numbers, before.numbers);
  assert.match(
    trained.notes.join("\n"),
    /^The train split changed since training: of its samples 1 is different, 41 are the same \(first: items\.csv, row \d+: its label was "\w+" and is "\w+"\)$/,
  );
  corrected(rowIn("test")[0]!);
  const tested = await evaluateRun(gpu, run);
  assert.match(tested.notes.join("\n"), /^The test split changed.* 1 is different, 8 are the same/);
  assert.notEqual(tested.numbers, before.numbers);
  const added = [...table(), ["a purple thing", "red"]];
  writeTable(file, added);
  const grown = await evaluateRun(gpu, run);
  assert.equal(grown.numbers, before.numbers, "a new row has no split of the run and is for training");
  assert.match(grown.notes.join("\n"), /^The train split changed.* 1 is new, 42 are the same/);
});

Deno.test("a class that is renamed, new or gone is named; evaluation refuses what the run cannot know", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "items.csv");
  writeTable(file, table(true));
  const run = await trainOnTable(gpu, folder.path, [...TEXT_ALONE, "data.split=split"]);
  const before = await evaluateRun(gpu, run);
  const renamed = (from: string, to: string, split = "") =>
    writeTable(
      file,
      table(true).map((
        [title, label, own],
      ) => [title!, label === from && own!.includes(split) ? to : label!, own!]),
    );
  renamed("red", "crimson");
  await assert.rejects(
    evaluateRun(gpu, run),
    says(
      /knows no class "crimson", which 4 samples of the test split have \(first: items\.csv, row 2\)/,
      /classes are blue, green, red: was one renamed\?/,
    ),
  );
  renamed("red", "crimson", "train");
  const trained = await evaluateRun(gpu, run);
  assert.equal(trained.numbers, before.numbers);
  assert.match(trained.notes.join("\n"), /The class "crimson" is new; the run does not know it/);
  renamed("red", "green");
  const merged = await evaluateRun(gpu, run);
  assert.match(merged.notes.join("\n"), /The class "red" has no samples any more/);
});

Deno.test("--resume refuses changed data by row; accepted, the run goes on and owns them", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "items.csv");
  writeTable(file, table(true));
  const run = await trainOnTable(gpu, folder.path, [...TEXT_ALONE, "data.split=split"]);
  const { epochs } = RunFolder.open(run).config.training;
  const rows = table(true);
  rows[3]![0] = "another text altogether";
  writeTable(file, rows);
  await assert.rejects(
    resume(gpu, run, 3),
    says(
      /are not those it was trained on\. The train split changed/,
      /Rows: items\.csv, row 4: its inputs changed\. Restore them, or go on with --accept-changed-data/,
    ),
  );
  assert.equal(RunFolder.open(run).config.training.epochs, epochs, "what was refused has changed nothing");
  const notes = await resume(gpu, run, 3, true);
  assert.match(notes.join("\n"), /The train split changed/);
  assert.deepEqual(
    await resume(gpu, run, 4).then((lines) => lines.filter((line) => /changed/.test(line))),
    [],
  );
  assert.deepEqual((await evaluateRun(gpu, run)).notes, []);
});

Deno.test("images are known by their bytes, not by their names", async () => {
  using folder = temporaryFolder();
  const image = (path: string, grey: number) =>
    Deno.writeFileSync(
      join(folder.path, path),
      encode({ width: 8, height: 8, channels: 3, data: new Uint8Array(192).fill(grey) }),
    );
  Deno.mkdirSync(join(folder.path, "img"));
  const rows: Table = [["path", "label", "split"]];
  for (let i = 0; i < 30; i++) {
    image(`img/${i}.png`, 8 * i);
    rows.push([
      `img/${i}.png`,
      i < 15 ? "dark" : "light",
      i % 3 === 0 ? "test" : i % 3 === 1 ? "validation" : "train",
    ]);
  }
  const file = join(folder.path, "items.csv");
  writeTable(file, rows);
  using _ = withVariables({ UNIS_CACHE_DIR: join(folder.path, "cache") });
  const run = await trainOnTable(gpu, folder.path, [
    "data.image=path",
    "data.label=label",
    "data.split=split",
    "method=image",
    "data.image_size=8",
    "training.epochs=1",
    "training.batch=10",
    "training.micro_batch=10",
    "optimizer.warmup_steps=0",
    ...[
      "hidden_size=8",
      "num_hidden_layers=1",
      "intermediate_size=8",
      "num_attention_heads=2",
      "patch_size=4",
    ].map((one) => `model.encoders.image.${one}`),
  ]);
  const before = await evaluateRun(gpu, run);
  Deno.renameSync(join(folder.path, "img"), join(folder.path, "photos"));
  writeTable(file, rows.map(([path, ...rest]) => [path!.replace("img/", "photos/"), ...rest]));
  const moved = await evaluateRun(gpu, run);
  assert.deepEqual([moved.notes, moved.numbers], [[], before.numbers]);
  image("photos/3.png", 255);
  const edited = await evaluateRun(gpu, run);
  assert.match(
    edited.notes.join("\n"),
    /^The test split changed.* 1 is different, 9 are the same \(first: items\.csv, row 5: its inputs changed\)$/,
  );
  Deno.removeSync(join(folder.path, "photos/4.png"));
  const gone = await evaluateRun(gpu, run);
  assert.match(
    gone.notes.join("\n"),
    /1 rows of the data set cannot be read any more \(first: items\.csv, row 6: /,
  );
});

Deno.test("a run that was damaged, or made by another version, says so in one line", async () => {
  using folder = temporaryFolder();
  writeTable(join(folder.path, "items.csv"), table(true));
  const run = await trainOnTable(gpu, folder.path, [...TEXT_ALONE, "data.split=split"]);
  const kept = join(run, "preprocessing", "preprocessing.json"),
    samples = join(run, "preprocessing", "samples.csv");
  const whole = readJsonObject(kept), text = Deno.readTextFileSync(samples);
  const cases: [string, () => void, RegExp][] = [
    [
      "a label in samples.csv",
      () => Deno.writeTextFileSync(samples, text.replace(",train,red,", ",train,blue,")),
      /samples\.csv beside it has other train samples; one of them was changed/,
    ],
    [
      "the header of samples.csv",
      () => Deno.writeTextFileSync(samples, text.replace("digest", "sum")),
      /its first line must be id,split,class,digest/,
    ],
    [
      "a newer version",
      () => writeJsonFile(kept, { ...whole, version: 99 }),
      /was made by a newer unis \(0\.1\.0\)/,
    ],
    [
      "a key that is missing",
      () => writeJsonFile(kept, { ...whole, classes: undefined }),
      /preprocessing\.json: classes: /,
    ],
    [
      "none at all",
      () => Deno.removeSync(kept),
      /keeps nothing of what it learned from .* as runs of unis before 0\.2 do: train it anew/,
    ],
  ];
  const list = join(run, SUMS), sums = Deno.readTextFileSync(list);
  for (const [what, damage, message] of cases) {
    damage();
    await assert.rejects(OpenRun.open(run), says(/preprocessing.* (is damaged|is gone).*SHA256SUMS/), what);
    // Taken as it is, it is looked at closely.
    Deno.writeTextFileSync(list, "");
    await assert.rejects(OpenRun.open(run), says(message), what);
    Deno.writeTextFileSync(samples, text);
    writeJsonFile(kept, whole);
    Deno.writeTextFileSync(list, sums);
  }
  assert.equal((await OpenRun.open(run)).kept.samples.length, 60);
});
