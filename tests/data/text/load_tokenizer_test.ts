import assert from "node:assert/strict";
import { join } from "node:path";
import { loadTokenizer } from "../../../src/data/text/load_tokenizer.ts";
import { TextModality } from "../../../src/data/modalities.ts";
import { truncatePair } from "../../../src/data/text/tokenizer.ts";
import { BERT_SPECIAL_TOKENS, byteLevelJson, wordPieceJson } from "../../../src/data/text/tokenizer_json.ts";
import { numbered } from "../../../src/data/text/word_piece.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { TOKENIZER_FIXTURES } from "./strings.ts";

type Files = Record<string, string | object>;

async function withFolder<T>(files: Files, use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "unis-tokenizer-" });
  try {
    for (const [name, content] of Object.entries(files)) {
      await Deno.writeTextFile(
        join(folder, name),
        typeof content === "string" ? content : JSON.stringify(content),
      );
    }
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const load = (files: Files) => withFolder(files, loadTokenizer);

const pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "##s", "Red", "é", "e"];
const vocabTxt = pieces.join("\n") + "\n";
const ids = numbered(pieces);
const roberta = loadTokenizer(TOKENIZER_FIXTURES);

Deno.test("loadTokenizer() reads a tokenizer.json and its vocab.txt alike", async () => {
  const given = wordPieceJson(ids, {}, { ...BERT_SPECIAL_TOKENS, mask: "[MASK]" });
  const [json, txt] = [await load({ "tokenizer.json": given }), await load({ "vocab.txt": vocabTxt })];
  for (const text of ["reds é [MASK]", "RED", "blue"]) assert.deepEqual(json.ids(text), txt.ids(text), text);
  assert.deepEqual(json.ids("Reds é [MASK] blue"), [5, 6, 9, 4, 1]);
});

Deno.test("an id that pieces share as they are unknown is called [UNK], whatever else has it", async () => {
  const shared = new Map([...ids, ["[MASK]", ids.get("[UNK]")!], ["blue", ids.get("[UNK]")!]]);
  const tokenizer = await load({ "tokenizer.json": wordPieceJson(shared), "tokenizer_config.json": {} });
  assert.deepEqual(tokenizer.ids("red blue").map((id) => tokenizer.textOf(id)), ["red", "[UNK]"]);
});

const normalizations: [string, object, number[]][] = [
  ["nothing", {}, [5, 9]],
  ["do_lower_case", { do_lower_case: false }, [7, 8]],
  ["strip_accents", { strip_accents: false }, [5, 8]],
  ["both", { do_lower_case: false, strip_accents: true }, [7, 9]],
];
for (const [name, config, expected] of normalizations) {
  Deno.test(`loadTokenizer() goes by tokenizer_config.json: ${name}`, async () => {
    for (const own of [{ "vocab.txt": vocabTxt }, { "tokenizer.json": wordPieceJson(ids) }]) {
      const tokenizer = await load({ ...own, "tokenizer_config.json": config });
      assert.deepEqual(tokenizer.ids("Red é"), expected, Object.keys(own)[0]);
    }
  });
}

Deno.test("loadTokenizer() knows RoBERTa's special tokens, and the longest text where one is told", async () => {
  assert.deepEqual([roberta.classId, roberta.padId, roberta.separatorId, roberta.unknownId], [0, 1, 2, 3]);
  assert.equal(roberta.vocabularySize, 1500);
  assert.equal(roberta.maxTokens, undefined);
  const lengths = [[512, 512], [1e30, undefined]] as const;
  for (const [told, expected] of lengths) {
    const tokenizer = await load({
      "vocab.txt": vocabTxt,
      "tokenizer_config.json": { model_max_length: told },
    });
    assert.equal(tokenizer.maxTokens, expected);
  }
});

Deno.test("loadTokenizer() takes special tokens under other names, as texts or objects", async () => {
  const renamed = vocabTxt.replace("[CLS]", "<start>").replace("[SEP]", "<end>");
  const tokenizer = await load({
    "vocab.txt": renamed,
    "tokenizer_config.json": { cls_token: { content: "<start>", lstrip: false }, sep_token: "[SEP]" },
    "special_tokens_map.json": { sep_token: "<end>" },
  });
  assert.deepEqual([...tokenizer.enclose(tokenizer.ids("red"), 8)], [2, 5, 3]);
});

Deno.test("loadTokenizer() puts a space before the first word where add_prefix_space says so", async () => {
  const [vocab, merges] = ["vocab.json", "merges.txt"].map((name) =>
    Deno.readTextFileSync(join(TOKENIZER_FIXTURES, name))
  );
  const files = { "vocab.json": vocab!, "merges.txt": merges! };
  const spaced = await load({ ...files, "tokenizer_config.json": { add_prefix_space: true } });
  assert.deepEqual(spaced.ids("red"), roberta.ids(" red"));
  assert.notDeepEqual(roberta.ids("red"), roberta.ids(" red"));
});

