// Ids where tokens were added to a vocabulary are those of transformers; see scripts/fixtures/added_tokens.py.
import assert from "node:assert/strict";
import { join } from "node:path";
import { addedToken, AddedTokens } from "../../../src/data/text/added_tokens.ts";
import { loadTokenizer } from "../../../src/data/text/load_tokenizer.ts";
import { tokenizerFiles } from "../../../src/data/text/tokenizer_files.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { temporaryFolder } from "../../io/crafted.ts";
import { TOKENIZER_FIXTURES } from "./strings.ts";

interface Fixture {
  pieces: string[];
  texts: Record<"bert" | "roberta", string[]>;
  cases: { model: "bert" | "roberta"; name: string; files: Files; size: number; ids: number[][] }[];
}
type Files = Record<string, unknown>;

const read = (name: string): Fixture =>
  JSON.parse(Deno.readTextFileSync(join(TOKENIZER_FIXTURES, `added_${name}.json`)));

/** A tokenizer from a folder of these files. */
function load(files: Files) {
  using folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    Deno.writeTextFileSync(
      join(folder.path, name),
      typeof content === "string" ? content : JSON.stringify(content),
    );
  }
  return loadTokenizer(folder.path);
}

const roberta = Object.fromEntries(
  ["vocab.json", "merges.txt"].map((name) => [name, Deno.readTextFileSync(join(TOKENIZER_FIXTURES, name))]),
);

for (const version of ["4.30.2", "4.46.3"]) {
  const { pieces, texts, cases } = read(version);
  const vocabularies = { bert: { "vocab.txt": pieces.join("\n") + "\n" }, roberta };
  for (const { model, name, files, size, ids } of cases) {
    Deno.test(`added tokens of a ${model} are those of transformers ${version}: ${name}`, () => {
      const tokenizer = load({ ...vocabularies[model], ...files });
      assert.equal(tokenizer.vocabularySize, size);
      // What a run keeps of a tokenizer must read every text as it does.
      const kept = load(JSON.parse(JSON.stringify(tokenizerFiles(tokenizer, 32))));
      assert.equal(kept.vocabularySize, size);
      texts[model].forEach((text, at) => {
        assert.deepEqual(tokenizer.ids(text), ids[at], JSON.stringify(text));
        assert.deepEqual(kept.ids(text), ids[at], `kept: ${JSON.stringify(text)}`);
      });
    });
  }
}

Deno.test("what tokenizer.json says of a token holds, and no token stands in it twice", () => {
  const { pieces, cases } = read("4.46.3");
  const json = cases.find(({ files }) => "tokenizer.json" in files)!.files["tokenizer.json"] as {
    added_tokens: { content: string; lstrip: boolean }[];
  };
  const changed = {
    ...json,
    added_tokens: json.added_tokens.map((token) => ({ ...token, lstrip: token.content === "<ent>" })),
  };
  const config = { added_tokens_decoder: { [pieces.length]: { content: "<ent>", lstrip: false } } };
  const own = load({ "tokenizer.json": changed, "tokenizer_config.json": config }).json as typeof json;
  assert.deepEqual(own.added_tokens, changed.added_tokens);
});

Deno.test("AddedTokens takes the longest of the tokens that begin at a place", () => {
  const tokens = ["a", "ab", "abc", "c|d", ".*"].map((content, id) => addedToken({ id, content }));
  const added = new AddedTokens(tokens, (text) => text);
  const split = (text: string) => added.split(text).map((part) => typeof part === "string" ? part : part.id);
  assert.deepEqual(split("xabcdabac|d.*"), ["x", 2, "d", 1, 0, 3, 4]);
  assert.deepEqual(split(""), []);
  const words = new AddedTokens([addedToken({ id: 7, content: "é", single_word: true })], (text) => text);
  for (
    const [text, parts] of [["é", [7]], ["\u{10400}é", ["\u{10400}é"]], ["é\u{10400}", ["é\u{10400}"]], [
      "😀é",
      ["😀", 7],
    ]]
  ) {
    assert.deepEqual(
      words.split(text as string).map((part) => typeof part === "string" ? part : part.id),
      parts,
    );
  }
  assert.deepEqual(new AddedTokens([], (text) => text.trim()).split(" x "), ["x"]);
});

Deno.test("special_tokens_map.json names special tokens anew, but not beside an added_tokens_decoder", () => {
  const files = {
    "vocab.txt": "[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\n",
    "tokenizer_config.json": { cls_token: "[CLS]" },
    "special_tokens_map.json": { cls_token: "red" },
  };
  assert.equal(load(files).classId, 4);
  const decoder = { added_tokens_decoder: {}, ...files["tokenizer_config.json"] };
  assert.equal(load({ ...files, "tokenizer_config.json": decoder }).classId, 2);
});

const VOCABULARY = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\n";
Deno.test("a mask that the vocabulary lacks does not make it larger than the model's", () => {
  const { vocabularySize, special } = load({ "vocab.txt": VOCABULARY });
  assert.deepEqual([vocabularySize, special.mask], [5, undefined]);
});

const REFUSED: [what: string, files: Files, message: RegExp][] = [
  [
    "an id that another token has",
    { "added_tokens.json": { number: 4 } },
    /beside .*vocab\.txt give "number" the id 4, which is that of "red"/,
  ],
  [
    "another id than that of the vocabulary",
    { "added_tokens.json": { red: 5 } },
    /give "red" the id 5, but its id is 4/,
  ],
  [
    "two tokens of one id",
    { "added_tokens.json": { one: 5, two: 5 } },
    /give "two" the id 5, which is that of "one"/,
  ],
  [
    "no id",
    { "added_tokens.json": { number: "5" } },
    /added_tokens\.json is not laid out as expected at "number"/,
  ],
  [
    "a decoder that is none",
    { "tokenizer_config.json": { added_tokens_decoder: { first: { content: "x" } } } },
    /tokenizer_config\.json is not laid out as expected at "added_tokens_decoder\.first"/,
  ],
];
for (const [what, files, message] of REFUSED) {
  Deno.test(`loadTokenizer() refuses added tokens with ${what}`, () => {
    assert.throws(
      () => load({ "vocab.txt": VOCABULARY, ...files }),
      (error) => error instanceof UserError && message.test(error.message) || assert.fail(String(error)),
    );
  });
}
