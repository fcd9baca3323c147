// The files of scripts/experiments, on miniatures of the data sets they are for.
import assert from "node:assert/strict";
import { join } from "node:path";
import { writeFood101, writeN24News } from "../../scripts/miniatures.ts";
import { run } from "../../src/cli/program.ts";
import { beginningOf } from "../../src/app/work.ts";
import { withSettings } from "../../src/config/run_config.ts";
import { readExperiment } from "../../src/experiments/experiment_file.ts";
import { readSweep } from "../../src/experiments/sweep_file.ts";
import { asExperiment, drawTrials } from "../../src/experiments/trials.ts";
import { planRuns } from "../../src/experiments/plan_runs.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { openTestGpu } from "../open_gpu.ts";
import { writeEncoders } from "../train/tiny_encoders.ts";

const FOLDER = new URL("../../scripts/experiments/", import.meta.url).pathname;

/**
 * What stands in the files for weights of full size, and what they bring with them: checkpoints of tests have smaller images and
 * patches, no pooler, and a ViT's patches are the regions of MMBT.
 */
const SMALL = (folder: string): [string, string][] => [
  ["google/vit-base-patch16-224", join(folder, "image")],
  ["timm/resnet152.tv_in1k", join(folder, "image")],
  ["image: openai/clip-vit-base-patch32", `image: ${join(folder, "image")}`],
  ["text: openai/clip-vit-base-patch32", `text: ${join(folder, "text")}`],
  ["timm/densenet121.tv_in1k", join(folder, "densenet")],
  ["google-bert/bert-base-uncased", join(folder, "text")],
  ["FacebookAI/roberta-base", join(folder, "text")],
  ["dandelin/vilt-b32-mlm", join(folder, "joint")],
  ["data.image_size: 384", "data.image_size: 8"],
  ["joint.patch_size: 32", "joint.patch_size: 4"],
  ["text.pooling: pooler", "text.pooling: first"],
  // More sources of texts would take as long again each, and differ in the column that is read.
  ["    Headline: { set: { data.text: headline } }\n", ""],
  ["    Abstract: { set: { data.text: abstract } }\n", ""],
  ["source: Headline", "source: Caption"],
];

/** Puts the files into a folder, with small encoders in the place of those they name, and one seed. */
function writeSmall(folder: string): void {
  for (const { name } of Deno.readDirSync(FOLDER)) {
    const text = SMALL(folder).reduce(
      (text, [theirs, ours]) => text.replaceAll(theirs, ours),
      Deno.readTextFileSync(join(FOLDER, name)),
    );
    Deno.writeTextFileSync(join(folder, name), text.replace(/^seeds: .*$/m, "seeds: [1]"));
  }
}

/** Tries a file; gives what it printed. */
async function dryRun(folder: string, name: string, data: string, ...set: string[]): Promise<string> {
  const output: string[] = [];
  const { log, error } = console;
  console.log = (...parts: unknown[]) => output.push(parts.map(String).join(" "));
  console.error = console.log;
  try {
    const file = join(folder, name);
    const status = await run([
      ...["experiment", file, "--dry-run", "--data", data],
      ...(set.length === 0 ? [] : ["--set", ...set]),
    ]);
    assert.equal(status, 0, output.slice(-5).join("\n"));
  } finally {
    Object.assign(console, { log, error });
  }
  return output.join("\n");
}

/** The lines of a table, without what is measured. */
const outline = (output: string, title: string) =>
  output.split(`## ${title}\n`)[1]!.split("\n## ")[0]!.split("\n").filter((line) => /^\| [^-]/.test(line))
    .map((line) => line.replaceAll(/(?<= )\**[\d.]+\**(?= )/g, "x").replaceAll(/ +/g, " "));

