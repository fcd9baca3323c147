// --config: files of nested or dotted keys, or a whole configuration; what wins where a setting is said twice; and mistakes.
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { UserError } from "../../src/base/user_error.ts";
import { chooseConfig, type ConfigFlags } from "../../src/cli/choose_config.ts";
import { configJsonSchema, parseConfig, type RunConfig } from "../../src/config/run_config.ts";
import { PRESETS } from "../../src/config/presets.ts";
import { temporaryFolder } from "../io/crafted.ts";

const DOWNLOADS = { begin() {}, advance() {}, end() {}, note() {} };

/** The configuration that a file and flags lead to. */
async function chosen(text: string, flags: Partial<ConfigFlags> = {}, name = "c.yaml"): Promise<RunConfig> {
  using folder = temporaryFolder();
  const config = join(folder.path, name);
  Deno.writeTextFileSync(config, text);
  const all: ConfigFlags = { preset: "emoji", semi: true, negative: true, device: "auto", ...flags, config };
  return (await chooseConfig(all, Object.keys(flags), DOWNLOADS)).config;
}

Deno.test("a file of some keys changes the preset, however it is written", async () => {
  const expected = structuredClone(PRESETS.emoji);
  expected.training.epochs = 3;
  expected.optimizer.learning_rates = { image: 2e-3, text: 1e-4 };
  const texts = [
    "training:\n  epochs: 3\noptimizer:\n  learning_rates:\n    text: 1e-4\n",
    "training.epochs: 3\noptimizer.learning_rates.text: 0.0001\n",
    "# a comment\noptimizer: { learning_rates.text: 1.0e-4 }\ntraining: { epochs: 3 }\n",
    JSON.stringify({ training: { epochs: 3 }, "optimizer.learning_rates": { text: 1e-4 } }),
  ];
  for (const text of texts) assert.deepEqual(await chosen(text), expected, text);
  assert.deepEqual(await chosen(""), PRESETS.emoji);
  assert.deepEqual((await chosen("optimizer: { learning_rates: {} }")).optimizer.learning_rates, {});
});

Deno.test("--set wins over flags, flags over the file, the file over the preset", async () => {
  const file =
    "seed: 2\nmethod: agg-mm\nmodel: { semi_positive: true }\ntraining: { epochs: 2, batch: 64, micro_batch: 64 }\n";
  const first = await chosen(file, { preset: "emoji-large" });
  assert.deepEqual([first.seed, first.training.epochs, first.data.name], [2, 2, "emoji"]);
  assert.equal(first.model.head.hidden_size, PRESETS["emoji-large"].model.head.hidden_size);
  const second = await chosen(file, { seed: 3, epochs: 3, set: ["seed=4"] });
  assert.deepEqual([second.seed, second.training.epochs, second.method], [4, 3, "agg-mm"]);
  // What is wrong in between and mended later is no mistake.
  assert.equal(
    (await chosen("training: { batch: 96 }", { set: ["training.micro_batch=32"] })).training.batch,
    96,
  );
});

Deno.test("a file names data, and a whole configuration stands by itself", async () => {
  using folder = temporaryFolder();
  const table = join(folder.path, "items.csv");
  Deno.writeTextFileSync(table, "title,label\na,x\nb,y\n");
  const partial = await chosen(`data: { name: table, file: ${table}, text: title }\ntraining.epochs: 2`);
  assert.deepEqual(Object.keys(partial.model.encoders), ["text"]);
  assert.equal(partial.training.epochs, 2);

  const whole = structuredClone(partial);
  whole.model.encoders.text!.hidden_size = 48;
  whole.optimizer.learning_rates = {};
  const text = JSON.stringify(whole);
  assert.deepEqual(await chosen(text, {}, "config.json"), whole);
  const moved = await chosen(text, { data: "table:other.csv", seed: 9 });
  assert.deepEqual(moved, { ...whole, seed: 9, data: { ...whole.data, file: resolve("other.csv") } });
  await assert.rejects(chosen(text, { preset: "emoji" }), /--preset cannot be used with .*c\.yaml/);
  await assert.rejects(chosen(text, { data: "emoji" }), /--data emoji .* "data\.name" is table/);
  await assert.rejects(
    chosen("data: { name: emoji }", { data: "table:x.csv" }),
    /--data table .* "data\.name" is emoji/,
  );
});

