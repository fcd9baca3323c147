/**
 * NaN cannot hide: whatever spoils training, of any method and in either precision, it ends with what went wrong, status 2
 * and no weight or moment on disk that is not finite. Each cause meets each method in one precision, and the next method in the
 * other: what looks for NaN is told neither. Some seventy short runs: this is one of the slow files.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describeError } from "../../src/app/errors.ts";
import { allFinite } from "../../src/base/finite.ts";
import { UserError } from "../../src/base/user_error.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { choosePretrained } from "../../src/build/pretrained.ts";
import type { RunConfig } from "../../src/config/run_config.ts";
import { exists } from "../../src/io/files.ts";
import {
  openSafetensors,
  safetensorsParts,
  type TensorToStore,
  writeSafetensors,
} from "../../src/io/safetensors.ts";
import { RunFiles } from "../../src/runs/run_files.ts";
import { methods } from "../../src/models/methods/registry.ts";
import type { Arrays } from "../../src/runs/run_checkpoints.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { Learner } from "../../src/train/learner.ts";
import { loadPretrained } from "../../src/train/load_pretrained.ts";
import { evaluateBest } from "../../src/train/evaluate_best.ts";
import { train } from "../../src/train/trainer.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { openTestGpu } from "../open_gpu.ts";
import { DENSENET, SETTINGS } from "./joint_settings.ts";
import { silent, tinyConfig, tinyData, watched } from "./tiny.ts";
import { writeEncoders } from "./tiny_encoders.ts";

const gpu = await openTestGpu();
const data = tinyData({ train: 16, validation: 6, test: 3 }); // two steps an epoch
const METHODS = [...methods().map(({ name }) => name), "image", "text"];
/** What one of the tests spoils itself. */
const SPOILED_FILE = "last.optimizer.safetensors";
const PRECISIONS = gpu.features.has("shader-f16") ? ["f32", "f16"] : ["f32"];

/** A run in a folder of its own, and how to go on with it. */
interface Setting {
  readonly folder: string;
  readonly config: RunConfig;
  /** The same with the method of the preset, which has encoders of images and of texts. */
  readonly preset: RunConfig;
}

interface Cause {
  /** Trains, and rejects. */
  readonly spoil: (setting: Setting) => Promise<void>;
  readonly message: RegExp;
  /** What stays: nothing if not given; the best weights, of the first epoch; or all that going on from there takes. */
  readonly kept?: "best" | "all";
}

const causes: Readonly<Record<string, Cause>> = {
  "a rate of 1e10": {
    spoil: ({ folder, config }) => {
      const rates = { encoder_learning_rate: 1e10, head_learning_rate: 1e10, warmup_steps: 0 };
      const absurd = { ...config, optimizer: { ...config.optimizer, ...rates } };
      // Late fusion in f16 is still finite after so few steps.
      return begin(folder, absurd, { over: tinyData({ train: 48, validation: 6, test: 3 }) });
    },
    message:
      /^Training diverged in epoch 1, by step \d: .*are NaN or infinite.*learning rates.*no epoch was finished$/,
  },
  "NaN in a pretrained weight": {
    spoil: async ({ folder, config, preset }) => {
      using encoders = temporaryFolder();
      await writeEncoders(gpu, encoders.path);
      const { joint, image } = config.model.encoders;
      const own = image?.model_type === DENSENET.model_type ? "densenet" : "image";
      const wanted = joint === undefined
        ? { image: join(encoders.path, own), text: join(encoders.path, "text") }
        : { joint: join(encoders.path, "joint") };
      for (const encoder of Object.values(wanted)) {
        if (encoder.endsWith("densenet")) continue; // it holds whole numbers too, and that of texts is spoiled
        const path = join(encoder, "model.safetensors");
        const arrays = read(path);
        writeSafetensors(path, toStore(spoiled(arrays, [...arrays.keys()][3]!, NaN)));
      }
      const silently = { begin() {}, advance() {}, end() {}, note() {} };
      const { config: chosen, folders } = await choosePretrained(joint ? preset : config, wanted, silently);
      await begin(folder, chosen, { prepare: (learner) => loadPretrained(learner, folders, () => {}) });
    },
    message: /^Cannot load .*model\.safetensors as a (vit|bert|vilt): tensors are not finite \(.*\): [\w.]+$/,
  },
  "NaN in a weight on the device": {
    spoil: ({ folder, config }) =>
      begin(folder, config, {
        prepare: async (learner) => {
          const weights = await learner.readWeights();
          const name = [...weights.keys()].findLast((name) => /\.(weight|bias)$/.test(name))!;
          learner.writeWeights(spoiled(weights, name, NaN), "here");
        },
      }),
    message:
      /^Training diverged in epoch 1, by step 1: weights.* of .*the (fusion|image|text|joint|tower|shared) head are NaN or infinite/,
  },
  "infinity in a moment of the checkpoint it goes on from": {
    spoil: async (setting) => {
      await begin(setting.folder, setting.config);
      const path = join(setting.folder, "checkpoints", SPOILED_FILE);
      const arrays = read(path);
      const parts = safetensorsParts(toStore(spoiled(arrays, momentOf(arrays), Infinity)), { step: "2" });
      new RunFiles(setting.folder).write(`checkpoints/${SPOILED_FILE}`, parts);
      await goOn(setting);
    },
    message:
      /^Cannot use .*last\.optimizer\.safetensors: NaN or infinity is in exp_avg_sq\.[\w.]+\..*evaluate and export/,
    kept: "best",
  },
  "infinity in a moment on the device": {
    spoil: async (setting) => {
      await begin(setting.folder, setting.config);
      const { optimizer, state } = RunFolder.open(setting.folder).checkpoints.loadLast()!;
      const moments = spoiled(optimizer, momentOf(optimizer), Infinity);
      // `train` loads the last checkpoint itself: moments can be spoiled once it makes the first batch.
      await goOn(setting, (learner) => learner.writeOptimizer(moments, state, "here"));
    },
    message:
      /^Training diverged in epoch 2, by step 3: moments of the optimizer of the \w+ (head|encoder) are .*best/,
    kept: "all",
  },
};

