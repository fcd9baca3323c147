/** YAML files: what they may say, how deep and how much, and where the mistake is. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readYaml, toYaml, valueOfYaml } from "../../src/io/yaml_file.ts";
import { temporaryFolder } from "./crafted.ts";

/** A list in a list, so many in all. */
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
/** 999,999 values: a list of 10,100, and aliases of it. */
const REPEATED = `- &a [${Array(10_100).fill(0)}]\n${"- *a\n".repeat(98)}`;

Deno.test("readYaml() reads values as they were made by toYaml(), and aliases within limits", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x.yaml");
  const read = (text: string) => {
    Deno.writeTextFileSync(path, text);
    return readYaml(path);
  };
  const value = { a: [1, "2", "true", null, { b: "long ".repeat(40) }], c: { d: 0.5 }, e: "é: #" };
  assert.deepEqual(read(toYaml(value)), value);
  const same = { f: 1 };
  assert.deepEqual(read(toYaml([same, same])), [same, same]);
  assert.ok(!/[&*]/.test(toYaml([same, same])));
  assert.ok(toYaml(value).split("\n").length < 12, "no line is broken");
  assert.equal(read("3"), 3);
  assert.deepEqual(read(nested(32)), JSON.parse(nested(32)));
  assert.equal((read(`${REPEATED}- 0`) as unknown[]).length, 100);
});

Deno.test("readYaml() names the file, the line and what is wrong", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "x.yaml");
  const cases: readonly [text: string, message: RegExp][] = [
    ["a: 1\nb: [\n", /^Cannot read .*x\.yaml, line 3: [^\n]+[^:\d]$/],
    ["a: 1\na: 2\n", /x\.yaml, line 2: Map keys must be unique$/],
    [nested(33), /x\.yaml: it nests deeper than 32 levels$/],
    [nested(20_000), /x\.yaml: it nests deeper than 32 levels$/],
    ["a: &a [*a]", /x\.yaml: it nests deeper than 32 levels$/],
    [`${REPEATED}- 0\n- 0`, /x\.yaml: its aliases make more than 1000000 values$/],
    ["a: !!set {b}", /x\.yaml: it has a value that is no text, number, list or group of keys$/],
    ['a: {"__proto__": 1}', /x\.yaml: no key may be called "__proto__"$/],
    [" ".repeat(10_000_001), /x\.yaml: it is over the limit of 10000000 bytes$/],
  ];
  for (const [text, message] of cases) {
    Deno.writeTextFileSync(path, text);
    assert.throws(() => readYaml(path), { name: "UserError", message }, text.slice(0, 40));
  }
});

Deno.test("valueOfYaml() takes for a text what is no YAML", () => {
  assert.deepEqual(["1", "[a]", "no: [", "null", "'1'"].map(valueOfYaml), [1, ["a"], "no: [", null, "1"]);
});
