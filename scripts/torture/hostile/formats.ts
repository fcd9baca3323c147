/** What is mutated: of each format small sound files, and the reader that the program has for it. */
import { join } from "node:path";
import { decodeRgb } from "../../../src/data/images/image.ts";
import { loadPreprocessor } from "../../../src/data/images/preprocessor.ts";
import { indexTable } from "../../../src/data/readers/table.ts";
import { openTable } from "../../../src/data/readers/table_formats.ts";
import { StoredBytes } from "../../../src/data/stored_bytes.ts";
import { loadTokenizer } from "../../../src/data/text/load_tokenizer.ts";
import { readEncoderConfig } from "../../../src/build/hf_config.ts";
import { readConfigFile } from "../../../src/config/config_file.ts";
import { dataPreset } from "../../../src/config/data_presets.ts";
import { withSettings } from "../../../src/config/run_config.ts";
import { readExperiment } from "../../../src/experiments/experiment_file.ts";
import { planRuns } from "../../../src/experiments/plan_runs.ts";
import { openWeights } from "../../../src/io/weights_file.ts";
import { mendPng, mendTar } from "./mend.ts";
import { requestFormat } from "./requests.ts";
import * as seeds from "./seeds.ts";

/** Reads bytes as the program would. Rejects with what the program says where it refuses them. */
export type Read = (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;

export interface Format {
  readonly name: string;
  /** Sound files, each of some kind that others are not. */
  readonly seeds: () => Promise<readonly Uint8Array[]> | readonly Uint8Array[];
  /** Bytes that mean something to the format. */
  readonly words?: readonly string[];
  /** Makes the checksums right again where every change is told by them, so that what lies behind them is met too. */
  readonly mend?: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** Makes ready to read; `folder` is an empty one of its own. */
  readonly open: (folder: string) => Promise<Read>;
  /** Reads what stands at a path already, where it is read from a file. */
  readonly readPath?: (path: string, folder: string) => unknown;
  /** Whether an error is one of those by which the reader refuses; it is a UserError if not given. */
  readonly refuses?: (error: unknown) => boolean;
}

/** Pixels of an image that is decoded, as `unis serve --max-pixels` has them. */
export const MOST_PIXELS = 4 << 20;

const image = (name: string, ending: RegExp, words: readonly string[]): Format => ({
  name,
  words,
  seeds: () => seeds.fixtures("image_formats", ending),
  open: () =>
    Promise.resolve(async (bytes) =>
      void await decodeRgb(bytes, { mostPixels: MOST_PIXELS, background: "white" })
    ),
  // Decoders throw plain errors, which whoever has the file's name makes a UserError of.
  refuses: (error) => error instanceof Error && error.constructor === Error,
});

/** A format that is read from a file, under a name that readers look for. */
const file = (
  format: Omit<Format, "open"> & {
    readonly file: string;
    readonly read: (path: string, folder: string) => unknown;
  },
): Format => ({
  ...format,
  readPath: format.read,
  open: (folder) => {
    const path = join(folder, format.file);
    return Promise.resolve(async (bytes) => {
      Deno.writeFileSync(path, bytes);
      await format.read(path, folder);
    });
  },
});

const YAML = ["- ", "? ", "|\n", ">-\n", "%YAML", "!!set", "&a ", "*a", "<<: ", "---\n"];

export const FORMATS: readonly Format[] = [
  file({ name: "safetensors", seeds: seeds.safetensors, file: "model.safetensors", read: readTensors }),
  file({
    name: "pytorch",
    seeds: () => seeds.fixtures("pytorch", /\.(?:bin|pth|ckpt)$/),
    words: [
      "PK\x01\x02",
      "PK\x03\x04",
      "cos\nsystem\n",
      "R.",
      "(X\x02\0\0\0lst",
      "\x80\x05\x95",
      "\x94\x8c",
      "ub.",
    ],
    file: "pytorch_model.bin",
    read: readTensors,
  }),
  { ...image("png", /\.png$/, ["IHDR", "IDAT", "PLTE", "tRNS", "IEND", "eXIf"]), mend: mendPng },
  image("jpeg", /\.jpg$/, [
    "\xff\xd8",
    "\xff\xc0",
    "\xff\xc2",
    "\xff\xda",
    "\xff\xd9",
    "\xff\xc4",
    "\xff\xdb",
    "Exif\0\0",
  ]),
  image("webp", /\.webp$/, ["VP8X", "VP8L", "VP8 ", "ANMF", "ALPH", "EXIF"]),
  image("gif", /\.gif$/, ["\x2c", "\x21\xf9\x04", "GIF89a", "\x3b"]),
  image("tiff", /\.tif$/, ["\x00\x01\x03\x00", "\x01\x11", "\x01\x01", "II*\0", "MM\0*"]),
  image("bmp", /\.bmp$/, ["BM", "\x28\0\0\0", "\0\0\0\x80"]),
  image("avif", /\.avif$/, ["ftypavif", "ispe", "ipma", "irot", "imir", "iloc", "mdat"]),
  file({
    name: "csv",
    seeds: seeds.csv,
    words: ['"', ",", ";", "\r\n", "\t"],
    file: "items.csv",
    read: readSamples,
  }),
  file({ name: "jsonl", seeds: seeds.jsonLines, file: "items.jsonl", read: readSamples }),
  file({
    name: "parquet",
    seeds: () => seeds.fixtures("tables", /\.parquet$/),
    words: ["PAR1", "\x15\x04", "huggingface", '{"info":{"features":'],
    file: "items.parquet",
    read: readRows,
  }),
  file({
    name: "tar",
    seeds: () => seeds.fixtures("tables", /test-000\.tar$/),
    words: ["ustar", "x", "L", "path=", "00000000644"],
    mend: mendTar,
    file: "items.tar",
    read: readRows,
  }),
  file({
    name: "yaml",
    seeds: seeds.experiments,
    words: YAML,
    file: "experiment.yaml",
    read: (path) => planRuns(readExperiment(path), path, { encoders: {}, settings: [] }),
  }),
  file({ name: "config.yaml", seeds: seeds.configs, words: YAML, file: "config.yaml", read: readConfig }),
  file({
    name: "config.json",
    seeds: seeds.encoderConfigs,
    words: ["model_type", "hidden_size", "vision_config", "num_attention_heads"],
    file: "config.json",
    read: (_, folder) => readEncoderConfig(folder, {}, "image"),
  }),
  file({
    name: "tokenizer.json",
    seeds: seeds.tokenizers,
    words: [
      "Regex",
      "Sequence",
      "Replace",
      "(a+)+$",
      "Precompiled",
      "Metaspace",
      "Split",
      "ByteLevel",
      "lstrip",
    ],
    file: "tokenizer.json",
    read: (_, folder) => tokenize(folder),
  }),
  file({
    name: "preprocessor_config.json",
    seeds: seeds.preprocessors,
    words: ["size", "shortest_edge", "crop_pct", "image_std"],
    file: "preprocessor_config.json",
    read: (_, folder) => loadPreprocessor(folder),
  }),
  requestFormat,
];

/** Every tensor, in both ways. */
function readTensors(path: string): void {
  using weights = openWeights(path);
  for (const [name, { shape, dtype }] of weights.tensors) {
    const count = shape.reduce((product, size) => product * size, 1);
    if (weights.readTyped(name).length !== count) throw new Error(`"${name}" has not ${shape} elements`);
    if (/^(?:F32|F16|BF16|F64)$/.test(dtype)) weights.readFloat32(name);
  }
}

/** All samples. */
async function readSamples(path: string): Promise<void> {
  await indexTable({
    file: path,
    modalities: { text: { text: "title" }, lab: { features: ["a", "b"] } },
    label: "label",
    split: null,
    id: "id",
    weight: null,
    classes: null,
    validationShare: 0.2,
    testShare: 0.2,
    splitSeed: 1,
    maxWords: 100,
  });
}

/** All rows, and the images in them. */
async function readRows(path: string): Promise<void> {
  const { rows } = await openTable(path, { images: new Set(["image", "picture"]) });
  for await (const { values } of rows) {
    for (const cell of Object.values(values)) if (cell instanceof StoredBytes) await cell.read();
  }
}

/** Keys of a configuration, or all of one. */
function readConfig(path: string): void {
  const { whole, settings } = readConfigFile(path);
  if (whole === undefined) withSettings(dataPreset({ name: "emoji", path: "" }, []), settings);
}

const TEXTS = [
  "",
  "a red thing",
  "Ünïcödé 東京 🦓\u200d",
  "x".repeat(300),
  "__proto__ constructor",
  "\ud800 [CLS] <s>",
];

function tokenize(folder: string): void {
  const tokenizer = loadTokenizer(folder);
  for (const text of TEXTS) {
    const ids = tokenizer.ids(text);
    const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= tokenizer.vocabularySize);
    if (wrong !== undefined) throw new Error(`"${text}" has the id ${wrong} of ${tokenizer.vocabularySize}`);
    tokenizer.enclose(ids, 16).forEach((id) => tokenizer.textOf(id));
  }
}
