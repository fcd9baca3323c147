import assert from "node:assert/strict";
import { join } from "node:path";
import type { DownloadProgress } from "../../src/io/hub.ts";
import { parseConfig, withSettings } from "../../src/config/run_config.ts";
import { hasInputs } from "../../src/config/data_config.ts";
import { maxTokensOf } from "../../src/build/index_samples.ts";
import { DATA_NAMES, dataPreset, parseDataChoice } from "../../src/config/data_presets.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { fitData } from "../../src/build/load_dataset.ts";
import { choosePretrained } from "../../src/build/pretrained.ts";
import { writeN24News } from "../../scripts/miniatures.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { openTestGpu } from "../open_gpu.ts";
import { writeEncoders } from "../train/tiny_encoders.ts";
import { withVariables } from "../variables.ts";

const SILENT: DownloadProgress = { begin() {}, advance() {}, end() {}, note() {} };

Deno.test("parseDataChoice() splits at the first colon and makes the path absolute", () => {
  assert.deepEqual(parseDataChoice("table:/a/b:c.csv"), { name: "table", path: "/a/b:c.csv" });
  assert.equal(parseDataChoice("features:x").path, join(Deno.cwd(), "x"));
  assert.equal(parseDataChoice("emoji").name, "emoji");
});

Deno.test("every data set has a preset that is valid and comes through JSON unchanged", () => {
  using folder = temporaryFolder();
  for (const view of [1, 2, 3, 5]) Deno.writeTextFileSync(join(folder.path, `${view}_tr.csv`), "1,2\n");
  const settings = ["data.text=words", 'data.modalities={"front":{"image":"a"},"back":{"image":"b"}}'];
  for (const name of DATA_NAMES) {
    const preset = dataPreset({ name, path: folder.path }, name === "table" ? settings : []);
    const config = withSettings(preset, name === "table" ? settings : []);
    assert.deepEqual(parseConfig(JSON.parse(JSON.stringify(config)), name), config);
    assert.equal(config.data.name, name);
    const kinds = Object.entries(config.model.encoders).map((
      [modality, { model_type }],
    ) => [modality, model_type]);
    const expected = name === "features"
      ? [["view1", "mlp"], ["view2", "mlp"], ["view3", "mlp"]]
      : name === "table"
      ? [["text", "bert"], ["front", "vit"], ["back", "vit"]]
      : [["image", "vit"], ["text", "bert"]];
    assert.deepEqual(kinds, expected, name);
  }
});

Deno.test("modalities of a table have names of their own", () => {
  for (const name of ["heads", "fusion", "total", "contrast", "a-b"]) {
    const settings = [`data.modalities={${JSON.stringify(name)}:{"text":"a"}}`];
    assert.throws(
      () => dataPreset({ name: "table", path: "t.csv" }, settings),
      { name: "UserError", message: /"data\.modalities/ },
      name,
    );
  }
  const settings = ["data.text=a", 'data.modalities={"text":{"text":"b"}}'];
  assert.throws(() => dataPreset({ name: "table", path: "t.csv" }, settings), /"data\.text" are both given/);
});

Deno.test("all samples of a data set of features are learned from only where validation decides nothing", () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(join(folder.path, "1_tr.csv"), "1,2\n");
  const preset = dataPreset({ name: "features", path: folder.path }, []);
  const cases: [string[], RegExp?][] = [
    [[]],
    [["optimizer.schedule=constant"]],
    [["data.validation_share=0.2", "training.keep=best", "optimizer.schedule=plateau"]],
    [["training.keep=best"], /"training\.keep" must be last/],
    [["optimizer.schedule=plateau"], /"optimizer\.schedule" must not be plateau/],
    [["data.validation_share=1"], /"data\.validation_share" must be less than 1/],
  ];
  for (const [settings, message] of cases) {
    if (message === undefined) withSettings(preset, settings);
    else assert.throws(() => withSettings(preset, settings), message);
  }
});

Deno.test("N24News has the lengths published for each kind of text, unless told, and no more than there are positions", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "n24news");
  const preset = dataPreset({ name: "n24news", path: root }, []);
  const lengths: [string[], number][] = [
    [[], 20],
    [["data.text=caption"], 100],
    [["data.text=abstract"], 100],
    [["data.text=body"], 512],
    [["data.text=body", "data.max_tokens=64"], 64],
  ];
  for (const [settings, length] of lengths) {
    const { data } = withSettings(preset, settings);
    assert.ok(hasInputs(data));
    assert.equal(maxTokensOf(data), length);
  }
  await writeN24News(root, { classes: 1, perClass: 3 });
  await writeEncoders(await openTestGpu(), folder.path);
  const wanted = { image: join(folder.path, "image"), text: join(folder.path, "text") };
  const { config, folders } = await choosePretrained(preset, wanted, SILENT);
  assert.deepEqual(
    config.optimizer.learning_rates,
    { image: 2e-5, text: 2e-5 },
    "the preset's, being smaller",
  );
  using _ = withVariables({ UNIS_CACHE_DIR: folder.path });
  const body = withSettings(config, ["data.text=body"]);
  const notes: string[] = [];
  const note = (message: string) => notes.push(message);
  const [pretrained, scratch] = [
    await fitData(body, (name) => folders.get(name)!, note),
    await fitData(withSettings(preset, ["data.text=body"]), () => "", note),
  ].map(({ dataset }) => dataset) as [Dataset, Dataset];
  const specs = [pretrained, scratch].map((data) => data.modalities.map((spec) => ({ ...spec })));
  const sizes = specs.map(([image, text]) => [
    image!.kind === "image" && image!.height,
    text!.kind === "text" && text!.maxTokens,
  ]);
  assert.deepEqual(sizes, [[8, 12], [96, 512]]);
  assert.deepEqual(notes, [
    '"data.max_tokens" is 512, but the encoder of "text" reads 12: texts are cut there',
  ]);
  pretrained.close?.();
  scratch.close?.();
});

Deno.test("tables of labels and of numbers begin with a metric of theirs, unless another is named", () => {
  const metricOf = (...settings: string[]) => {
    const all = ["data.text=title", ...settings];
    return withSettings(dataPreset({ name: "table", path: "x.csv" }, all), all).training.metric;
  };
  assert.equal(metricOf(), "accuracy");
  assert.equal(metricOf("data.task=multi_label"), "average_precision");
  assert.equal(metricOf("data.task=regression"), "rmse");
  assert.equal(metricOf("data.task=regression", "training.metric=mae"), "mae");
});
