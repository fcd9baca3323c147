/**
 * Checks that an export answers as its run does: trains a run of each kind, exports it, gives `predict.py` of the export
 * the raw image files, texts and numbers of the test samples, and compares every probability of every head.
 *
 *     deno run -A scripts/check_export.ts [KIND ...]
 *
 * Nothing is left out: images are transparent in parts and of any size, texts hold words that no training text had and
 * are longer than the model reads. PYTHON names the Python to begin with (python3 if not set); what it lacks is
 * installed into a virtual environment that is removed afterwards. Ends with status 1 where an answer differs.
 */
import { join } from "node:path";
import { encode } from "fast-png";
import { OpenRun } from "../src/app/open_run.ts";
import { openDevice } from "../src/app/open_device.ts";
import { Random } from "../src/base/random.ts";
import { indexSamples } from "../src/build/index_samples.ts";
import { exportRun } from "../src/app/export_run.ts";
import { readBertVocabulary } from "../src/data/text/word_piece.ts";
import { csvCell, readCsv } from "../src/io/csv.ts";
import { formatTable } from "../src/report/table.ts";
import { predict } from "../src/train/evaluation.ts";
import { Learner } from "../src/train/learner.ts";
import { pythonWith, runProgram } from "./python.ts";

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const SCRIPT = new URL("check_export.py", import.meta.url).pathname;
const TOLERANCE = 1e-4;

/** The raw inputs of a sample by modality: the path of an image, a text, or numbers. */
type Raw = Readonly<Record<string, string | readonly number[]>>;

interface Kind {
  /** Arguments of `unis train`; `folder` is empty and theirs. */
  prepare(folder: string, python: string): Promise<string[]>;
  /** The raw inputs of all samples by their ids. */
  raw(folder: string, run: OpenRun): Promise<ReadonlyMap<string, Raw>>;
}

const ITEMS = "items.csv";
const READ = ["data.label=label", "data.split=split", "data.id=id"];
const IMAGES_AND_TEXTS = [
  ...READ,
  "data.image=path",
  "data.text=title",
  "data.max_tokens=12",
  "data.image_size=48",
];

const KINDS: Readonly<Record<string, Kind>> = {
  table: {
    prepare: (folder) => tableArguments(folder, [...IMAGES_AND_TEXTS, "training.epochs=3"]),
    raw: (folder) => tableInputs(folder, ({ path, title }) => ({ image: join(folder, path!), text: title! })),
  },
  features: {
    prepare: (folder) =>
      tableArguments(folder, [
        ...READ,
        "data.text=title",
        'data.modalities={"lab":{"features":["a","b","constant"]}}',
        "training.epochs=3",
      ]),
    raw: (folder) =>
      tableInputs(
        folder,
        ({ title, a, b, constant }) => ({ text: title!, lab: [a, b, constant].map(Number) }),
      ),
  },
  emoji: {
    prepare: () => Promise.resolve(["--epochs", "1"]),
    async raw(_, { run }) {
      const { samples } = await indexSamples(run.config);
      return new Map(samples.map(({ id, inputs }) => [id, inputs as Raw]));
    },
  },
  pretrained: {
    async prepare(folder, python) {
      const [encoder, vocabulary] = [join(folder, "bert"), join(folder, "vocab.txt")];
      await Deno.writeTextFile(vocabulary, (await readBertVocabulary()).join("\n") + "\n");
      await runProgram(python, SCRIPT, encoder, vocabulary);
      const width = ["hidden_size=64", "num_attention_heads=4"].map((one) => `model.encoders.image.${one}`);
      const rates = ["warmup_steps=0", "head_learning_rate=1e-3"].map((one) => `optimizer.${one}`);
      const table = await tableArguments(folder, [
        ...IMAGES_AND_TEXTS,
        ...width,
        ...rates,
        "training.epochs=20",
      ]);
      return ["--text-encoder", encoder, ...table, "optimizer.learning_rates.text=1e-3"];
    },
    raw: (folder) => tableInputs(folder, ({ path, title }) => ({ image: join(folder, path!), text: title! })),
  },
};

const COLOURS = ["red", "green", "blue"];
/** Words of test texts alone, some of which no vocabulary has whole. */
const UNSEEN = ["zebra", "qwertz", "naïve", "東京", "🦓", "x-ray", "1984", "Straße"];

