/** JSON that is not to be trusted: each rule to its last letter. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readJsonFile, readJsonObject, writeJsonFile } from "../../src/io/json_file.ts";
import { parseStrictJson, shortQuote, whyNotJson } from "../../src/io/strict_json.ts";
import { temporaryFolder } from "./crafted.ts";

Deno.test("parseStrictJson() reads what JSON.parse() does, but for keys that stand twice, and what is too much", () => {
  const limits = { depth: 3, keys: 2 };
  const sound = [
    "[[[1]], [[2]]]",
    '{"a": {"b": {"c": 1}}, "d": [{"c": 1}]}',
    '["a", "a", "a"]',
    '{"a": "b:", "b" :\t"a"}',
    String.raw`{"a\\": 1, "a\\\"": "\\\\"}`,
    '"[[[[["',
    " 1 ",
    String.raw`{"a": ["{", "}", "\\"]}`,
  ];
  for (const text of sound) assert.deepEqual(parseStrictJson(text, limits), JSON.parse(text), text);
  const broken: readonly [text: string, message: RegExp][] = [
    ["[[[[1]]]]", /^nests deeper than 3 levels$/],
    ['[{"a": {"b": {}}}]', /^nests deeper than 3 levels$/],
    ['{"a": 1, "b": 2, "c": 3}', /^has an object of more than 2 names$/],
    ['{"a": 1, "a": 2}', /^has the duplicate name "a"$/],
    ['{"a": 1, "\\u0061"\n\r\t : 2}', /^has the duplicate name "a"$/],
    ['{"a": {"b": 1}, "a": 2}', /^has the duplicate name "a"$/],
    ['{"a": 1', /^is not valid JSON$/],
    ['"a', /^is not valid JSON$/],
    ['"a": 1', /^is not valid JSON$/],
    ['{"\\x": 1}', /^is not valid JSON$/],
  ];
  for (const [text, message] of broken) {
    assert.throws(() => parseStrictJson(text, limits), { name: "SyntaxError", message }, text);
  }
});

Deno.test("what is wrong is told as the parser has it, where it has", () => {
  assert.equal(whyNotJson(new SyntaxError("is bad")), "is bad");
  assert.equal(whyNotJson(new SyntaxError("is bad", { cause: new Error("line 3") })), "is bad: line 3");
});

Deno.test("a name is shown whole up to 120 letters, on one line", () => {
  assert.equal(shortQuote('a\n"'), '"a\\n\\""');
  assert.equal(shortQuote("a".repeat(120)), `"${"a".repeat(120)}"`);
  assert.equal(shortQuote("a".repeat(121)), `"${"a".repeat(117)}..."`);
});

Deno.test("JSON files are read as they were written, and refused by name", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x.json");
  writeJsonFile(path, { a: [1] });
  assert.equal(Deno.readTextFileSync(path), '{\n  "a": [\n    1\n  ]\n}\n');
  assert.deepEqual(readJsonFile(path), { a: [1] });
  assert.deepEqual(readJsonObject(path), { a: [1] });
  assert.throws(
    () => readJsonFile(path, { depth: 1, keys: 1 }),
    /UserError: .*x\.json: it nests deeper than 1 levels/,
  );
  for (const text of ["[1]", "null", "1"]) {
    Deno.writeTextFileSync(path, text);
    assert.throws(() => readJsonObject(path), /UserError: Cannot read .*x\.json: it is not a JSON object/);
  }
  Deno.writeTextFileSync(path, "{");
  assert.throws(() => readJsonFile(path), /UserError: Cannot read .*x\.json: it is not valid JSON/);
  Deno.writeFileSync(path, Uint8Array.of(0x22, 0xff, 0x22));
  assert.throws(() => readJsonFile(path), /UserError: Cannot read .*x\.json: it is not valid UTF-8/);
  Deno.removeSync(path);
  assert.throws(() => readJsonFile(path), /UserError: Cannot read .*x\.json: it is missing/);
});
