import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { UserError } from "../../src/base/user_error.ts";
import { axesOf, parseExperiment, readExperiment } from "../../src/experiments/experiment_file.ts";
import { planRuns } from "../../src/experiments/plan_runs.ts";
import { textOf, withSettings } from "../../src/config/run_config.ts";
import { PRESETS } from "../../src/config/presets.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { NEWS } from "./news.ts";

const NONE = { encoders: {}, settings: [] };

Deno.test("an experiment that names no table has one: the test accuracy of every head", () => {
  const { tables } = parseExperiment(
    { name: "x", seeds: [1], variants: [{ name: "A", method: "agg-mm" }] },
    "f",
  );
  assert.deepEqual(tables.map(({ title, measures }) => [title, measures]), [["Test accuracy", ["accuracy"]]]);
});

Deno.test("planRuns() makes each variant at every combination of levels, one seed after the other", () => {
  const runs = planRuns(parseExperiment(parse(NEWS), "f"), "f", NONE);
  assert.equal(runs.length, 2 * (2 * 2 * 2 + 1));
  assert.deepEqual(runs.slice(0, 5).map(({ name }) => name), [
    "headline-bert-aggmm-seed3",
    "headline-bert-c-semi-seed3",
    "image-only-seed3",
    "headline-roberta-aggmm-seed3",
    "headline-roberta-c-semi-seed3",
  ]);
  assert.deepEqual(
    runs.slice(9).map(({ name }) => name),
    runs.slice(0, 9).map(({ name }) => name.replace("3", "1")),
  );
  const image = runs[2]!;
  assert.deepEqual([image.levels, image.method, image.seed], [{}, "image", 3]);
  assert.deepEqual(runs[4]!.levels, { source: "Headline", encoder: "RoBERTa" });
  assert.deepEqual(runs[4]!.encoders, { image: "a/vit", text: "a/roberta" });
});

Deno.test("planRuns() lets the variant win over the levels, these over the file, and the command line over all", () => {
  const file = parseExperiment(parse(NEWS), "f");
  const decayOf = (name: string, settings: string[] = []) => {
    const run = planRuns(file, "f", { encoders: { text: "mine" }, settings }).find((one) =>
      one.name === name
    )!;
    assert.equal(run.encoders.text, "mine");
    const own = run.settings.filter((setting) => !textOf(setting).startsWith("data."));
    return withSettings(PRESETS.emoji, own);
  };
  assert.equal(decayOf("headline-bert-aggmm-seed1").optimizer.weight_decay, 1e-4);
  assert.equal(decayOf("headline-roberta-aggmm-seed1").optimizer.weight_decay, 0);
  const semi = decayOf("headline-roberta-c-semi-seed1");
  assert.equal(semi.optimizer.weight_decay, 0.5);
  assert.deepEqual([semi.seed, semi.method, semi.model.negative], [1, "unis-mmc", false]);
  assert.deepEqual(semi.optimizer.learning_rates, {});
  assert.equal(decayOf("caption-bert-c-semi-seed3", ["optimizer.weight_decay=7"]).optimizer.weight_decay, 7);
});

Deno.test("planRuns() refuses variants that would share a folder", () => {
  const value = parse(NEWS);
  value.variants[0].name = "c semi";
  assert.throws(() => planRuns(parseExperiment(value, "f.yaml"), "f.yaml", NONE), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(
      error.message,
      /^f\.yaml: c semi and \+ C_semi would share the folder headline-bert-c-semi-seed3/,
    );
    return true;
  });
});

Deno.test("a table has variants by rows, and factors or else heads by columns, if it does not say", () => {
  const { factors, tables } = parseExperiment(parse(NEWS), "f");
  assert.deepEqual(axesOf(tables[0]!, { factors }), { rows: ["variant"], columns: ["source", "encoder"] });
  assert.deepEqual(axesOf(tables[0]!, { factors: {} }), { rows: ["variant"], columns: ["head"] });
  assert.deepEqual(axesOf({ ...tables[0]!, columns: ["variant"] }, { factors: {} }), {
    rows: [],
    columns: ["variant"],
  });
  const two = { ...tables[0]!, measures: ["accuracy", "macro_f1"] as ("accuracy" | "macro_f1")[] };
  assert.deepEqual(axesOf(two, { factors: {} }).columns, ["head", "measure"]);
});

