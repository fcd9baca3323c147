// Ids of 10,000 strings against those of `transformers`; see scripts/fixtures/tokenization.py.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { loadTokenizer } from "../../../src/data/text/load_tokenizer.ts";
import { readSentencePiece } from "../../../src/data/text/sentence_piece.ts";
import { readBertVocabulary } from "../../../src/data/text/word_piece.ts";
import { fixtureStrings, TOKENIZER_FIXTURES } from "./strings.ts";

const LENGTHS = [8, 16, 33, 64, 128, 512];
const DIGEST_BYTES = 32;
const vocabulary = await readBertVocabulary();
const strings = fixtureStrings(vocabulary);

/** Runs `use` on a folder with these files. */
async function withFolder(
  files: Record<string, string>,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "unis-tokenizer-" });
  try {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, name), text);
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Compares every string and pair, whole and truncated, by the hashes of the fixture. */
async function compare(folder: string, fixture: string): Promise<void> {
  const tokenizer = loadTokenizer(folder);
  const expected = await Deno.readFile(join(TOKENIZER_FIXTURES, fixture));
  assert.equal(expected.length, DIGEST_BYTES + 2 * strings.length);
  const ids = strings.map((text) => tokenizer.ids(text));
  const everything = createHash("sha256");
  const wrong: number[] = [];
  for (const [i, own] of ids.entries()) {
    const length = LENGTHS[i % LENGTHS.length]!;
    const pair = tokenizer.enclosePair(own, ids[(i + 1) % ids.length]!, length);
    const hash = createHash("sha256");
    for (
      const part of [
        tokenizer.enclose(own, own.length + 2),
        tokenizer.enclose(own, length),
        pair.ids,
        pair.types,
      ]
    ) {
      hash.update(Uint32Array.of(part.length)).update(part);
    }
    const digest = hash.digest();
    everything.update(digest);
    const at = DIGEST_BYTES + 2 * i;
    if (digest[0] !== expected[at] || digest[1] !== expected[at + 1]) wrong.push(i);
  }
  const some = wrong.slice(0, 5).map((i) => JSON.stringify(strings[i]!.slice(0, 200))).join("\n");
  assert.deepEqual(wrong, [], `${wrong.length} of ${strings.length} differ, such as\n${some}`);
  assert.deepEqual([...everything.digest()], [...expected.subarray(0, DIGEST_BYTES)]);
}

const vocabularyText = vocabulary.join("\n") + "\n";

Deno.test("fixtureStrings() are long, short, empty and of many scripts", () => {
  assert.ok(strings.some((text) => text === "") && strings.some((text) => text.length > 5000));
  for (const script of ["Arab", "Cyrl", "Deva", "Hang", "Hani", "Hebr", "Thai"]) {
    const pattern = new RegExp(`\\p{Script=${script}}`, "u");
    assert.ok(strings.filter((text) => pattern.test(text)).length > 500, script);
  }
});

Deno.test("loadTokenizer() of vocab.txt gives the ids of BERT for 10,000 strings", () =>
  withFolder({ "vocab.txt": vocabularyText }, (folder) => compare(folder, "bert_uncased.hashes")));

Deno.test("loadTokenizer() of vocab.txt that is cased gives the ids of BERT for 10,000 strings", () =>
  withFolder(
    { "vocab.txt": vocabularyText, "tokenizer_config.json": '{"do_lower_case":false}' },
    (folder) => compare(folder, "bert_cased.hashes"),
  ));

Deno.test("loadTokenizer() of vocab.json and merges.txt gives the ids of RoBERTa for 10,000 strings", () =>
  compare(TOKENIZER_FIXTURES, "roberta.hashes"));

for (
  const [name, model, file] of [
    ["an XLM-RoBERTa", "xlm_roberta", "sentencepiece.bpe.model"],
    ["a DeBERTa", "deberta", "spm.model"],
  ] as const
) {
  const folder = join(TOKENIZER_FIXTURES, model);
  Deno.test(`readSentencePiece() makes of ${file} the tokenizer.json that transformers makes of ${name}`, async () => {
    const own = readSentencePiece(join(folder, file)) as Described;
    const expected: Described = JSON.parse(await Deno.readTextFile(join(folder, "tokenizer.json")));
    const maps = mapsOf(own);
    assert.equal(maps.length, model === "xlm_roberta" ? 1 : 0);
    for (const [i, step] of mapsOf(expected).entries()) {
      assert.ok(maps[i]!.precompiled_charsmap!.length > 300_000);
      step.precompiled_charsmap = maps[i]!.precompiled_charsmap; // the fixture has it in the model alone
    }
    assert.deepEqual(
      { ...own, model: undefined },
      { ...expected, model: undefined },
    );
    assert.deepEqual(own.model.vocab, expected.model.vocab);
    assert.equal(own.model.unk_id, expected.model.unk_id);
  });

  Deno.test(`loadTokenizer() of ${file} gives the ids of ${name} for 10,000 strings`, async () => {
    const bytes = await Deno.readFile(join(folder, file));
    await withFolder({}, async (folder) => {
      await Deno.writeFile(join(folder, file), bytes);
      await compare(folder, `${model}/ids.hashes`);
    });
  });
}

Deno.test("loadTokenizer() of vocab.json and merges.txt gives the ids of a CLIP for 10,000 strings", () =>
  compare(join(TOKENIZER_FIXTURES, "clip"), "clip/ids.hashes"));

interface Step {
  readonly type: string;
  precompiled_charsmap?: string | undefined;
}

interface Described {
  readonly normalizer: { readonly normalizers: readonly Step[] };
  readonly model: { readonly vocab: readonly (readonly [string, number])[]; readonly unk_id: number };
}

/** The maps of a normaliser. */
const mapsOf = ({ normalizer }: Described) =>
  normalizer.normalizers.filter(({ type }) => type === "Precompiled");
