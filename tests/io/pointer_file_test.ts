// Whatever is read says so where Git LFS or git-annex left a pointer, or a link leads nowhere.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { loadPreprocessor } from "../../src/data/images/preprocessor.ts";
import { InnerPaths } from "../../src/data/index/inner_path.ts";
import { loadTokenizer } from "../../src/data/text/load_tokenizer.ts";
import { indexFeatures } from "../../src/data/readers/features.ts";
import { indexN24News } from "../../src/data/readers/n24news.ts";
import { openTable } from "../../src/data/readers/table_formats.ts";
import { DecodePool } from "../../src/data/workers/decode_pool.ts";
import { readEncoderConfig } from "../../src/build/hf_config.ts";
import { readCsv } from "../../src/io/csv.ts";
import { readJson } from "../../src/io/files.ts";
import { shardNames } from "../../src/io/hub_files.ts";
import { readAnyText } from "../../src/io/text_file.ts";
import { openWeights } from "../../src/io/weights_file.ts";
import { UserError } from "../../src/base/user_error.ts";
import { temporaryFolder } from "./crafted.ts";

const LFS = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 440473133\n`;
const KEY = `SHA256E-s1234--${"0".repeat(64)}.bin`;
const TARGET = `../.git/annex/objects/w0/K4/${KEY}/${KEY}`;

/** What stands in place of the file, and what is said of it. */
const STAND_INS: [what: string, put: (path: string) => void, message: RegExp][] = [
  ["a Git LFS pointer", (path) => Deno.writeTextFileSync(path, LFS), /is a Git LFS pointer.*`git lfs pull`/],
  [
    "an unlocked git-annex pointer",
    (path) => Deno.writeTextFileSync(path, `/annex/objects/${KEY}\n`),
    /is a git-annex pointer.*`git annex get`/,
  ],
  [
    "a git-annex link written as a file",
    (path) => Deno.writeTextFileSync(path, TARGET),
    /is a git-annex pointer.*`git annex get`/,
  ],
  [
    "a git-annex link without its content",
    (path) => Deno.symlinkSync(TARGET, path),
    /is a git-annex pointer.*`git annex get`/,
  ],
  [
    "a link that leads nowhere",
    (path) => Deno.symlinkSync("../../blobs/1234", path),
    /is a link to \.\.\/\.\.\/blobs\/1234, which is missing/,
  ],
];

const BESIDE_A_VOCABULARY = ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"];

const rowsOf = async (path: string) => await Array.fromAsync((await openTable(path)).rows);

/** Every way to read a file of the user's: the file that is a pointer, and the reader of its folder. */
const READERS: [file: string, read: (folder: string) => unknown][] = [
  ["x.csv", (folder) => readCsv(join(folder, "x.csv"))],
  ["x.csv", (folder) => rowsOf(join(folder, "x.csv"))],
  ["x.tsv", (folder) => rowsOf(join(folder, "x.tsv"))],
  ["x.jsonl", (folder) => rowsOf(join(folder, "x.jsonl"))],
  ["page.txt", (folder) => readAnyText(new InnerPaths(folder).find("page.txt"))],
  ["1_tr.csv", (folder) => indexFeatures({ root: folder, validationShare: 0, splitSeed: 1 })],
  [
    "news/nytimes_train.json",
    (root) => indexN24News({ root, text: "headline", clean: false, maxWords: 9 }),
  ],
  ["x.json", (folder) => readJson(join(folder, "x.json"))],
  ["config.json", (folder) => readEncoderConfig(folder)],
  ["preprocessor_config.json", (folder) => loadPreprocessor(folder)],
  ["model.safetensors", (folder) => openWeights(join(folder, "model.safetensors"))],
  ["model.safetensors.index.json", (folder) => openWeights(join(folder, "model.safetensors.index.json"))],
  ["pytorch_model.bin", (folder) => openWeights(folder)],
  ["resnet50-0676ba61.pth", (folder) => openWeights(folder)],
  ["vilt.ckpt", (folder) => openWeights(join(folder, "vilt.ckpt"))],
  ["pytorch_model.bin.index.json", (folder) => openWeights(join(folder, "pytorch_model.bin.index.json"))],
  ["model.safetensors.index.json", (folder) => shardNames(join(folder, "model.safetensors.index.json"))],
  ...["tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", ...BESIDE_A_VOCABULARY]
    .map((file): [string, (folder: string) => unknown] => [file, loadTokenizer]),
  ["photo.png", async (folder) => {
    using pool = new DecodePool({ filter: "bilinear" }, 1);
    return await pool.decode(new InnerPaths(folder).find("photo.png"));
  }],
];

Deno.test("a long text that begins as a pointer is a text", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x.csv");
  for (const length of [1, 1025]) {
    Deno.writeTextFileSync(path, LFS.padEnd(length, "."));
    if (length > 1) assert.equal(readCsv(path).length, 4);
    else assert.throws(() => readCsv(path), UserError);
  }
});

for (const [what, put, message] of STAND_INS) {
  Deno.test(`all readers tell ${what} as what it is, with the file's name`, async () => {
    for (const [file, read] of READERS) {
      using folder = temporaryFolder();
      const path = join(folder.path, file);
      Deno.mkdirSync(dirname(path), { recursive: true });
      // The pieces that a reader asks for before it comes to the file in question.
      Deno.writeTextFileSync(join(folder.path, "labels_tr.csv"), "0\n");
      if (file === "merges.txt") Deno.writeTextFileSync(join(folder.path, "vocab.json"), "{}");
      if (BESIDE_A_VOCABULARY.includes(file)) Deno.writeTextFileSync(join(folder.path, "vocab.txt"), "[PAD]");
      put(path);
      await assert.rejects(
        async () => await read(folder.path),
        (error) => error instanceof UserError && message.test(error.message) && error.message.includes(file),
        file,
      );
    }
  });
}
