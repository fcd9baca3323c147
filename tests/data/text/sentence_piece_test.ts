import assert from "node:assert/strict";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { join } from "node:path";
import { UserError } from "../../../src/base/user_error.ts";
import { loadTokenizer } from "../../../src/data/text/load_tokenizer.ts";
import { CharsMap } from "../../../src/data/text/precompiled.ts";
import { padTexts } from "../../../src/data/text/tokenizer.ts";
import { temporaryFolder } from "../../io/crafted.ts";
import { TOKENIZER_FIXTURES } from "./strings.ts";

const [xlm, deberta, clip] = ["xlm_roberta", "deberta", "clip"].map((name) =>
  loadTokenizer(join(TOKENIZER_FIXTURES, name))
);

Deno.test("special tokens are those of the model, whatever stands beside its vocabulary", () => {
  const specials = [xlm, deberta, clip].map((one) => Object.values(one!.special).join(" "));
  assert.deepEqual(specials, [
    "<pad> <unk> <s> </s> <mask>",
    "[PAD] [UNK] [CLS] [SEP] [MASK]",
    "<|endoftext|> <|endoftext|> <|startoftext|> <|endoftext|>",
  ]);
});

Deno.test("texts of CLIP have at most 77 tokens, the last one the end, and are padded by it unmasked", () => {
  const { maxTokens, padId, classId, separatorId } = clip!;
  assert.deepEqual([maxTokens, padId], [77, separatorId]);
  const texts = ["Red  HORSE", "red horse ".repeat(60)].map((text) =>
    clip!.enclose(clip!.ids(text), maxTokens!)
  );
  assert.deepEqual(texts[0]!.subarray(1, -1), Uint32Array.from(clip!.ids("red horse")));
  for (const text of texts) assert.deepEqual([text[0], text.at(-1)], [classId, separatorId]);
  const { ids, mask, tokens } = padTexts(texts, padId, maxTokens!);
  assert.equal(tokens, 77);
  assert.deepEqual(mask.subarray(0, 77).reduce((sum, one) => sum + one), texts[0]!.length);
  assert.ok(ids.subarray(texts[0]!.length, 77).every((id) => id === separatorId));
});

Deno.test("a word that a unigram model does not know is one unknown token, between the pieces it knows", () => {
  const unknown = deberta!.unknownId;
  const ids = deberta!.ids("red 漢字 horse");
  assert.deepEqual(ids.filter((id) => id === unknown), [unknown]);
  const [before, after] = [deberta!.ids("red"), deberta!.ids("horse")];
  assert.deepEqual(ids, [...before, ...deberta!.ids("漢"), ...after]);
});

Deno.test("MPNet's vocab.txt has RoBERTa's special tokens, and BERT's for what is unknown", () => {
  using folder = temporaryFolder();
  const pieces = ["<s>", "<pad>", "</s>", "<unk>", "[PAD]", "[CLS]", "[SEP]", "[UNK]", "red", "<mask>"];
  Deno.writeTextFileSync(join(folder.path, "vocab.txt"), pieces.join("\n") + "\n");
  const tokenizer = loadTokenizer(folder.path);
  assert.deepEqual([...tokenizer.enclose(tokenizer.ids("red blue"), 8)], [0, 8, 7, 2]);
  assert.deepEqual([tokenizer.padId, tokenizer.special.mask], [1, "<mask>"]);
});

/** A model of so many pieces; of a kind by its number in trainer_spec. */
function model(pieces: number, kind: number): Uint8Array {
  const writer = new BinaryWriter();
  for (let i = 0; i < pieces; i++) {
    writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(`p${i}`).join();
  }
  return writer.tag(2, WireType.LengthDelimited).fork().tag(3, WireType.Varint).int32(kind).join().finish();
}

const whole = Deno.readFileSync(join(TOKENIZER_FIXTURES, "deberta/spm.model"));
for (
  const [what, file, bytes, message] of [
    ["one that is cut short", "spm.model", whole.subarray(0, 5000), /spm\.model: /],
    ["one of byte pairs", "spm.model", model(5, 2), /spm\.model: only unigram models are supported/],
    ["an empty one", "sentencepiece.bpe.model", new Uint8Array(), /bpe\.model: it has no pieces/],
    ["one of another kind", "spm.model", model(5, 1), /spm\.model: its first pieces are p0, .* of a DeBERTa/],
    ["what is none", "spm.model", new TextEncoder().encode("version https://git"), /spm\.model: /],
  ] as const
) {
  Deno.test(`a model of SentencePiece is refused by name: ${what}`, () => {
    using folder = temporaryFolder();
    Deno.writeFileSync(join(folder.path, file), bytes);
    assert.throws(
      () => loadTokenizer(folder.path),
      (error) => error instanceof UserError && message.test(error.message),
    );
  });
}

Deno.test("a map of characters that is cut short is refused", () => {
  for (const bytes of [[1], [8, 0, 0, 0, 1, 2, 3, 4], [3, 0, 0, 0, 1, 2, 3]]) {
    const precompiled_charsmap = Uint8Array.from(bytes).toBase64();
    assert.throws(() => new CharsMap({ precompiled_charsmap }), /RangeError.*cut short/);
  }
  assert.equal(new CharsMap({ precompiled_charsmap: "" }).normalize("ﬁ"), "ﬁ");
});