Deno.test("enclosePair() separates as BERT and as RoBERTa, whichever way the file says so", async () => {
  const template = (middle: string[]) => {
    const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
    const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } });
    const pair = [special("[CLS]"), sequence("A"), ...middle.map(special), sequence("B"), special("[SEP]")];
    return { type: "TemplateProcessing", single: [], pair, special_tokens: {} };
  };
  const own = wordPieceJson(ids);
  const cases: [object, boolean][] = [
    [own, false],
    [{ ...own, post_processor: template(["[SEP]"]) }, false],
    [{ ...own, post_processor: template(["[SEP]", "[SEP]"]) }, true],
  ];
  for (const [json, doubled] of cases) {
    const tokenizer = await load({ "tokenizer.json": json });
    const { ids, types } = tokenizer.enclosePair([5], [6, 7], 16);
    assert.deepEqual([...ids], doubled ? [2, 5, 3, 3, 6, 7, 3] : [2, 5, 3, 6, 7, 3]);
    assert.deepEqual([...types], doubled ? [0, 0, 0, 0, 0, 0, 0] : [0, 0, 0, 1, 1, 1]);
  }
  assert.throws(() => roberta.enclosePair([5], [6], 3), /RangeError.*3 tokens leave no room for the 4/);
});

Deno.test("truncatePair() cuts the longer text first and never more than it must", () => {
  for (let first = 0; first < 12; first++) {
    for (let second = 0; second < 12; second++) {
      for (let room = 0; room < 24; room++) {
        const [a, b] = truncatePair(first, second, room);
        assert.equal(a + b, Math.min(room, first + second));
        assert.ok(a <= first && b <= second);
        if (a < first && b < second) assert.ok(Math.abs(a - b) <= 1);
        else if (a < first) assert.ok(a >= b - 1);
        else if (b < second) assert.ok(b >= a - 1);
      }
    }
  }
});

Deno.test("TextModality pads RoBERTa's texts with 1, and keeps the space before a word it moves", () => {
  const texts = ["big red horse", "horse"];
  const plain = new TextModality("title", roberta, texts, { maxTokens: 32 });
  const { ids, mask, tokens } = plain.batch(Uint32Array.of(0, 1));
  assert.equal(plain.spec.padId, 1);
  texts.forEach((text, row) => {
    const expected = roberta.enclose(roberta.ids(text), 32);
    const own = ids.subarray(row * tokens, (row + 1) * tokens);
    assert.deepEqual(own.subarray(0, expected.length), expected);
    assert.ok(own.subarray(expected.length).every((id) => id === 1));
    assert.equal(
      mask.subarray(row * tokens, (row + 1) * tokens).reduce((sum, bit) => sum + bit, 0),
      expected.length,
    );
  });
  const byWord = new TextModality("title", roberta, texts, { maxTokens: 32, wordDropout: 0.5 });
  assert.deepEqual(byWord.batch(Uint32Array.of(0, 1)).ids, ids);
});

const broken: [string, Files, RegExp][] = [
  [
    "an empty folder",
    {},
    /holds neither tokenizer\.json, vocab\.txt, vocab\.json and merges\.txt, nor sentencepiece\.bpe\.model or spm\.model/,
  ],
  ["merges without a vocabulary", { "merges.txt": "a b" }, /holds neither/],
  ["broken JSON", { "tokenizer.json": "{" }, /tokenizer\.json is not valid JSON/],
  [
    "no model",
    { "tokenizer.json": { added_tokens: [] } },
    /tokenizer\.json is not laid out as expected at "model"/,
  ],
  [
    "a model of another kind",
    { "tokenizer.json": { added_tokens: [], model: { type: "WordLevel", vocab: {} } } },
    /at "model\.type": only WordPiece, BPE and Unigram are supported/,
  ],
  [
    "an id below 0",
    { "vocab.json": { a: -1 }, "merges.txt": "" },
    /vocab\.json is not laid out as expected at "a"/,
  ],
  [
    "no class token",
    { "vocab.txt": "[PAD]\n[UNK]\n[SEP]\n" },
    /vocab\.txt has no token "\[CLS\]", the class token/,
  ],
  [
    "a merge of what is no token",
    {
      "vocab.json": { "<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, a: 4, b: 5 },
      "merges.txt": "#version: 0.2\na b\n",
    },
    /merges\.txt, line 2: the tokens or what they merge to are not in vocab\.json/,
  ],
  [
    "a merge of three",
    { "vocab.json": { "<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3 }, "merges.txt": "a b c\n" },
    /merges\.txt, line 1: expected two tokens/,
  ],
  [
    "a configuration of the wrong type",
    { "vocab.txt": vocabTxt, "tokenizer_config.json": { do_lower_case: "no" } },
    /tokenizer_config\.json is not laid out as expected at "do_lower_case"/,
  ],
];
for (const [name, files, message] of broken) {
  Deno.test(`loadTokenizer() refuses ${name} and names the file`, async () => {
    await assert.rejects(load(files), (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("byteLevelJson() makes a tokenizer.json that reads as the files do", async () => {
  const vocabulary: Record<string, number> = JSON.parse(
    await Deno.readTextFile(join(TOKENIZER_FIXTURES, "vocab.json")),
  );
  const lines = (await Deno.readTextFile(join(TOKENIZER_FIXTURES, "merges.txt"))).trimEnd().split("\n").slice(
    1,
  );
  const merges = lines.map((line) => line.split(" ") as [string, string]);
  const json = byteLevelJson(new Map(Object.entries(vocabulary)), merges);
  const tokenizer = await load({ "tokenizer.json": json });
  for (const text of ["red horse", "日本 é <s>", ""]) {
    assert.deepEqual(tokenizer.ids(text), roberta.ids(text));
  }
});
