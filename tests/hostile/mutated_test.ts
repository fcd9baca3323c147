/** Mutated files are read or refused, and those that were neither once are refused now, in words of their own. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { FORMATS } from "../../scripts/torture/hostile/formats.ts";
import { triesOf } from "../../scripts/torture/hostile/tries.ts";
import { temporaryFolder } from "../io/crafted.ts";

/** `deno task torture` makes more, in processes of their own, requests among them. */
const TRIES = 60;

for (const format of FORMATS.filter(({ name }) => name !== "requests")) {
  Deno.test(`${TRIES} mutations of ${format.name} are read, or refused in words of the reader's own`, async () => {
    using folder = temporaryFolder();
    const attempt = await triesOf(format, folder.path);
    const ways = new Map<string, number>();
    for (let key = 1; key <= TRIES; key++) {
      const outcome = await attempt(key);
      assert.ok("how" in outcome, `${key}: ${"failed" in outcome && outcome.failed}`);
      ways.set(outcome.how, (ways.get(outcome.how) ?? 0) + 1);
    }
    assert.ok(ways.get("refused")! > 0, "mutations do some harm");
  });
}

const FIXTURES = new URL("../fixtures", import.meta.url).pathname;
const patched = (path: string, at: number, ...bytes: number[]) => {
  const file = Deno.readFileSync(join(FIXTURES, path));
  file.set(bytes, at);
  return file;
};
const tokenizer = (
  change: (json: { model: { vocab: Record<string, number> }; pre_tokenizer: object }) => void,
) => {
  const seeds = FORMATS.find(({ name }) => name === "tokenizer.json")!.seeds() as Uint8Array[];
  const json = JSON.parse(new TextDecoder().decode(seeds[0]));
  change(json);
  return JSON.stringify(json);
};
const deep = (open: string, close = "", times = 100_000) => open.repeat(times) + close.repeat(times);
/** What lies at a place of its column: the length of the runs of its levels, then the runs. */
const [RUNS, REPEATED] = [1290, [0x02, 0, 0, 0]];

/** The runs of numbers of a dictionary; their bits stand before them. */
const NUMBERS = 1673;

/** By format: what is wrong, the file, and how it is refused. */
const FOUND:
  readonly (readonly [format: string, what: string, file: string | Uint8Array, refusal: RegExp])[] = [
    [
      "parquet",
      "a page header whose counts are zeros",
      patched("tables/gzip.parquet", 1961, 0, 0, 0, 0),
      /the levels of a page reach beyond it/,
    ],
    [
      "parquet",
      "a run of two thousand million values",
      patched("tables/none.parquet", RUNS, 0x06, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f),
      /a run repeats a value 2147483647 times, in a page of \d+/,
    ],
    [
      "parquet",
      "a run of two thousand million numbers of a dictionary",
      patched("tables/none.parquet", NUMBERS, 0xfe, 0xff, 0xff, 0xff, 0x0f),
      /a run repeats a value 2147483647 times, in a page of 12/,
    ],
    [
      "parquet",
      "numbers of a dictionary of more than 32 bits",
      patched("tables/none.parquet", NUMBERS - 1, 33),
      /a page refers to its dictionary by too many bits/,
    ],
    [
      "parquet",
      "a run that ends in its count",
      patched("tables/none.parquet", RUNS, ...REPEATED, 0xff, 0xff),
      /a run of values is damaged/,
    ],
    [
      "parquet",
      "no metadata",
      patched("tables/none.parquet", 4138 - 8, 0, 0, 0, 0),
      /is no Parquet file, or is cut off/,
    ],
    ["config.yaml", "an alias within what it stands for", "a: &a [*a]", /it nests deeper than 32 levels/],
    ["yaml", "an alias within what it stands for", "seeds: &a [*a]", /it nests deeper than 32 levels/],
    ["yaml", "lists within lists", deep("[", "]", 20_000), /it nests deeper than 32 levels/],
    ["yaml", "aliases of aliases", laughs(), /alias/],
    ["yaml", "a set", "name: !!set { a, b }", /a value that is no text, number, list or group of keys/],
    [
      "config.yaml",
      "too much of it",
      `a: ${"x".repeat(10_000_000)}`,
      /over the limit of 10000000 bytes/,
    ],
    [
      "tokenizer.json",
      "an id beyond all vocabularies",
      tokenizer(({ model }) => model.vocab["x"] = 2 ** 31),
      /at "model\.vocab\.x": expected an id from 0 to 10000000/,
    ],
    [
      "tokenizer.json",
      "a pattern that takes for ever",
      tokenizer((json) =>
        json.pre_tokenizer = {
          type: "Split",
          pattern: { Regex: "(a+)+$" },
          behavior: "Isolated",
          invert: false,
        }
      ),
      /has the pattern "\(a\+\)\+\$", which may take for ever/,
    ],
    ["tokenizer.json", "objects within objects", deep('{"a":', "}", 1000), /nests deeper than 32 levels/],
    ["config.json", "lists within lists", deep("["), /nests deeper than 32 levels/],
  ];

function laughs(): string {
  const names = "abcdefghij";
  const lines = Array.from(
    names,
    (name, i) => `${name}: &${name} [${i === 0 ? "x" : Array(9).fill(`*${names[i - 1]}`).join(", ")}]`,
  );
  return lines.join("\n");
}

for (const [name, what, content, refusal] of FOUND) {
  Deno.test(`${name} is refused for ${what}`, async () => {
    using folder = temporaryFolder();
    const read = await FORMATS.find((format) => format.name === name)!.open(folder.path);
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await assert.rejects(read(new Uint8Array(bytes)), (error: Error) => {
      assert.equal(error.name, "UserError", error.stack);
      assert.match(error.message, refusal);
      return true;
    });
  });
}
