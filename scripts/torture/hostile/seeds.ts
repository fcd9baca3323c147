/** Small sound files, which are mutated. */
import { join } from "node:path";
import { dataPreset } from "../../../src/config/data_presets.ts";
import {
  byteLevelJson,
  ROBERTA_SPECIAL_TOKENS,
  wordPieceJson,
} from "../../../src/data/text/tokenizer_json.ts";
import { safetensorsParts } from "../../../src/io/safetensors.ts";

const FIXTURES = new URL("../../../tests/fixtures", import.meta.url).pathname;
/** Mutations of larger files hit seldom what decides. */
const LARGEST = 12_000;

const utf8 = new TextEncoder();
const jsonOf = (value: unknown) => utf8.encode(JSON.stringify(value, null, 1));
const read = (path: string) => JSON.parse(Deno.readTextFileSync(join(FIXTURES, path)));

/** The files of a folder of fixtures whose names match and that are small, in the order of their names. */
export function fixtures(folder: string, name: RegExp): Uint8Array[] {
  const names = Array.from(Deno.readDirSync(join(FIXTURES, folder)), (entry) => entry.name).filter((one) =>
    name.test(one)
  );
  const files = names.sort().map((one) => Deno.readFileSync(join(FIXTURES, folder, one)));
  const small = files.filter(({ length }) => length <= LARGEST);
  return small.length > 0 ? small : files;
}

export function safetensors(): Uint8Array[] {
  const parts = safetensorsParts(
    {
      w: { dtype: "F32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
      h: { dtype: "F16", shape: [3], data: Float16Array.of(1, 2, 3) },
      b: { dtype: "BF16", shape: [1], data: Uint16Array.of(0x3f80) },
      "é": { dtype: "I64", shape: [], data: BigInt64Array.of(5n) },
    },
    { format: "pt" },
  );
  return [Uint8Array.from([...parts].flatMap((part) => [...part]))];
}

const ROWS = [
  ["id", "title", "a", "b", "label"],
  ["1", "a red thing", "0", "1.5", "red"],
  ["2", 'a "blue", thing', "1", "-2e-3", "blue"],
  ["3", "grün 🦓\nand more", "2", "3", "red"],
  ["4", "=1+1", "-1", "0", "blue"],
  ...Array.from(
    { length: 8 },
    (_, i) => [`${i + 5}`, `thing ${i}`, `${i}`, "1", i % 2 === 0 ? "red" : "blue"],
  ),
];

export function csv(): Uint8Array[] {
  const of = (delimiter: string, end: string, mark = "") =>
    utf8.encode(
      mark +
        ROWS.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(delimiter) + end).join(
          "",
        ),
    );
  const plain = ROWS.filter((row) => !row.some((cell) => /[",\n]/.test(cell)));
  return [
    of(",", "\n"),
    of(";", "\r\n", "\ufeff"),
    utf8.encode(plain.map((row) => row.join(",")).join("\n")),
  ];
}

export function jsonLines(): Uint8Array[] {
  const [, ...rows] = ROWS;
  const objects = rows.map(([id, title, a, b, label]) => ({ id, title, a: Number(a), b: Number(b), label }));
  return [utf8.encode(objects.map((one) => JSON.stringify(one) + "\n").join(""))];
}

export function experiments(): Uint8Array[] {
  return [
    `# An experiment.
name: Small
preset: emoji
seeds: [1, 2]
set:
  training.epochs: 2
  optimizer: { weight_decay: 0.01, betas: [0.9, 0.98] }
factors:
  rate: { low: { set: { optimizer.encoder_learning_rate: 1e-4 } }, high: {} }
variants:
  - { name: unis, method: unis-mmc }
  - name: "plain, fused"
    method: agg-mm
    set:
      model.head.dropout: 0.1
  - { name: Low, method: image, at: { rate: low } }
baseline: unis
`,
  ].map((text) => utf8.encode(text));
}

export function configs(): Uint8Array[] {
  return [
    `training: &t { epochs: 3, batch: 128 }
optimizer:
  weight_decay: !!float 0.5
  warmup_steps: 10
model:
  head: { dropout: 0.25 }
seed: 7
data:
  labels: group
`,
    JSON.stringify({ "training.epochs": 2, method: "unis-mmc" }),
    JSON.stringify(dataPreset({ name: "emoji", path: "" }, []), null, 1),
  ].map((text) => utf8.encode(text));
}

export function encoderConfigs(): Uint8Array[] {
  const encoders = join(FIXTURES, "encoders");
  return Array.from(Deno.readDirSync(encoders)).filter(({ isDirectory }) => isDirectory).map(({ name }) =>
    name
  )
    .sort().map((name) => Deno.readFileSync(join(encoders, name, "config.json")));
}

export function preprocessors(): Uint8Array[] {
  return Object.values(read("processors.json")).map(jsonOf);
}

const ids = (tokens: readonly string[]) => new Map(tokens.map((token, id) => [token, id]));

/** Of every kind of model and most kinds of steps, with short vocabularies. */
export function tokenizers(): Uint8Array[] {
  const wordPieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ..."a red thing ##s ##x ü x".split(" ")];
  const bytes = [...Object.values(ROBERTA_SPECIAL_TOKENS), "<mask>", ..."a r e d Ġ re red Ġa".split(" ")];
  const unigram = read("tokenizers/deberta/tokenizer.json");
  const pairs = read("tokenizers/modernbert/tokenizer.json");
  const pieces = Object.entries(pairs.model.vocab as Record<string, number>);
  return [
    wordPieceJson(ids(wordPieces)),
    byteLevelJson(ids(bytes), [["r", "e"], ["re", "d"], ["Ġ", "a"]], { addPrefixSpace: true }),
    { ...unigram, model: { ...unigram.model, vocab: unigram.model.vocab.slice(0, 60) } },
    {
      ...pairs,
      added_tokens: pairs.added_tokens.slice(-8),
      model: { ...pairs.model, vocab: Object.fromEntries(pieces.slice(0, 60)), merges: [] },
    },
  ].map(jsonOf);
}
