/** Words that training leaves out, with tokenizers of every kind. */
import assert from "node:assert/strict";
import { Random } from "../../../src/base/random.ts";
import { TextModality } from "../../../src/data/modalities.ts";
import { loadTokenizer } from "../../../src/data/text/load_tokenizer.ts";
import { TextTokenizer } from "../../../src/data/text/tokenizer.ts";
import { wordPieceJson } from "../../../src/data/text/tokenizer_json.ts";
import { numbered, readBertVocabulary } from "../../../src/data/text/word_piece.ts";
import { TOKENIZER_FIXTURES } from "./strings.ts";

const folder = (name: string) => loadTokenizer(`${TOKENIZER_FIXTURES}/${name}`);
const TOKENIZERS: Record<string, TextTokenizer> = {
  "WordPiece (BERT)": new TextTokenizer(wordPieceJson(numbered(await readBertVocabulary()))),
  "BPE of bytes (RoBERTa)": await folder("."),
  "BPE of bytes (ModernBERT)": await folder("modernbert"),
  "BPE of words (CLIP)": await folder("clip"),
  "SentencePiece, unigram (XLM-RoBERTa)": await folder("xlm_roberta"),
  "SentencePiece (DeBERTa)": await folder("deberta"),
};
const TEXTS = ["The big, naïve horse", "don't 中文 \n x²\tends", "  a  b"];

/** Every choice of some of the words, each with the white space before it unless it begins what is left. */
function choices(text: string): string[] {
  const words = text.match(/\s*\S+/gu)!;
  return Array.from({ length: 2 ** words.length - 1 }, (_, i) => {
    const kept = words.filter((_, word) => (i + 1) >> word & 1);
    return kept[0] === words[0] ? kept.join("") : kept.join("").trimStart();
  });
}

for (const [name, tokenizer] of Object.entries(TOKENIZERS)) {
  Deno.test(`word dropout leaves whole words out, and never all of them: ${name}`, () => {
    for (const text of TEXTS) {
      const read = new Map(
        choices(text).map((kept) => [String(tokenizer.enclose(tokenizer.ids(kept), 64)), kept]),
      );
      const modality = new TextModality("title", tokenizer, [text], { maxTokens: 64, wordDropout: 0.5 });
      const seen = new Set<string>();
      for (let key = 0; key < 300; key++) {
        const { ids, mask } = modality.batch(Uint32Array.of(0), () => new Random(key));
        const kept = read.get(String(ids.filter((_, i) => mask[i] === 1)));
        assert.ok(kept !== undefined, `${ids} is no choice of words of ${JSON.stringify(text)}`);
        seen.add(kept);
      }
      assert.equal(seen.size, read.size, `every choice of words of ${JSON.stringify(text)} comes`);
    }
  });
}

Deno.test("word dropout leaves out as many words as it says, and of one word and of none nothing", () => {
  const tokenizer = TOKENIZERS["BPE of bytes (RoBERTa)"]!;
  const texts = [Array(100).fill("a").join(" "), "a", ""];
  const modality = new TextModality("title", tokenizer, texts, { maxTokens: 400, wordDropout: 0.9 });
  const kept = (sample: number, key: number) => {
    const { mask } = modality.batch(Uint32Array.of(sample), () => new Random(key));
    return mask.reduce((sum, bit) => sum + bit, 0) - 2;
  };
  const words = Array.from({ length: 100 }, (_, key) => kept(0, key)).reduce((sum, one) => sum + one, 0);
  assert.ok(words > 850 && words < 1150, `${words} of 10000 words kept, 1000 expected`);
  for (let key = 0; key < 50; key++) assert.deepEqual([kept(1, key), kept(2, key)], [1, 0]);
});

Deno.test("a set of keywords may lose all of them", () => {
  const tokenizer = TOKENIZERS["WordPiece (BERT)"]!;
  const modality = new TextModality("keys", tokenizer, ["red"], {
    maxTokens: 8,
    wordDropout: 0.5,
    isSet: true,
  });
  const lengths = Array.from(
    { length: 40 },
    (_, key) =>
      modality.batch(Uint32Array.of(0), () => new Random(key)).mask.reduce((sum, bit) => sum + bit, 0),
  );
  assert.deepEqual(new Set(lengths), new Set([2, 3]));
});
