// A trained run answers for new samples as its evaluation does, whatever shares their batch.
import assert from "node:assert/strict";
import { join } from "node:path";
import { encode } from "fast-png";
import { exportRun } from "../../src/app/export_run.ts";
import { answerRows } from "../../src/app/predict/answers.ts";
import { EmbeddingsFile } from "../../src/app/predict/embeddings.ts";
import { Explanations } from "../../src/app/predict/explanations.ts";
import { PendingFile } from "../../src/app/predict/pending_file.ts";
import { predictRows } from "../../src/app/predict/predict_rows.ts";
import type { GrowingBatch, PreparedSample } from "../../src/app/predict/growing_batch.ts";
import { uncounted } from "../../src/app/predict/labelled_answers.ts";
import { InputReader } from "../../src/app/predict/inputs.ts";
import { predictTable, type PredictTableOptions } from "../../src/app/predict/predict_table.ts";
import { PredictSession } from "../../src/app/predict/session.ts";
import { answerWriter, type OutputFormat } from "../../src/app/predict/writers.ts";
import { Random } from "../../src/base/random.ts";
import { UserError } from "../../src/base/user_error.ts";
import type { Batch } from "../../src/data/batch.ts";
import type { StreamedRow } from "../../src/data/readers/table_format.ts";
import { readCsv } from "../../src/io/csv.ts";
import { readJsonObject } from "../../src/io/json_file.ts";
import { openSafetensors } from "../../src/io/safetensors.ts";
import { type Temperatures, withTemperature } from "../../src/metrics/calibration.ts";
import { fill } from "../../src/ops/fill.ts";
import type { Predictor } from "../../src/train/predictor.ts";
import { openTestGpu } from "../open_gpu.ts";
import { withVariables } from "../variables.ts";
import { evaluateRun, SMALL_OF_ALL, type Table, trainOnTable, writeTable } from "./small_runs.ts";

const folder = Deno.makeTempDirSync({ prefix: "unis-predict-" });
const variables = withVariables({ UNIS_CACHE_DIR: join(folder, "cache") });
const gpu = await openTestGpu();
const BACKGROUND = "#204060";
const COLOURS = ["red", "green", "blue"];

/** Rows of a picture, a text, two numbers, a class and a split. */
const rows = Array.from({ length: 48 }, (_, i) => {
  const [width, height] = [8 + i % 5, 8 + i % 7];
  const random = new Random(i);
  const data = Uint8Array.from({ length: width * height * 4 }, () => 255 * random.uniform());
  Deno.writeFileSync(join(folder, `${i}.png`), encode({ width, height, channels: 4, data }));
  const split = i % 4 === 0 ? "test" : i % 4 === 1 ? "validation" : "train";
  const words = `${COLOURS[i % 3]} thing ${"more ".repeat(i % 9)}`;
  return [`s${i}`, `${i}.png`, words, String(i % 3), String(random.uniform()), COLOURS[i % 3]!, split];
});
const HEADER = ["name", "path", "title", "a", "b", "label", "split"];
writeTable(join(folder, "items.csv"), [HEADER, ...rows]);
const run = await trainOnTable(gpu, folder, [
  ...SMALL_OF_ALL,
  "data.id=name",
  `data.background=${BACKGROUND}`,
]);
const session = await PredictSession.begin(run, "auto");
const own = await evaluateRun(gpu, run);
variables[Symbol.dispose]();
Deno.test.afterAll(() => {
  session[Symbol.dispose]();
  Deno.removeSync(folder, { recursive: true });
});

function tableOf(name: string, table: Table): string {
  const path = join(folder, name);
  writeTable(path, table);
  return path;
}

/** What is printed for a table. */
async function printed(
  path: string,
  format: OutputFormat,
  options: Partial<PredictTableOptions> & { all?: boolean; top?: number } = {},
) {
  const parts: string[] = [];
  const { all = false, top = 1, ...rest } = options;
  const found = await predictTable(session, path, {
    skipBad: false,
    writer: answerWriter(format, { classes: session.classes, top, all }),
    print: (text) => parts.push(text),
    ...rest,
  });
  return { text: parts.join(""), ...found };
}

