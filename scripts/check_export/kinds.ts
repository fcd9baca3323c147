/** The kinds of runs whose exports are checked, small ones of every kind of input and encoder. */
import { join } from "node:path";
import { encode } from "fast-png";
import type { OpenRun } from "../../src/app/open_run.ts";
import { Random } from "../../src/base/random.ts";
import { indexSamples } from "../../src/build/index_samples.ts";
import { readBertVocabulary } from "../../src/data/text/word_piece.ts";
import { csvCell, readCsv } from "../../src/io/csv.ts";
import { runProgram } from "../python.ts";

/** The raw inputs of a sample by modality: the path of an image, a text, or numbers. */
export type Raw = Readonly<Record<string, string | readonly (number | string | null)[]>>;

export interface Kind {
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

export const KINDS: Readonly<Record<string, Kind>> = {
  table: {
    prepare: (folder) => tableArguments(folder, [...IMAGES_AND_TEXTS, "training.epochs=3"]),
    raw: imagesAndTexts,
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
  cells: {
    prepare: (folder) =>
      tableArguments(folder, [
        ...READ,
        "data.text=title",
        'data.modalities={"lab":{"features":["a","gap","shape"]}}',
        'data.categories=["shape"]',
        "data.missing_numbers=mean",
        "training.epochs=3",
      ]),
    raw: (folder) =>
      tableInputs(folder, ({ title, a, gap, shape }) => ({
        text: title!,
        lab: [Number(a), gap === "" ? null : Number(gap), shape!],
      })),
  },
  labels: {
    prepare: (folder) =>
      tableArguments(folder, [
        ...READ.slice(1),
        "data.task=multi_label",
        "data.label=tags",
        "data.text=title",
        'data.modalities={"lab":{"features":["a","b"]}}',
        "training.epochs=5",
      ]),
    raw: textsAndNumbers,
  },
  numbers: {
    prepare: (folder) =>
      tableArguments(folder, [
        ...READ.slice(1),
        "data.task=regression",
        "data.label=price",
        "data.text=title",
        'data.modalities={"lab":{"features":["a","b"]}}',
        "training.epochs=5",
      ]),
    raw: textsAndNumbers,
  },
  emoji: {
    prepare: () => Promise.resolve(["--epochs", "1"]),
    async raw(_, { run }) {
      const { samples } = await indexSamples(run.config);
      return new Map(samples.map(({ id, inputs }) => [id, inputs as Raw]));
    },
  },
  pretrained: {
    prepare: (folder, python) => pretrained(folder, python, "text", "bert", () => bertVocabulary(folder)),
    raw: imagesAndTexts,
  },
  distilbert: {
    prepare: (folder, python) =>
      pretrained(folder, python, "text", "distilbert", () => bertVocabulary(folder), [POOLED_BY_MEAN]),
    raw: imagesAndTexts,
  },
  electra: {
    prepare: (folder, python) => pretrained(folder, python, "text", "electra", () => bertVocabulary(folder)),
    raw: imagesAndTexts,
  },
  mpnet: {
    prepare: (folder, python) =>
      pretrained(
        folder,
        python,
        "text",
        "mpnet",
        () => bertVocabulary(folder, ["<s>", "<pad>", "</s>", "<unk>"], ["<mask>"]),
        [POOLED_BY_MEAN],
      ),
    raw: imagesAndTexts,
  },
  "xlm-roberta": {
    prepare: (folder, python) =>
      pretrained(
        folder,
        python,
        "text",
        "xlm-roberta",
        () => Promise.resolve([join(TOKENIZERS, "xlm_roberta/sentencepiece.bpe.model")]),
        ["model.encoders.text.pooling=pooler"],
      ),
    raw: imagesAndTexts,
  },
  deberta: {
    prepare: (folder, python) =>
      pretrained(
        folder,
        python,
        "text",
        "deberta",
        () => Promise.resolve([join(TOKENIZERS, "deberta/spm.model")]),
      ),
    raw: imagesAndTexts,
  },
  "clip-text": {
    prepare: (folder, python) =>
      pretrained(
        folder,
        python,
        "text",
        "clip-text",
        () => Promise.resolve(["vocab.json", "merges.txt"].map((name) => join(TOKENIZERS, "clip", name))),
      ),
    raw: imagesAndTexts,
  },
  roberta: {
    prepare: (folder, python) =>
      pretrained(
        folder,
        python,
        "text",
        "roberta",
        () => Promise.resolve(["vocab.json", "merges.txt"].map((name) => join(TOKENIZERS, name))),
      ),
    raw: imagesAndTexts,
  },
  ...Object.fromEntries(["deit", "beit"].map((kind) => [kind, imageKind(kind)])),
  clip: {
    async prepare(folder, python) {
      const clip = join(folder, "clip");
      const files = ["vocab.json", "merges.txt"].map((name) => join(TOKENIZERS, "clip", name));
      await runProgram(python, SCRIPT, "clip", clip, ...files);
      const rates = ["warmup_steps=0", "learning_rates.image=1e-3", "learning_rates.text=1e-3"];
      const settings = [
        ...IMAGES_AND_TEXTS.filter((one) => !one.startsWith("data.image_size")),
        ...rates.map((one) => `optimizer.${one}`),
        "training.epochs=20",
        "model.encoders.text.pooling=projection",
        "model.encoders.image.pooling=projection",
      ];
      return ["--image-encoder", clip, "--text-encoder", clip, ...await tableArguments(folder, settings)];
    },
    raw: imagesAndTexts,
  },
};

/** Those that ask for a later `transformers` than the others are made with; they are checked where they are named. */
export const LATER_KINDS: Readonly<Record<string, Kind>> = Object.fromEntries(
  ["dinov2", "siglip"].map((kind) => [kind, imageKind(kind)]),
);

/** A run whose encoder of images came from elsewhere. */
function imageKind(kind: string): Kind {
  return {
    prepare: (folder, python) => pretrained(folder, python, "image", kind, () => Promise.resolve([])),
    raw: imagesAndTexts,
  };
}

const SCRIPT = new URL("encoder.py", import.meta.url).pathname;
const POOLED_BY_MEAN = "model.encoders.text.pooling=mean";
const TOKENIZERS = new URL("../../tests/fixtures/tokenizers", import.meta.url).pathname;

function textsAndNumbers(folder: string): Promise<Map<string, Raw>> {
  return tableInputs(folder, ({ title, a, b }) => ({ text: title!, lab: [a, b].map(Number) }));
}

function imagesAndTexts(folder: string): Promise<Map<string, Raw>> {
  return tableInputs(folder, ({ path, title }) => ({ image: join(folder, path!), text: title! }));
}

/** Writes the vocabulary of BERT, with other pieces before and after it, as a `vocab.txt`. */
async function bertVocabulary(
  folder: string,
  before: readonly string[] = [],
  after: readonly string[] = [],
): Promise<string[]> {
  const path = join(folder, "vocab.txt");
  await Deno.writeTextFile(path, [...before, ...await readBertVocabulary(), ...after].join("\n") + "\n");
  return [path];
}

/** Arguments that train on a table with an encoder of one modality that came from elsewhere. */
async function pretrained(
  folder: string,
  python: string,
  modality: "image" | "text",
  kind: string,
  files: () => Promise<string[]>,
  more: readonly string[] = [],
): Promise<string[]> {
  const encoder = join(folder, kind);
  await runProgram(python, SCRIPT, kind, encoder, ...await files());
  const other = modality === "image" ? "text" : "image";
  const width = ["hidden_size=64", "num_attention_heads=4"].map((one) => `model.encoders.${other}.${one}`);
  const rates = ["warmup_steps=0", "head_learning_rate=1e-3", `learning_rates.${modality}=1e-3`];
  const settings = [...width, ...rates.map((one) => `optimizer.${one}`), "training.epochs=20", ...more];
  // An encoder that came with its own size of images decides it.
  const images = IMAGES_AND_TEXTS.filter((one) => modality === "text" || !one.startsWith("data.image_size"));
  return [`--${modality}-encoder`, encoder, ...await tableArguments(folder, [...images, ...settings])];
}

const COLOURS = ["red", "green", "blue"];
/** Words of test texts alone, some of which no vocabulary has whole. */
const UNSEEN = ["zebra", "qwertz", "naïve", "東京", "🦓", "x-ray", "1984", "Straße"];

/** Writes a table of 90 samples with transparent images and gives the arguments that train on it. */
async function tableArguments(folder: string, settings: readonly string[]): Promise<string[]> {
  const random = new Random(1);
  const pick = (words: readonly string[]) => words[Math.floor(random.between(0, words.length))]!;
  const rows = [[
    "id",
    "path",
    "title",
    "a",
    "b",
    "constant",
    "gap",
    "shape",
    "label",
    "split",
    "tags",
    "price",
  ]];
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
    const gap = i % 4 === 1 ? "" : String(i);
    const shape = split === "test" && i % 5 === 0 ? "never seen" : words[2]!;
    const tags = [COLOURS[label]!, ...(i % 2 === 0 ? [words[2]!] : [])].join();
    const price = String(100 * label + i);
    const title = [...words, ...more].join(" ");
    rows.push([`s${i}`, path, title, ...numbers, gap, shape, COLOURS[label]!, split, tags, price]);
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
