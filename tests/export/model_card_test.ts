// Model cards of exports: metadata that parse, numbers that are those of test.json, and nothing that is not so.
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { exportRun } from "../../src/app/export_run.ts";
import { readJsonObject } from "../../src/io/json_file.ts";
import { wilson } from "../../src/metrics/intervals.ts";
import type { Evaluation } from "../../src/runs/records.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { data, exampleRun, inFolder } from "../report/example.ts";
import { forget, keepData } from "../runs/kept.ts";

interface Metric {
  readonly type: string;
  readonly name: string;
  readonly value: number;
}

/** A run that was tested, as it is exported; `change` does something to its folder before. */
async function cardOf(
  folder: string,
  { settings = [], format = "transformers", change = () => {} }: {
    settings?: string[];
    format?: string;
    change?: (run: string) => void;
  } = {},
) {
  const { path, learner } = await exampleRun(folder, `tiny-${crypto.randomUUID()}`, { settings });
  learner.dispose();
  const run = RunFolder.open(path);
  keepData(run, data);
  change(path);
  const to = join(folder, crypto.randomUUID());
  const written = await exportRun(path, to, { format });
  assert.equal(written.at(-1), join(to, "README.md"));
  const card = Deno.readTextFileSync(join(to, "README.md"));
  const [, head, text] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(card)!;
  return { path, run, to, metadata: parse(head!), text: text! };
}

Deno.test("a card has the metadata of the hub, with the numbers of test.json", () =>
  inFolder(async (folder) => {
    for (const format of ["transformers", "onnx"]) {
      const { path, metadata } = await cardOf(folder, { format });
      const { "model-index": index, ...others } = metadata;
      assert.deepEqual(others, {
        library_name: format,
        tags: ["unis", format, "unis-mmc", "multimodal-classification", "image", "text"],
      });
      const test = readJsonObject(join(path, "test.json")) as unknown as Evaluation;
      const [{ name, results: [{ task, dataset, metrics }] }] = index;
      assert.equal(name, path.split("/").at(-1));
      assert.deepEqual(task, { type: "multimodal-classification" });
      assert.deepEqual(dataset, { name: "tiny", type: "tiny", split: "test" });
      const told = new Map((metrics as Metric[]).map((one) => [one.name, one]));
      const names = {
        accuracy: "accuracy",
        top_2: "top-2",
        macro_f1: "macro F1",
        weighted_f1: "weighted F1",
      } as const;
      for (const [key, title] of Object.entries(names) as [keyof typeof names, string][]) {
        for (const head of ["image", "text", "fusion"]) {
          const metric = told.get(`${title}, ${head}`);
          assert.ok(metric, `${title} of ${head}`);
          assert.equal(metric.value, test[key]![head], `${title} of ${head}`);
          assert.equal(metric.type, key.endsWith("f1") ? "f1" : "accuracy");
        }
      }
      assert.equal(told.size, 12);
      assert.equal(metrics[0].name, "accuracy, fusion", "the answer of the model comes first");
    }
  }));

Deno.test("a card tells results with their intervals, classes, data and how to use it", () =>
  inFolder(async (folder) => {
    const { run, text } = await cardOf(folder, { format: "onnx" });
    const { accuracy, samples } = run.evaluation()!;
    const digits = (value: number) => value.toFixed(3).replace(/^0/, "");
    for (const head of ["image", "text", "fusion"]) {
      const { low, high } = wilson(accuracy[head]! * samples, samples);
      const cells = [head, digits(accuracy[head]!), `${digits(low)} to ${digits(high)}`];
      assert.ok(text.includes(`| ${cells.join(" | ")} |`), cells.join());
    }
    const { splits } = readJsonObject(join(run.path, "preprocessing", "preprocessing.json"));
    for (
      const [split, { samples, inputs, labels }] of Object.entries(
        splits as Record<string, Record<string, string>>,
      )
    ) {
      assert.ok(text.includes(`| ${split} | ${samples} | \`${inputs}\` | \`${labels}\` |`), split);
    }
    assert.match(text, /^Tells 3 classes apart by image and text\. Trained and exported by unis \d/m);
    assert.match(text, /^- Classes: warm; fresh, green; cold\.$/m);
    assert.match(
      text,
      /^pip install onnxruntime tokenizers numpy pillow\npython predict\.py "image=picture\.png" "text=some words"$/m,
    );
    assert.match(text, /^- Input image: .* at 8 x 8 pixels\.$/m);
    assert.match(text, /^- Encoder text: a BERT, 1 layer of 8, from scratch\.$/m);
    assert.match(
      text,
      /weights are those of epoch 2, the best of the validation samples by accuracy, in f32\.$/m,
    );
    assert.match(text, /^None is stated\. .*`license:`/m);
  }));