Deno.test("an encoder that is whole takes the place of another", async () => {
  const { image } = PRESETS["emoji-large"].model.encoders;
  const { model } = await chosen(JSON.stringify({ model: { encoders: { image } } }));
  assert.deepEqual(model.encoders.image, { ...image, frozen: false });
  const deit = { ...image, model_type: "deit" };
  assert.equal(
    (await chosen(JSON.stringify({ model: { encoders: { image: deit } } }))).model.encoders.image!.model_type,
    "deit",
  );
});

Deno.test("a pretrained encoder that a file names is found, and one that is not there is told", async () => {
  const source = new URL("../fixtures/encoders/bert", import.meta.url).pathname;
  const missing = {
    ...PRESETS.emoji.model.encoders.text,
    pretrained: { source: "/none/of/these", commit: null },
  };
  await assert.rejects(
    chosen(JSON.stringify({ model: { encoders: { text: missing } } })),
    (error: Error) => error instanceof UserError && /none\/of\/these/.test(error.message),
  );
  const there = { ...missing, pretrained: { source, commit: null } };
  await assert.rejects(
    chosen(JSON.stringify({ model: { encoders: { text: there } } })),
    /it lacks tokenizer\.json/,
  );
});

Deno.test("a mistake names the file, the line or the key, and what is near", async () => {
  const cases: [text: string, flags: Partial<ConfigFlags>, message: RegExp][] = [
    [
      "training: { epoch: 3 }",
      {},
      /c\.yaml: unknown key "training\.epoch": did you mean "training\.epochs"\?/,
    ],
    ["trainning: { epochs: 3 }", {}, /c\.yaml: unknown key "trainning": did you mean "training"\?/],
    ["training.epochs: many", {}, /c\.yaml: "training\.epochs" must be a number, got "many"/],
    ["training.epochs: 3", { set: ["training.epochs=x"] }, /^--set: "training\.epochs" must/],
    ["training.epochs: x", { set: ["seed=x"] }, /^--set: "seed" must be a number, got "x"/],
    ["method: agg-mn", {}, /c\.yaml: .*"agg-mn"/],
    ["method: agg-mm", { method: "x" }, /^--method: /],
    [
      "training: { batch: 100 }",
      {},
      /c\.yaml: "training\.batch" must be a multiple of "training\.micro_batch"/,
    ],
    [
      "data: { labels: grup }",
      {},
      /c\.yaml: "data\.labels" must be one of group, subgroup.*did you mean "group"/,
    ],
    [
      "data: { name: food, root: x }",
      {},
      /c\.yaml: "data\.name" must be one of .*got "food"; did you mean "food101"\?/,
    ],
    ["data: { name: table }", {}, /c\.yaml: key "data\.file" is missing/],
    ["data: { root: x }", {}, /c\.yaml: key "data\.name" is missing/],
    ["seed: 1\nmethod: [x", {}, /Cannot read .*c\.yaml, line 2: /],
    ["seed: 1\nseed: 2", {}, /Cannot read .*c\.yaml, line 2: Map keys must be unique/],
    ["- seed", {}, /c\.yaml must hold keys of a configuration/],
    ["seed: !!binary x\ny: *no", {}, /Cannot read .*c\.yaml/],
  ];
  for (const [text, flags, message] of cases) {
    await assert.rejects(chosen(text, flags), (error: Error) => {
      assert.ok(error instanceof UserError, `${text}: ${error.stack}`);
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("the JSON Schema has every key of every preset, and says which may be left out", () => {
  const schema = JSON.parse(JSON.stringify(configJsonSchema()));
  assert.match(schema.$schema, /json-schema\.org/);
  for (const config of Object.values(PRESETS)) {
    parseConfig(config, "a preset");
    assert.deepEqual(Object.keys(config).filter((key) => !(key in schema.properties)), []);
    const { training, optimizer } = schema.properties;
    assert.deepEqual(Object.keys(config.training).filter((key) => !(key in training.properties)), []);
    assert.ok(optimizer.required.includes("weight_decay") && !optimizer.required.includes("weight_decays"));
  }
  const kinds = schema.properties.model.properties.encoders.additionalProperties.oneOf;
  assert.ok(
    kinds.some((kind: { properties: { model_type: { const: string } } }) =>
      kind.properties.model_type.const === "vit"
    ),
  );
});
