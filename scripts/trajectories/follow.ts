/** Trains in unis what PyTorch has trained, as a script beside this file has recorded it. */
import { PRESETS } from "../../src/config/presets.ts";
import { type RunConfig, withSettings } from "../../src/config/run_config.ts";
import type { Batch } from "../../src/data/batch.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { readJson } from "../../src/io/files.ts";
import { openSafetensors, type TensorFile } from "../../src/io/safetensors.ts";
import type { InputSpec } from "../../src/models/encoders/inputs.ts";
import { encoderType } from "../../src/models/encoders/registry.ts";
import { Learner } from "../../src/train/learner.ts";

/** What a trajectory's JSON file holds; see the script that writes one. */
export interface Trajectory {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly data: Readonly<Record<"classes" | "image_size" | "vocabulary" | "max_tokens" | "pad", number>>;
  /** The micro-batches of each step. */
  readonly steps: readonly (readonly number[])[];
  readonly losses: readonly number[];
  readonly losses_float32: readonly number[];
}

/** The loss of one step here and there. */
export interface Step {
  readonly expected: number;
  readonly found: number;
}

/** What training has led to. */
export interface Followed {
  readonly steps: readonly Step[];
  /** The buffers at the end, here and there. */
  readonly buffers: readonly {
    readonly name: string;
    readonly expected: Float32Array;
    readonly found: Float32Array;
  }[];
}

/** Trains as `path`.json says, from the weights and on the batches of `path`.safetensors; `seen` hears of each step. */
export async function follow(
  gpu: Gpu,
  path: string,
  seen: (step: Step) => void = () => {},
): Promise<Followed> {
  const trajectory = readJson(`${path}.json`) as Trajectory;
  using file = openSafetensors(`${path}.safetensors`);
  const config = configOf(trajectory);
  const learner = new Learner(gpu, config, datasetOf(trajectory, file));
  const stored = [...(await learner.readWeights()).keys()].map((key) =>
    [key, { shape: file.tensors.get(key)!.shape, data: floats(file, key) }] as const
  );
  learner.writeWeights(new Map(stored), file.path);
  const steps: Step[] = [];
  let microBatches = 0;
  for (const [step, numbers] of trajectory.steps.entries()) {
    learner.resetMeans();
    for (const number of numbers) {
      learner.accumulate(batchOf(file, number), 1 / numbers.length, microBatches++);
    }
    const { means: { training_loss } } = await learner.read();
    learner.step(step);
    steps.push({ expected: trajectory.losses[step]!, found: training_loss.total! });
    seen(steps.at(-1)!);
  }
  const weights = await learner.readWeights();
  const buffers = [...file.tensors.keys()].filter((key) => key.startsWith("state.")).map((key) => {
    const name = key.slice("state.".length);
    return { name, expected: floats(file, key), found: weights.get(name)!.data };
  });
  learner.dispose();
  return { steps, buffers };
}

/** The preset for emoji with the settings of a trajectory, which need not say all of an encoder. */
function configOf({ settings }: Trajectory): RunConfig {
  const encoders = settings["model.encoders"] as Readonly<Record<string, { readonly model_type: string }>>;
  const whole = Object.entries(encoders).map(([name, given]) => {
    const type = encoderType(given.model_type);
    const fields = Object.entries(type.configure(given))
      .filter(([field]) => field in given || type.fields[field]?.setting === "required");
    return [name, Object.fromEntries(fields)] as const;
  });
  const all = { ...settings, "model.encoders": Object.fromEntries(whole) };
  return withSettings(
    PRESETS.emoji,
    Object.entries(all).map(([key, value]) => `${key}=${JSON.stringify(value)}`),
  );
}

/** Numbers of a file, whole ones too. */
function floats(file: TensorFile, name: string): Float32Array<ArrayBuffer> {
  return Float32Array.from(file.readTyped(name) as ArrayLike<number | bigint>, Number);
}

function words(file: TensorFile, name: string): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(file.readTyped(name) as Int32Array);
}

function batchOf(file: TensorFile, number: number): Batch {
  const name = `batch.${number}`;
  const [size, height, width] = file.tensors.get(`${name}.pixels`)!.shape as [number, number, number];
  const tokens = file.tensors.get(`${name}.ids`)!.shape[1]!;
  return {
    size,
    rows: new Uint32Array(size),
    labels: words(file, `${name}.labels`),
    modalities: {
      image: { kind: "image", pixels: file.readBytes(`${name}.pixels`), height, width },
      text: { kind: "text", ids: words(file, `${name}.ids`), mask: words(file, `${name}.mask`), tokens },
    },
  };
}

/** A data set that says what its modalities are, and nothing of its samples. */
function datasetOf({ data }: Trajectory, file: TensorFile): Dataset {
  const { classes, image_size: side, vocabulary: vocabularySize, max_tokens: maxTokens, pad: padId } = data;
  const half = [0.5, 0.5, 0.5] as const;
  const modalities: InputSpec[] = [
    { kind: "image", name: "image", height: side, width: side, mean: half, std: half },
    { kind: "text", name: "text", vocabularySize, maxTokens, padId },
  ];
  return {
    name: "trajectory",
    classes: Array.from({ length: classes }, (_, label) => String(label)),
    modalities,
    count: () => 1000,
    id: (_, row) => String(row),
    label: () => 0,
    text: () => "",
    batch: () => Promise.resolve(batchOf(file, 0)),
  };
}