Deno.test("a card says whether probabilities are calibrated, and exports carry the temperatures", () =>
  inFolder(async (folder) => {
    assert.match((await cardOf(folder)).text, /^- The probabilities have not been calibrated\.$/m);
    const temperatures = { image: 0.5, fusion: 1.25 };
    const measures = { adaptive_ece: 0, brier: 0, loss: 0 };
    const change = (path: string) => {
      const { checkpoints, files } = RunFolder.open(path);
      checkpoints.saveBest(checkpoints.loadBest().weights, 2, 0.5, "accuracy", temperatures);
      const calibration = {
        fusion: { raw: { ece: 0.1, ...measures }, temperature: 1.25, calibrated: { ece: 0.02, ...measures } },
      };
      files.writeJson("test.json", { ...readJsonObject(files.path("test.json")), calibration });
    };
    for (const [format, file] of [["transformers", "heads.json"], ["onnx", "preprocessing.json"]] as const) {
      const { text, to } = await cardOf(folder, { format, change });
      assert.match(
        text,
        /^- Probabilities are calibrated by .* \(fusion: 1\.25\), .* test samples from \.100 to \.020; predict\.py divides/m,
      );
      assert.deepEqual(readJsonObject(join(to, file)).temperatures, temperatures);
    }
  }));

Deno.test("a card of one modality has a task of the hub", () =>
  inFolder(async (folder) => {
    const { metadata, text } = await cardOf(folder, { settings: ["method=text"] });
    assert.equal(metadata.pipeline_tag, "text-classification");
    assert.deepEqual(metadata["model-index"][0].results[0].task, { type: "text-classification" });
    assert.doesNotMatch(text, /Input image|image=/);
    assert.match(
      text,
      /^pip install torch transformers safetensors pillow\npython predict\.py "text=some words"$/m,
    );
  }));

Deno.test("a card claims nothing of weights that were not tested, and shows no path of this machine", () =>
  inFolder(async (folder) => {
    const untested = [
      (run: string) => forget(run, "test.json"),
      // Gone on with since: the best weights are those of another epoch than the tested ones.
      (run: string) => {
        const { files } = RunFolder.open(run);
        files.writeJson("test.json", { ...readJsonObject(files.path("test.json")), epoch: 1 });
      },
    ];
    for (const change of untested) {
      const { metadata, text } = await cardOf(folder, { change });
      assert.equal(metadata["model-index"], undefined);
      assert.match(text, /^These weights have not been tested\.$/m);
      assert.doesNotMatch(text, /The results/);
    }
    const source = "/home/someone/secret/bert";
    const from = (pretrained: object) => (run: string) => {
      const { files } = RunFolder.open(run);
      const config = readJsonObject(files.path("config.json")) as {
        model: { encoders: Record<string, object> };
      };
      config.model.encoders.text = { ...config.model.encoders.text, pretrained };
      files.writeJson("config.json", config);
    };
    const local = await cardOf(folder, { change: from({ source, commit: null }) });
    assert.ok(!JSON.stringify(local.metadata).includes("secret") && !local.text.includes("secret"));
    assert.match(local.text, /^- Encoder text: .*from pretrained weights of a local folder\.$/m);
    const commit = "a".repeat(40);
    const hub = await cardOf(folder, { change: from({ source: "google-bert/x_y", commit }) });
    assert.deepEqual(hub.metadata.base_model, ["google-bert/x_y"]);
    assert.ok(hub.text.includes(`from google-bert/x\\_y at commit ${commit}`));
  }));