const refuses = (...parts: RegExp[]) => (error: unknown) =>
  error instanceof UserError && parts.every((part) => part.test(error.message));

Deno.test("predict gives the probabilities of evaluate for the same samples, without labels and splits", async () => {
  const test = rows.filter((row) => row[6] === "test");
  const path = tableOf("new.csv", [HEADER.slice(0, 5), ...test.map((row) => row.slice(0, 5))]);
  const { text, evaluation, rows: count } = await printed(path, "jsonl", { all: true, top: 3 });
  assert.equal(count, test.length);
  assert.equal(evaluation, undefined);
  const expected = new Map<string, number[]>(JSON.parse(own.numbers)[1]);
  for (const [i, line] of text.trim().split("\n").entries()) {
    const { name, predictions, probabilities } = JSON.parse(line);
    assert.equal(name, test[i]![0], "the row's own columns are kept");
    for (const [head, all] of expected) {
      const given = session.classes.map((one) => probabilities[head][one]);
      assert.deepEqual(given, all.slice(3 * i, 3 * i + 3), "bit for bit");
      const best = given.indexOf(Math.max(...given));
      assert.deepEqual(predictions[head][0], { class: session.classes[best], probability: given[best] });
    }
  }
});

Deno.test("a head with a temperature gives calibrated probabilities, and the measures are still of its own", async () => {
  const test = rows.filter((row) => row[6] === "test");
  const path = tableOf("calibrated.csv", [HEADER, ...test]);
  const lines = async (temperatures: Temperatures) => {
    const { text, evaluation } = await printed(path, "jsonl", { all: true, temperatures });
    return { evaluation, answers: text.trim().split("\n").map((line) => JSON.parse(line)) };
  };
  const [raw, calibrated] = [await lines({}), await lines({ fusion: 2 })];
  assert.deepEqual(calibrated.evaluation, raw.evaluation);
  for (const [i, { predictions, probabilities }] of calibrated.answers.entries()) {
    const own = raw.answers[i]!;
    assert.deepEqual(probabilities.text, own.probabilities.text);
    assert.equal(predictions.fusion[0].class, own.predictions.fusion[0].class);
    const before: number[] = Object.values(own.probabilities.fusion);
    const expected = withTemperature(Float64Array.from(before), before.length, 2);
    assert.deepEqual(Object.values(probabilities.fusion), [...expected]);
    assert.ok(predictions.fusion[0].probability < own.predictions.fusion[0].probability);
  }
});

Deno.test("the answer to a sample has the same bits whatever shares its batch", async () => {
  const path = tableOf("all.csv", [HEADER.slice(0, 5), ...rows.map((row) => row.slice(0, 5))]);
  const reference = await printed(path, "jsonl", { all: true });
  const answers = new Map(reference.text.trim().split("\n").map((line) => [JSON.parse(line).name, line]));
  for (const batchSize of [1, 2, 7, 32]) {
    const shuffled = [...rows];
    new Random(batchSize).shuffle(shuffled);
    const mixed = tableOf("mixed.csv", [HEADER.slice(0, 5), ...shuffled.map((row) => row.slice(0, 5))]);
    const { text } = await printed(mixed, "jsonl", { all: true, batchSize });
    for (const line of text.trim().split("\n")) {
      assert.equal(line, answers.get(JSON.parse(line).name), `batches of ${batchSize}`);
    }
  }
});

