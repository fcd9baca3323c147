/** Names that all objects have, and `__proto__`, are names like any other in data, and told where they cannot be used. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { evaluateRun, trainOnTable, writeTable } from "../app/small_runs.ts";
import { predictTable } from "../../src/app/predict/predict_table.ts";
import { PredictSession } from "../../src/app/predict/session.ts";
import { answerWriter } from "../../src/app/predict/writers.ts";
import { readConfigFile } from "../../src/config/config_file.ts";
import { dataPreset } from "../../src/config/data_presets.ts";
import { withSettings } from "../../src/config/run_config.ts";
import { loadTokenizer } from "../../src/data/text/load_tokenizer.ts";
import { wordPieceJson } from "../../src/data/text/tokenizer_json.ts";
import { readExperiment } from "../../src/experiments/experiment_file.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { TABLE } from "../data/readers/written_table.ts";
import { indexTable } from "../../src/data/readers/table.ts";
import { openTestGpu } from "../open_gpu.ts";
import { withVariables } from "../variables.ts";

const NAMES = ["__proto__", "constructor", "hasOwnProperty", "toString"];
const [TEXT, LABEL, SPLIT] = NAMES as [string, string, string];
/** Columns and classes are called so. */
const ROWS = Array.from({ length: 24 }, (_, i) => [
  `thing ${i % 4}`,
  NAMES[i % 4]!,
  ["train", "train", "validation", "test"][i >> 2 & 3]!,
]);

const WRITTEN = {
  "items.csv": () => [[TEXT, LABEL, SPLIT], ...ROWS].map((row) => row.join(",") + "\n").join(""),
  "items.jsonl": () =>
    ROWS.map((row) => `{${[TEXT, LABEL, SPLIT].map((name, i) => `"${name}": "${row[i]}"`).join(", ")}}\n`)
      .join(""),
};

for (const [name, content] of Object.entries(WRITTEN)) {
  Deno.test(`columns and classes of ${name} may be called as what all objects have`, async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, name);
    Deno.writeTextFileSync(file, content());
    const { classes, samples, faults } = await indexTable({
      ...TABLE,
      file,
      modalities: { text: { text: TEXT } },
      label: LABEL,
      split: SPLIT,
    });
    assert.deepEqual(classes, NAMES);
    assert.deepEqual(faults, []);
    assert.deepEqual(samples.map(({ inputs }) => inputs.text), ROWS.map(([text]) => text));
    assert.deepEqual(NAMES.map((_, label) => samples.filter((one) => one.label === label).length), [
      6,
      6,
      6,
      6,
    ]);
  });
}

Deno.test("a run of such classes is trained, evaluated and answers as of any other", async () => {
  using folder = temporaryFolder();
  using _variables = withVariables({ UNIS_CACHE_DIR: join(folder.path, "cache") });
  writeTable(join(folder.path, "items.csv"), [[TEXT, LABEL, SPLIT], ...ROWS]);
  const gpu = await openTestGpu();
  const run = await trainOnTable(gpu, folder.path, [
    "method=text",
    `data.text=${TEXT}`,
    `data.label=${LABEL}`,
    `data.split=${SPLIT}`,
    "training.epochs=1",
    "training.batch=12",
    "training.micro_batch=12",
    "model.encoders.text.hidden_size=8",
    "model.encoders.text.num_hidden_layers=1",
    "model.encoders.text.intermediate_size=8",
    "model.encoders.text.num_attention_heads=2",
  ]);
  const { evaluation } = await evaluateRun(gpu, run);
  assert.equal(evaluation.samples, 4);
  using session = await PredictSession.begin(run, "auto");
  assert.deepEqual(session.classes, NAMES);
  const lines: string[] = [];
  await predictTable(session, join(folder.path, "items.csv"), {
    skipBad: false,
    columns: {},
    writer: answerWriter("jsonl", { classes: session.classes, top: 4, all: true }),
    print: (text) => lines.push(text),
  });
  const answers = lines.join("").trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(answers.length, ROWS.length);
  for (const [i, answer] of answers.entries()) {
    const { text: own } = answer.probabilities;
    assert.deepEqual(Object.keys(own), NAMES);
    assert.ok(Math.abs(Object.values<number>(own).reduce((sum, p) => sum + p, 0) - 1) < 1e-5);
    assert.deepEqual(answer.predictions.text.map((one: { class: string }) => one.class).sort(), NAMES);
    assert.deepEqual(Object.keys(answer).slice(0, 3), [TEXT, LABEL, SPLIT]);
    assert.equal(Object.entries(answer)[0]![1], ROWS[i]![0]);
  }
});

Deno.test("tokens may be called as what all objects have", () => {
  using folder = temporaryFolder();
  const tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "_", "proto", "constructor", "__proto__", "toString"];
  const json = JSON.stringify(
    wordPieceJson(new Map(tokens.map((token, id) => [token, id])), { lowercase: false }),
  );
  const split = json.replace('"type":"BertPreTokenizer"', '"type":"WhitespaceSplit"');
  Deno.writeTextFileSync(join(folder.path, "tokenizer.json"), split);
  const tokenizer = loadTokenizer(folder.path);
  assert.deepEqual(tokenizer.ids("__proto__ constructor toString valueOf"), [7, 6, 8, 1]);
  assert.equal(tokenizer.textOf(7), "__proto__");
});

const REFUSED: readonly (readonly [what: string, settings: readonly string[], message: RegExp])[] = [
  ["a key", ["__proto__.x=1"], /"__proto__\.x" is no key/],
  ["a key within a group", ["training.__proto__.epochs=1"], /"training\.__proto__\.epochs" is no key/],
  ["a group", ["constructor.prototype.x=1"], /unknown key "constructor"/],
  [
    "a key in a value",
    ['training.class_weights={"__proto__":2}'],
    /"training\.class_weights\.__proto__": no key may be/,
  ],
  ["an encoder", ['model.encoders.constructor={"model_type":"bert"}'], /"?model\.encoders\.constructor/],
];
for (const [what, settings, message] of REFUSED) {
  Deno.test(`${what} of a name that all objects have is refused: ${settings}`, () => {
    assert.throws(() => withSettings(dataPreset({ name: "emoji", path: "" }, []), settings), {
      name: "UserError",
      message,
    });
    assert.equal(({} as Record<string, unknown>).x, undefined);
  });
}

for (const name of ["constructor", "toString", "valueOf"]) {
  Deno.test(`no modality may be called ${name}`, () => {
    const settings = [
      "data.text=title",
      "data.label=label",
      `data.modalities={"${name}":{"features":["a"]}}`,
    ];
    assert.throws(
      () => withSettings(dataPreset({ name: "table", path: "/items.csv" }, settings), settings),
      { name: "UserError", message: new RegExp(`"data\\.modalities\\.${name}": .* that all objects have`) },
    );
  });
}

for (const [read, name] of [[readExperiment, "experiment.yaml"], [readConfigFile, "config.yaml"]] as const) {
  Deno.test(`${name} with the key __proto__ is refused`, () => {
    using folder = temporaryFolder();
    const path = join(folder.path, name);
    for (
      const text of [
        "__proto__: { seed: 3 }",
        "training: { __proto__: { epochs: 1 } }",
        '{"a": {"__proto__": 1}}',
      ]
    ) {
      Deno.writeTextFileSync(path, text);
      assert.throws(() => read(path), { name: "UserError", message: /no key may be called "__proto__"/ });
    }
  });
}