/** Writes a table of 90 samples with transparent images and gives the arguments that train on it. */
async function tableArguments(folder: string, settings: readonly string[]): Promise<string[]> {
  const random = new Random(1);
  const pick = (words: readonly string[]) => words[Math.floor(random.between(0, words.length))]!;
  const rows = [["id", "path", "title", "a", "b", "constant", "label", "split"]];
  for (let i = 0; i < 90; i++) {
    const label = i % 3, split = i < 48 ? "train" : i < 66 ? "validation" : "test";
    const words = [
      pick(["a", "one", "some"]),
      COLOURS[random.uniform() < 0.8 ? label : i % 2]!,
      pick(["dot", "line"]),
    ];
    const more = split === "test" ? Array.from({ length: i % 20 }, () => pick(UNSEEN)) : [];
    const [width, height] = [20 + i % 37, 20 + i % 53];
    const data = Uint8Array.from(
      { length: width * height * 4 },
      (_, at) => at % 4 === 3 ? 255 * random.uniform() : at % 4 === label ? 255 : 200 * random.uniform(),
    );
    const path = `${i}.png`;
    await Deno.writeFile(join(folder, path), encode({ width, height, channels: 4, data }));
    const numbers = [label + random.uniform(), 1000 * random.uniform(), 7].map((value) =>
      value.toPrecision(6)
    );
    rows.push([`s${i}`, path, [...words, ...more].join(" "), ...numbers, COLOURS[label]!, split]);
  }
  await Deno.writeTextFile(
    join(folder, ITEMS),
    rows.map((cells) => cells.map(csvCell).join(",") + "\n").join(""),
  );
  return ["--data", `table:${join(folder, ITEMS)}`, "--set", ...settings];
}

function tableInputs(
  folder: string,
  inputsOf: (row: Record<string, string>) => Raw,
): Promise<Map<string, Raw>> {
  const [header, ...rows] = readCsv(join(folder, ITEMS)).map(({ cells }) => cells);
  const objects = rows.map((cells) => Object.fromEntries(header!.map((name, at) => [name, cells[at]!])));
  return Promise.resolve(new Map(objects.map((row) => [row.id!, inputsOf(row)])));
}

/** What the run itself answers for its test samples: of each, the probabilities of every head. */
async function answersOf({ run, modelData }: OpenRun, opened: Awaited<ReturnType<OpenRun["openData"]>>) {
  const { dataset } = opened;
  const gpu = await openDevice("auto");
  const learner = new Learner(gpu, run.config, dataset);
  try {
    learner.writeWeights(run.checkpoints.loadBest().weights, run.checkpoints.best);
    const { probabilities } = await predict(learner, dataset, "test");
    const classes = modelData.classes.length;
    return Array.from(
      { length: dataset.count("test") },
      (_, row) =>
        new Map(
          [...probabilities].map((
            [head, all],
          ) => [head, [...all.subarray(row * classes, (row + 1) * classes)]]),
        ),
    );
  } finally {
    learner.dispose();
    gpu.destroy();
  }
}

/** What the export answers to raw inputs, in another process that knows nothing of unis. */
async function predictAll(
  python: string,
  exported: string,
  raw: readonly Raw[],
): Promise<Record<string, Record<string, number>>[]> {
  const process = new Deno.Command(python, {
    args: [join(exported, "predict.py")],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  // Read while it is written to: neither pipe holds everything.
  const output = process.output();
  const lines = raw.map((one) => JSON.stringify(one) + "\n").join("");
  await new Blob([lines]).stream().pipeTo(process.stdin);
  const { success, stdout } = await output;
  if (!success) throw new Error(`${exported}/predict.py failed`);
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}

const best = (values: readonly number[]) => values.indexOf(Math.max(...values));

/** One row of the table of results, and whether all is well. */
async function check(name: string, folder: string, python: string): Promise<[string[], boolean]> {
  const [run, exported] = [join(folder, "run"), join(folder, "export")];
  await Deno.mkdir(folder);
  const kind = KINDS[name]!;
  const prepared = await kind.prepare(folder, python);
  await runProgram(Deno.execPath(), "run", "-A", MAIN, "train", "--out", run, ...prepared);
  await exportRun(run, exported);
  const open = await OpenRun.open(run);
  const opened = await open.openData("test", console.warn);
  const own = await answersOf(open, opened);
  const inputs = await kind.raw(folder, open);
  const theirs = await predictAll(
    python,
    exported,
    own.map((_, row) => inputs.get(opened.dataset.id("test", row))!),
  );
  opened.dataset.close?.();
  let largest = 0, differing = 0, answers = 0;
  for (const [row, heads] of own.entries()) {
    for (const [head, probabilities] of heads) {
      const other = Object.values(theirs[row]![head]!);
      if (other.length !== probabilities.length) {
        throw new Error(`${name}: ${head} has ${other.length} probabilities`);
      }
      answers++;
      if (best(other) !== best(probabilities)) differing++;
      for (const [i, p] of probabilities.entries()) largest = Math.max(largest, Math.abs(p - other[i]!));
    }
  }
  const isWell = answers > 0 && differing === 0 && largest <= TOLERANCE;
  return [[name, String(own.length), String(answers), String(differing), largest.toExponential(1)], isWell];
}

const folder = await Deno.makeTempDir({ prefix: "unis-export-" });
try {
  const python = await pythonWith(join(folder, "environment"));
  const names = Deno.args.length > 0 ? Deno.args : Object.keys(KINDS);
  const rows = [["run", "test samples", "answers", "that differ", "largest difference of a probability"]];
  for (const name of names) {
    const [row, isWell] = await check(name, join(folder, name), python);
    rows.push(row);
    if (!isWell) Deno.exitCode = 1;
  }
  console.log(["", ...formatTable(rows)].join("\n"));
} finally {
  await Deno.remove(folder, { recursive: true });
}