Deno.test("what lies under transparent pixels is kept with the run, and in its exports", async () => {
  const solid = (name: string, alpha: number, colour: readonly number[]) => {
    const data = Uint8Array.from({ length: 6 * 6 * 4 }, (_, i) => i % 4 === 3 ? alpha : colour[i % 4]!);
    Deno.writeFileSync(join(folder, name), encode({ width: 6, height: 6, channels: 4, data }));
    return [name, name, "red thing", "1", "0.5"];
  };
  const table = [
    solid("clear.png", 0, [9, 200, 3]),
    solid("own.png", 255, [0x20, 0x40, 0x60]),
    solid("white.png", 255, [255, 255, 255]),
  ];
  const { text } = await printed(tableOf("solid.csv", [HEADER.slice(0, 5), ...table]), "jsonl", {
    all: true,
  });
  const [clear, own, white] = text.trim().split("\n").map((line) => JSON.parse(line).probabilities);
  assert.deepEqual(clear, own);
  assert.notDeepEqual(clear, white);
  const kept = readJsonObject(join(run, "preprocessing/preprocessing.json")) as {
    modalities: { background?: string }[];
  };
  assert.equal(kept.modalities[0]!.background, BACKGROUND);
  await exportRun(run, join(folder, "onnx"), { format: "onnx" });
  const { inputs } = readJsonObject(join(folder, "onnx/preprocessing.json")) as {
    inputs: { image: { background: string } };
  };
  assert.equal(inputs.image.background, BACKGROUND);
  await exportRun(run, join(folder, "transformers"));
  assert.deepEqual(readJsonObject(join(folder, "transformers/heads.json")).background, { image: BACKGROUND });
  assert.match(
    Deno.readTextFileSync(join(folder, "transformers/README.md")),
    /laid over #204060 where it is transparent/,
  );
});

Deno.test("images of a table may lie in another folder, or in one that is allowed, and nowhere else", async () => {
  const elsewhere = join(folder, "elsewhere");
  Deno.mkdirSync(join(elsewhere, "pictures"), { recursive: true });
  Deno.mkdirSync(join(folder, "tables"), { recursive: true });
  Deno.copyFileSync(join(folder, "0.png"), join(elsewhere, "pictures/0.png"));
  const rest = rows[0]!.slice(2, 5);
  const tableWith = (image: string) =>
    tableOf(`tables/${crypto.randomUUID()}.csv`, [HEADER.slice(1, 5), [image, ...rest]]);
  const [inner, whole] = ["pictures/0.png", join(elsewhere, "pictures/0.png")];
  const reference = await printed(tableOf("first.csv", [HEADER.slice(1, 5), ["0.png", ...rest]]), "jsonl", {
    all: true,
  });
  const probabilities = JSON.parse(reference.text).probabilities;
  for (
    const [image, options] of [[inner, { images: elsewhere }], [whole, { images: elsewhere }], [whole, {
      roots: [elsewhere],
    }]] as const
  ) {
    const { text } = await printed(tableWith(image), "jsonl", { all: true, ...options });
    assert.deepEqual(JSON.parse(text).probabilities, probabilities);
  }
  await assert.rejects(
    printed(tableWith(whole), "jsonl"),
    refuses(/is outside of .*tables; to allow .*: --roots .*pictures; /),
  );
  Deno.symlinkSync(whole, join(folder, "tables/link.png"));
  await assert.rejects(
    printed(tableWith("link.png"), "jsonl"),
    refuses(/row 2.*link\.png is a link to .*: --roots .*pictures; /),
  );
});

function pixelsOf(sample: PreparedSample): Uint8Array[] {
  return Object.values(sample).flatMap((one) => "pixels" in one! ? [one.pixels] : []);
}