interface Beginning {
  readonly prepare?: (learner: Learner) => Promise<void> | void;
  readonly over?: Dataset;
}

/** Trains the one epoch of a new run. */
async function begin(
  folder: string,
  config: RunConfig,
  { prepare = () => {}, over = data }: Beginning = {},
): Promise<void> {
  const learner = new Learner(gpu, config, over);
  try {
    await prepare(learner);
    const run = RunFolder.create(folder, config);
    await train({ learner, data: over, run, observer: silent() });
  } finally {
    learner.dispose();
  }
}

/** Trains another epoch; `meddle` is called before its first batch. */
async function goOn(
  { folder, config }: Setting,
  meddle: (learner: Learner) => void = () => {},
): Promise<void> {
  const more = { ...config, training: { ...config.training, epochs: 2 } };
  const seen: Dataset = watched(data, (made) => made === 0 && meddle(learner));
  const learner = new Learner(gpu, more, seen);
  try {
    const run = RunFolder.open(folder).withConfig(more);
    await train({ learner, data: seen, run, observer: silent() });
  } finally {
    learner.dispose();
  }
}

function read(path: string): Arrays {
  using file = openSafetensors(path);
  return new Map(
    Array.from(file.tensors, ([name, { shape }]) => [name, { shape, data: file.readFloat32(name) }]),
  );
}

function toStore(arrays: Arrays): Record<string, TensorToStore> {
  const tensors = Array.from(
    arrays,
    ([name, { shape, data }]) => [name, { dtype: "F32", shape, data }] as const,
  );
  return Object.fromEntries(tensors);
}

/** The same arrays with one value replaced. */
function spoiled(arrays: Arrays, name: string, value: number): Arrays {
  const { shape, data } = arrays.get(name)!;
  return new Map([...arrays, [name, { shape, data: data.with(data.length >> 1, value) }]]);
}

const momentOf = (arrays: Arrays) => [...arrays.keys()].find((name) => name.startsWith("exp_avg_sq."))!;

/** Files of a run that hold NaN or infinity. */
function spoiledFiles(folder: string): string[] {
  const checkpoints = join(folder, "checkpoints");
  if (!exists(checkpoints)) return []; // refused before there was a run
  return Array.from(Deno.readDirSync(checkpoints), ({ name }) => name).filter((name) =>
    name.endsWith(".safetensors") &&
    ![...read(join(checkpoints, name)).values()].every(({ data }) => allFinite(data))
  );
}

for (const [at, [cause, { spoil, message, kept }]] of Object.entries(causes).entries()) {
  Deno.test(`training with ${cause} ends with status 2 and nothing on disk that is not finite`, async (t) => {
    for (const [which, method] of METHODS.entries()) {
      const precision = PRECISIONS[(at + which) % PRECISIONS.length]!;
      await t.step(`${method}, ${precision}`, async () => {
        using parent = temporaryFolder();
        const folder = join(parent.path, "run");
        const short = [`training.precision=${precision}`, "training.epochs=1", "training.batch=8"];
        const preset = tinyConfig(...short);
        const config = tinyConfig(...short, ...SETTINGS[method] ?? [], `method=${method}`);
        await assert.rejects(spoil({ folder, config, preset }), (error) => {
          assert.ok(error instanceof UserError, String(error));
          assert.match(error.message, message);
          assert.deepEqual(describeError(error), { line: error.message, status: 2 });
          return true;
        });
        // The checkpoint that the test itself has spoiled is left as it was found.
        assert.deepEqual(spoiledFiles(folder), cause.includes("checkpoint") ? [SPOILED_FILE] : []);
        assert.equal(exists(join(folder, "checkpoints", "best.safetensors")), kept !== undefined);
        if (!kept) return;
        const learner = new Learner(gpu, config, data);
        const { evaluation } = await evaluateBest(
          { model: learner, data, run: RunFolder.open(folder) },
          "test",
        );
        learner.dispose();
        assert.equal(evaluation.epoch, 1);
        if (kept === "all") await goOn({ folder, config, preset });
      });
    }
  });
}