Deno.test("parseExperiment() names file, key and what is expected", () => {
  const cases: [(value: Record<string, unknown>) => void, RegExp][] = [
    [(v) => delete v.seeds, /^f: key "seeds" is missing/],
    [(v) => v.seeds = 3, /^f: "seeds" must be a list, got 3/],
    [(v) => v.seeds = [1, 1], /^f: "seeds" has 1 twice/],
    [(v) => v.sets = {}, /^f: unknown key "sets": did you mean "set"\?/],
    [
      (v) => v.preset = "emojis",
      /^f: "preset" must be one of emoji, emoji-large, got "emojis"; did you mean "emoji"\?/,
    ],
    [(v) => v.preset = "emoji", /^f: "preset" is for the emoji: "data" n24news:somewhere has its own/],
    [(v) => v.semantics = "author", /^f: "semantics" must be one of paper, authors.*did you mean "authors"/],
    [
      (v) => v.variants = [{ name: "a", methods: "b" }],
      /^f: key "variants\.0\.method" is missing|unknown key "variants\.0\.methods": did you mean "variants\.0\.method"/,
    ],
    [
      (v) => v.variants = [{ name: "a", method: "b", at: { sauce: "x" } }],
      /"variants\.0\.at" names "sauce".*did you mean "source"/,
    ],
    [
      (v) => v.variants = [{ name: "a", method: "b", at: { source: "x" } }],
      /"variants\.0\.at\.source" names "x", which must be one of Headline, Caption/,
    ],
    [(v) => v.factors = { head: { x: {} } }, /"factors\.head" needs another name/],
    [(v) => v.factors = { source: {} }, /"factors\.source" must have at least one level/],
    [(v) => v.baseline = "AggM", /"baseline" names "AggM".*did you mean "AggMM"/],
    [
      (v) => v.tables = [{ title: "t", variants: ["X"] }],
      /"tables\.0\.variants" names "X", which must be one of AggMM/,
    ],
    [
      (v) => v.tables = [{ title: "t", rows: ["variants"] }],
      /"tables\.0" names "variants".*did you mean "variant"/,
    ],
    [(v) => v.tables = [{ title: "t", columns: ["source"] }], /"tables\.0" must have "encoder" among/],
    [
      (v) => v.tables = [{ title: "t", measures: ["acuracy"] }],
      /"tables\.0\.measures\.0" must be one of accuracy.*did you mean "accuracy"/,
    ],
  ];
  for (const [change, expected] of cases) {
    const value = parse(NEWS);
    change(value);
    assert.throws(() => parseExperiment(value, "f"), (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, expected);
      return true;
    });
  }
  assert.throws(() => parseExperiment(null, "f"), /UserError: f: must be a group of keys, got null/);
});

Deno.test("readExperiment() takes YAML and JSON, and names the line where it is neither", () => {
  using folder = temporaryFolder();
  const [yaml, json, broken] = ["a.yaml", "a.json", "b.yaml"].map((name) => join(folder.path, name));
  Deno.writeTextFileSync(yaml!, NEWS);
  Deno.writeTextFileSync(json!, JSON.stringify(parse(NEWS)));
  assert.deepEqual(readExperiment(yaml!), readExperiment(json!));
  Deno.writeTextFileSync(broken!, "name: x\nseeds: [1, 2\nvariants: 3\n");
  assert.throws(() => readExperiment(broken!), /UserError: Cannot read .*b\.yaml, line [23]: [^\n]+$/);
  Deno.writeTextFileSync(broken!, "name: x\nname: y\n");
  assert.throws(() => readExperiment(broken!), /UserError: Cannot read .*b\.yaml, line 2: .*unique/);
});

Deno.test("a file that extends another has its keys, but for those of its own", () => {
  using folder = temporaryFolder();
  const write = (name: string, text: string) => {
    const path = join(folder.path, name);
    Deno.writeTextFileSync(path, text);
    return path;
  };
  write("base.yaml", NEWS);
  const own = write(
    "own.yaml",
    "extends: base.yaml\nname: Own\nset: { optimizer.weight_decay: 2 }\nencoders: { text: mine }\n",
  );
  const [base, other] = [readExperiment(join(folder.path, "base.yaml")), readExperiment(own)];
  assert.equal(other.name, "Own");
  assert.deepEqual(other.set, { "optimizer.weight_decay": 2, "optimizer.learning_rates": {} });
  assert.deepEqual(other.encoders, { image: "a/vit", text: "mine" });
  assert.deepEqual(other.variants, base.variants);
  assert.throws(
    () => readExperiment(write("lost.yaml", "extends: none.yaml\n")),
    /UserError: Cannot read .*none\.yaml/,
  );
  write("a.yaml", "extends: b.yaml\n");
  assert.throws(() => readExperiment(write("b.yaml", "extends: a.yaml\n")), /UserError: .*extends this file/);
});