Deno.test("images are released as they come into their batch, and the arrays of a batch once the device has them", async () => {
  using reader = new InputReader(session.modalities, session.columns(), (path) => join(folder, path));
  const samples: PreparedSample[] = [];
  const batches: Batch[] = [];
  const watched = {
    prepare: (values: StreamedRow["values"]) => reader.prepare(values),
    grow(size: number) {
      const growing = reader.grow(size);
      return {
        put(row: number, sample: PreparedSample) {
          growing.put(row, sample);
          samples.push(sample);
          assert.ok(pixelsOf(sample).every(({ byteLength }) => byteLength === 0));
        },
        finish(own: readonly number[]) {
          batches.push(growing.finish(own));
          return batches.at(-1)!;
        },
      } as GrowingBatch;
    },
  } as unknown as InputReader;
  async function* some() {
    for (const [i, cells] of rows.slice(0, 7).entries()) {
      const values = Object.fromEntries(HEADER.map((name, k) => [name, cells[k]]));
      yield await Promise.resolve({ line: i + 2, values });
    }
  }
  let answers = 0;
  const options = { batchSize: 3, refused: () => {} };
  for await (const _ of answerRows(session.model, watched, some(), options)) answers++;
  assert.deepEqual([answers, samples.length, batches.length], [7, 7, 3]);
  const arrays = [
    ...samples.flatMap(pixelsOf),
    ...batches.flatMap((batch) =>
      Object.values(batch.modalities).flatMap((one) => Object.values(one).filter(ArrayBuffer.isView))
    ),
  ];
  assert.ok(arrays.length >= 7 + 3 * 4);
  assert.ok(arrays.every(({ byteLength }) => byteLength === 0));
});

Deno.test("labels, where there are any, give the measures of evaluate; unknown ones are counted", async () => {
  const test = rows.filter((row) => row[6] === "test");
  const { evaluation } = await printed(tableOf("labelled.csv", [HEADER, ...test]), "csv");
  const { split: _, ...measures } = evaluation!;
  const { split: __, ...expected } = own.evaluation;
  assert.deepEqual(measures, expected);
  const odd = test.map((row, i) => i === 0 ? row.with(5, "purple") : row);
  const found = await printed(tableOf("odd.csv", [HEADER, ...odd]), "csv");
  assert.equal(found.unknownLabels, 1);
  const told = ["Rows without a label that the run knows, which are not counted: 1"];
  assert.deepEqual([uncounted(found.unknownLabels), uncounted(0)], [told, []]);
  assert.equal(found.evaluation!.samples, test.length - 1);
});

Deno.test("rows that cannot be used end it where they stand, however many follow", async () => {
  let read = 0;
  async function* endless() {
    while (true) {
      // Whoever reads on for ever shall fail rather than hang.
      assert.ok(read < 1000, "rows are read beyond the first that cannot be used");
      yield { line: read++ + 2, values: { path: "none.png", title: "", a: "1", b: "2" } };
      await Promise.resolve();
    }
  }
  using reader = new InputReader(session.modalities, session.columns({}), (path) => join(folder, path));
  const options = {
    source: "endless.csv",
    batchSize: 4,
    skipBad: false,
    writer: answerWriter("csv", { classes: session.classes, top: 1, all: false }),
    print: () => assert.fail("something is printed"),
  };
  await assert.rejects(predictRows(session, reader, endless(), options), refuses(/^endless\.csv, row 2: /));
});

Deno.test("rows that cannot be used are named; nothing is printed unless they are skipped", async () => {
  const bad: Table = [
    ["s0", "none.png", "red thing", "1", "2"],
    ["s1", "1.png", "red thing", "one", "2"],
    ["s2", "2.png", "red thing", "1"],
  ];
  const good = rows.slice(0, 3).map((row) => row.slice(0, 5));
  const path = tableOf("bad.csv", [HEADER.slice(0, 5), good[0]!, ...bad, ...good.slice(1)]);
  const target = join(folder, "out.csv");
  {
    using file = new PendingFile(target);
    await assert.rejects(
      printed(path, "csv", { print: (text) => file.write(text) }),
      refuses(
        /^bad\.csv, row 3: .*none\.png is missing \(and 2 more near it\); --skip-bad leaves such rows out$/,
      ),
    );
  }
  assert.throws(() => Deno.statSync(target), Deno.errors.NotFound);
  const { rows: count, refused, text } = await printed(path, "csv", { skipBad: true });
  assert.equal(count, 3);
  assert.deepEqual(refused.map((line) => line.replace(/: .*none/, ": none")), [
    "bad.csv, row 3: none.png is missing",
    'bad.csv, row 4: number 1 is "one"',
    "bad.csv, row 5: has 4 cells, the header has 5",
  ]);
  assert.equal(text.trim().split("\n").length, 4);
  await assert.rejects(
    printed(tableOf("short.csv", [["path", "a", "b"], ["1.png", "1", "2"]]), "csv"),
    refuses(/short\.csv, row 2: has no "title" for the modality "text"; it has path, a, b/),
  );
  assert.throws(() => session.columns({ photo: "path" }), refuses(/reads no "photo", but image, text, lab/));
});

