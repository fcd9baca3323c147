/**
 * Trains at the sizes of the paper: ViT-base/16 at 224 pixels with BERT-base at 128 tokens, random weights, three steps.
 *
 *     deno run -A scripts/real_sizes.ts [--micro-batch 2] [--steps 3] [--set model.lora.rank=8]
 *
 * Writes the encoders by our exporter, loads them as `unis train` does, prints the memory plan and what is in use before the
 * first step, of each step the loss and the time, then the most memory that the device held and the process had. The steps see
 * one batch, whose loss must fall.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Batch } from "../src/data/batch.ts";
import { wordPieceJson } from "../src/data/text/tokenizer_json.ts";
import { numbered, readBertVocabulary } from "../src/data/text/word_piece.ts";
import { Gpu } from "../src/gpu/gpu.ts";
import { exportEncoder, preprocessorConfig } from "../src/export/export_encoder.ts";
import { openSafetensors, type TensorToStore, writeSafetensors } from "../src/io/safetensors.ts";
import { bert } from "../src/models/encoders/bert.ts";
import { encoderType } from "../src/models/encoders/registry.ts";
import { vit } from "../src/models/encoders/vit.ts";
import { Parameters } from "../src/nn/parameters.ts";
import { ConsoleObserver } from "../src/report/console.ts";
import { DownloadBar } from "../src/report/download_bar.ts";
import { formatBytes } from "../src/report/units.ts";
import { fitData } from "../src/build/load_dataset.ts";
import { withSettings } from "../src/config/run_config.ts";
import { Learner } from "../src/train/learner.ts";
import { choosePretrained } from "../src/build/pretrained.ts";
import { loadPretrained } from "../src/train/load_pretrained.ts";
import { PRESETS } from "../src/config/presets.ts";

const TOKENS = 128;
const NORMALISATION = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
const SPECS = {
  image: { kind: "image", name: "image", height: 224, width: 224, ...NORMALISATION },
  text: { kind: "text", name: "text", vocabularySize: 30522, maxTokens: 512, padId: 0 },
} as const;

const { values: flags } = parseArgs({
  options: {
    "micro-batch": { type: "string", default: "2" },
    "steps": { type: "string", default: "3" },
    "set": { type: "string", multiple: true, default: [] },
  },
});
const size = Number(flags["micro-batch"]);

/** Writes the folders of both encoders, as `unis export` would; gives their paths. */
async function writeEncoders(gpu: Gpu, to: string): Promise<{ image: string; text: string }> {
  const configs = {
    image: vit.configure(),
    text: bert.configure({ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 }),
  };
  const companions = {
    image: { "preprocessor_config.json": preprocessorConfig(224, NORMALISATION) },
    text: { "tokenizer.json": wordPieceJson(numbered(await readBertVocabulary())) },
  };
  for (const name of ["image", "text"] as const) {
    const parameters = new Parameters();
    const config = configs[name];
    encoderType(config.model_type).build(parameters.root, config, SPECS);
    parameters.allocate(gpu, 1);
    const values = await parameters.read();
    const tensors: Record<string, TensorToStore> = {};
    for (const parameter of parameters) {
      tensors[parameter.name] = { dtype: "F32", shape: parameter.shape, data: values.get(parameter.name)! };
    }
    parameters.dispose();
    const file = join(to, `${name}.safetensors`);
    writeSafetensors(file, tensors);
    using weights = openSafetensors(file);
    exportEncoder(join(to, name), {
      config: configs[name],
      weights,
      prefix: "",
      companions: companions[name],
    });
    Deno.removeSync(file);
  }
  gpu.trim();
  return { image: join(to, "image"), text: join(to, "text") };
}

/** The most memory the process has had, in bytes, where the system tells. */
function peakMemory(): number {
  try {
    return 1024 * Number(Deno.readTextFileSync("/proc/self/status").match(/VmHWM:\s*(\d+) kB/)![1]);
  } catch {
    return Deno.memoryUsage().rss;
  }
}

const folder = Deno.makeTempDirSync({ prefix: "unis-real-sizes-" });
const gpu = await Gpu.open();
try {
  console.log(`Adapter     ${gpu.name} (${gpu.adapterClass})`);
  const note = (message: string) => console.log(message);
  const preset = withSettings(PRESETS.emoji, [
    `data.max_tokens=${TOKENS}`,
    `training.micro_batch=${size}`,
    `training.batch=${size}`,
    "model.head.dropout=0",
    "optimizer.warmup_steps=0",
    ...flags.set,
  ]);
  const encoders = await writeEncoders(gpu, folder);
  console.log(`Written     peak memory of the process so far ${formatBytes(peakMemory())}`);
  const { config, folders } = await choosePretrained(preset, encoders, new DownloadBar(note));
  const { dataset: data } = await fitData(config, (modality) => folders.get(modality)!, note);
  const start = performance.now();
  const before = gpu.memory.live;
  const learner = new Learner(gpu, config, data);
  await loadPretrained(learner, folders, note);
  await gpu.finish();
  console.log(`Loaded      in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  const plan = learner.plan(data);
  new ConsoleObserver(false).planned(plan);
  const { weights, gradients, moments, activations, held } = plan.memory;
  console.log(
    `In use      ${
      formatBytes(gpu.memory.live - before)
    } before the first step, buffers being rounded up by 1/16 at most; planned ${
      formatBytes(weights + gradients + moments)
    }`,
  );

  const sample = await data.batch("train", Uint32Array.from({ length: size }, (_, row) => 40 * row));
  const ids = Uint32Array.from(
    { length: size * TOKENS },
    (_, i) => i % TOKENS === 0 ? 101 : 1000 + i * 7919 % 20000,
  );
  const text = { kind: "text", ids, mask: new Uint32Array(size * TOKENS).fill(1), tokens: TOKENS } as const;
  const batch: Batch = { ...sample, modalities: { ...sample.modalities, text } };
  const losses: number[] = [];
  for (let step = 0; step < Number(flags.steps); step++) {
    const begin = performance.now();
    learner.accumulate(batch, 1, step);
    learner.step(step);
    const { means: { training_loss } } = await learner.read();
    learner.resetMeans();
    losses.push(training_loss.total!);
    console.log(
      `Step ${step + 1}      loss ${losses.at(-1)!.toFixed(4)}, ${
        ((performance.now() - begin) / 1000).toFixed(1)
      } s`,
    );
  }
  console.log(
    `Memory      activations ${formatBytes(learner.peakActivations)} (planned ${
      formatBytes(activations)
    }), held ${formatBytes(gpu.memory.peakHeld)} of the device at most (planned ${
      formatBytes(held)
    }), process ${formatBytes(peakMemory())}`,
  );
  const falls = losses.every((loss, i) => Number.isFinite(loss) && (i === 0 || loss < losses[i - 1]!));
  if (!falls) throw new Error(`The loss does not fall: ${losses.join(", ")}`);
} finally {
  gpu.destroy();
  Deno.removeSync(folder, { recursive: true });
}