Deno.test("slow: the files for Food-101 and N24News pass a dry run on miniatures, and their tables are those of the paper", async () => {
  using folder = temporaryFolder();
  const [food, news] = ["food", "news"].map((name) => join(folder.path, name));
  await writeEncoders(await openTestGpu(), folder.path);
  await writeFood101(food!, "published", { classes: 101, perClass: 3 });
  await writeN24News(news!, { perClass: 2 });

  writeSmall(folder.path);

  const rivals = ["MMBT", "HUSE", "ViLT", "CMA-CLIP", "ME", "Late fusion", "M3CoL"];
  const own = ["AggMM", "UnSupMMC", "SupMMC", "UniS-MMC"];
  for (
    const [name, runs, models] of [["food101.yaml", 13, [...rivals, ...own]], [
      "food101_published.yaml",
      6,
      own,
    ]] as const
  ) {
    const output = await dryRun(folder.path, name, `food101:${food}`, "data.validation_samples=101");
    assert.match(output, new RegExp(`^Dry run +all ${runs} runs trained, were tested and reported$`, "m"));
    assert.deepEqual(outline(output, "Table 2a: multimodal classification on Food101"), [
      "| Model | accuracy |",
      ...models.map((model) => `| ${model} | x |`),
    ]);
  }
  const output = await dryRun(folder.path, "n24news.yaml", `n24news:${news}`);
  assert.match(output, /^Dry run +all 27 runs trained, were tested and reported$/m);
  assert.deepEqual(outline(output, "Table 2b: multimodal classification on N24News"), [
    "| encoder | Model | Caption |",
    // Trained with one encoder of texts, which their names say.
    ...["N24News (RoBERTa)", "MMBT (BERT)", "HUSE (BERT)", "ViLT", "CMA-CLIP", "ME (BERT)"].map((model) =>
      `| | ${model} | x |`
    ),
    ...["BERT", "RoBERTa"].flatMap((encoder) =>
      [...rivals.slice(5), ...own].map((model) => `| ${encoder} | ${model} | x |`)
    ),
  ]);
  const columns = ["BERT", "RoBERTa"].flatMap((encoder) =>
    ["Text-only", "AggMM", "UniS-MMC"].map((model) => `${encoder}, ${model}`)
  );
  assert.deepEqual(outline(output, "Table 3: comparison to unimodal learning and the baseline"), [
    `| source | Image-only | ${columns.join(" | ")} |`,
    `| Caption |${" x |".repeat(7)}`,
  ]);
  assert.deepEqual(outline(output, "Table 4: ablation").map((line) => line.split(" | ")[0]), [
    "| Model",
    "| AggMM",
    "| + L_uni",
    "| + L_uni + C_semi",
    "| + L_uni + C_neg",
    "| + L_uni + C_semi + C_neg",
  ]);
  assert.equal(outline(output, "Table 7: unimodal classification").length, 1 + 1 + 2);
});

/** The runs of a sweep, as an experiment. */
function experimentOf(path: string) {
  const sweep = readSweep(path);
  return asExperiment(sweep, drawTrials(sweep, sweep.trials), "unis-mmc", path);
}

Deno.test("the files of scripts/experiments name no run twice, and their settings are settings", () => {
  const counts = new Map<string, number>();
  for (const { name, isFile } of Deno.readDirSync(FOLDER)) {
    if (!isFile) continue;
    const path = join(FOLDER, name);
    const file = name.endsWith("_sweep.yaml") ? experimentOf(path) : readExperiment(path);
    const runs = planRuns(file, path, { encoders: {}, settings: [] });
    counts.set(name, runs.length);
    if (file.data?.startsWith("features:")) continue; // its modalities are known only where the data is
    for (const { settings } of runs) {
      withSettings(beginningOf(file.preset, file.data, settings).config, settings, path);
    }
  }
  assert.deepEqual(Object.fromEntries([...counts].sort()), {
    "emoji.yaml": 54,
    "emoji_augmentation.yaml": 15,
    "emoji_encoders.yaml": 19,
    "emoji_missing.yaml": 18,
    "emoji_rivals.yaml": 54,
    "emoji_sweep.yaml": 27,
    "food101.yaml": 39,
    "food101_published.yaml": 18,
    "n24news.yaml": 237,
    "n24news_published.yaml": 147,
    "rosmap.yaml": 15,
  });
});