Deno.test("a row whose numbers overflow in the model is named and has no answer", async () => {
  const { model, classes } = session;
  const overflowing = {
    gpu: model.gpu,
    config: model.config,
    classes: model.classes,
    answer: (batch: Batch) => {
      const answer = model.answer(batch);
      fill(answer.logits.fusion!, Infinity);
      return answer;
    },
  } as unknown as Predictor;
  using reader = new InputReader(session.modalities, session.columns({}), (path) => join(folder, path));
  const predicted = (skipBad: boolean) =>
    predictRows({ model: overflowing, classes } as unknown as PredictSession, reader, one(), {
      source: "far.csv",
      batchSize: 4,
      skipBad,
      writer: answerWriter("csv", { classes, top: 1, all: false }),
      print: () => {},
    });
  async function* one(): AsyncGenerator<StreamedRow> {
    await Promise.resolve();
    yield { line: 2, values: { path: "1.png", title: "red", a: "1", b: "2" } };
  }
  await assert.rejects(
    predicted(false),
    refuses(/^far\.csv, row 2: the model's numbers overflow, so fusion cannot say anything; --skip-bad/),
  );
  const { rows: count, refused } = await predicted(true);
  assert.deepEqual([count, refused.length], [0, 1]);
});

Deno.test("CSV keeps the columns, has the likeliest classes, and nothing that a spreadsheet would run", async () => {
  const path = tableOf("formulas.csv", [
    ["path", "title", "a", "b", "=note"],
    ["1.png", '=HYPERLINK("x")', "-1", "+2", "@home"],
  ]);
  const { text } = await printed(path, "csv", { top: 2, all: true });
  Deno.writeTextFileSync(path, text);
  const [header, row] = readCsv(path).map(({ cells }) => cells);
  const heads = ["image", "text", "lab", "fusion"];
  assert.deepEqual(header, [
    ...["path", "title", "a", "b", "'=note"],
    ...heads.flatMap((head) => [`${head}_class`, `${head}_p`, `${head}_class_2`, `${head}_p_2`]),
    ...heads.flatMap((head) => session.classes.map((name) => `${head}_p(${name})`)),
  ]);
  assert.deepEqual(row!.slice(0, 5), ["1.png", '\'=HYPERLINK("x")', "-1", "+2", "'@home"]);
  const shares = row!.slice(-3).map(Number);
  assert.ok(Math.abs(shares.reduce((sum, p) => sum + p, 0) - 1) < 1e-5);
  assert.equal(
    row![header!.indexOf("fusion_p")],
    row![header!.indexOf(`fusion_p(${row![header!.indexOf("fusion_class")]})`)],
  );
});

Deno.test("answers are explained: shares of modalities sum to the probability, weights of words and patches to one", async () => {
  const path = tableOf("why.csv", [HEADER, ...rows.slice(0, 9)]);
  const temperatures = { fusion: 2 };
  const plain = await printed(path, "jsonl", { all: true, temperatures });
  const options = {
    all: true,
    temperatures,
    explanations: new Explanations(session.explainer(temperatures)),
  };
  const { text } = await printed(path, "jsonl", options);
  const lines = (text: string) => text.trim().split("\n").map((line) => JSON.parse(line));
  const expected = lines(plain.text);
  for (const [i, { explanation, ...answer }] of lines(text).entries()) {
    assert.deepEqual(answer, expected[i], "the answers are the same");
    const { head, class: answered, base, shares, tokens, patches } = explanation;
    assert.deepEqual([head, answered], ["fusion", answer.predictions.fusion[0].class]);
    assert.deepEqual(Object.keys(shares), ["image", "text", "lab"]);
    const sum = Object.values<number>(shares).reduce((a, b) => a + b, base);
    assert.ok(Math.abs(sum - answer.predictions.fusion[0].probability) < 1e-6);
    assert.deepEqual(
      tokens.text.map(({ token }: { token: string }) => token),
      answer.title.trim().split(" "),
    );
    const { rows, columns, weights } = patches.image;
    assert.deepEqual([rows, columns, weights.length], [2, 2, 4]);
    for (const own of [weights, tokens.text.map(({ weight }: { weight: number }) => weight)]) {
      assert.ok(Math.abs(own.reduce((a: number, b: number) => a + b) - 1) < 1e-3);
    }
  }
  assert.ok(new Set(lines(text).map(({ explanation }) => explanation.shares.text)).size > 3);
  const table = await printed(path, "table", options);
  assert.match(table.text, /why\n[\s\S]*image [+−]\.\d\d, text [+−]\.\d\d, lab [+−]\.\d\d; \w+/);
});

Deno.test("embeddings are the representations of each encoder and all of them, with ids", async () => {
  const path = tableOf("some.csv", [HEADER, ...rows.slice(0, 10)]);
  const write = async (name: string) => {
    using embeddings = new EmbeddingsFile(join(folder, name));
    await printed(path, "csv", { embeddings });
    return embeddings.finish();
  };
  const [safetensors, ids] = await write("e.safetensors");
  assert.deepEqual(Deno.readTextFileSync(ids!).trim().split("\n"), rows.slice(0, 10).map(([name]) => name));
  using file = openSafetensors(safetensors!);
  assert.deepEqual(
    Object.fromEntries(Array.from(file.tensors, ([name, { shape }]) => [name, shape])),
    { image: [10, 8], text: [10, 8], lab: [10, 8], fusion: [10, 24] },
  );
  const fused = file.readFloat32("fusion");
  for (const [at, name] of ["image", "text", "lab"].entries()) {
    const vectors = file.readFloat32(name);
    for (let row = 0; row < 10; row++) {
      assert.deepEqual(
        fused.subarray(24 * row + 8 * at, 24 * row + 8 * at + 8),
        vectors.subarray(8 * row, 8 * row + 8),
      );
    }
  }
  const written = await write("e.npy");
  assert.deepEqual(written.map((one) => one.slice(folder.length + 1)), [
    "e.image.npy",
    "e.text.npy",
    "e.lab.npy",
    "e.fusion.npy",
    "e.ids.txt",
  ]);
  const bytes = Deno.readFileSync(written[3]!);
  const length = 10 + bytes[8]! + 256 * bytes[9]!;
  assert.equal(length % 64, 0);
  assert.deepEqual([...bytes.subarray(0, 8)], [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0]);
  assert.equal(
    new TextDecoder().decode(bytes.subarray(10, length)).trimEnd(),
    "{'descr': '<f4', 'fortran_order': False, 'shape': (10, 24), }",
  );
  assert.deepEqual(new Float32Array(bytes.slice(length).buffer), fused);
  assert.throws(() => new EmbeddingsFile("e.txt"), refuses(/takes a \.safetensors or \.npy file/));
});

Deno.test("a stream without an end is answered as it comes, and stops when asked", async () => {
  async function* endless(): AsyncGenerator<StreamedRow> {
    for (let line = 1;; line++) {
      yield await Promise.resolve({ line, values: { title: "red thing", path: "1.png", a: 1, b: 2 } });
    }
  }
  using reader = new InputReader(session.modalities, session.columns(), (path) => join(folder, path));
  const controller = new AbortController();
  const writer = answerWriter("csv", { classes: session.classes, top: 1, all: false });
  const options = {
    source: "x",
    batchSize: 16,
    skipBad: false,
    writer,
    print: () => {},
    signal: controller.signal,
  };
  const live = session.gpu.memory.live;
  await assert.rejects(
    predictRows(session, reader, endless(), {
      ...options,
      progress: (count) => {
        if (count > 300) controller.abort();
      },
    }),
    /Interrupted/,
  );
  assert.equal(session.gpu.memory.live, live, "nothing stays on the device");
});
