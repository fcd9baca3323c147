/** A tokenizer of ModernBERT's make against `tokenizers` itself (scripts/fixtures/modernbert_tokenizer.py). */
import assert from "node:assert/strict";
import { loadTokenizer } from "../../../src/data/text/load_tokenizer.ts";
import expected from "../../fixtures/tokenizers/modernbert/expected.json" with { type: "json" };

const folder = new URL("../../fixtures/tokenizers/modernbert", import.meta.url).pathname;

Deno.test("a tokenizer of ModernBERT's is read with its added runs of spaces, and cuts texts as tokenizers does", () => {
  const tokenizer = loadTokenizer(folder);
  assert.equal(tokenizer.maxTokens, 8192);
  for (const [text, ids] of expected as [string, number[]][]) {
    assert.deepEqual([...tokenizer.enclose(tokenizer.ids(text), 512)], ids, JSON.stringify(text));
  }
});
