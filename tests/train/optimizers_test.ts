/** Every optimizer that a configuration can name against PyTorch, from the configuration to the losses of ten steps. */
import assert from "node:assert/strict";
import { PRESETS } from "../../src/config/presets.ts";
import { type RunConfig, withSettings } from "../../src/config/run_config.ts";
import type { Batch } from "../../src/data/batch.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { bert } from "../../src/models/encoders/bert.ts";
import type { EncoderType } from "../../src/models/encoders/encoder.ts";
import { vit } from "../../src/models/encoders/vit.ts";
import { Learner } from "../../src/train/learner.ts";
import { microBatchWeight } from "../../src/train/gradient_step.ts";
import trajectories from "../fixtures/trajectories.json" with { type: "json" };
import { Fixture, summary } from "../models/fixtures.ts";
import { images, texts } from "../models/tiny_specs.ts";
import { openTestGpu } from "../open_gpu.ts";

const { image, text, heads, temperature, contrastive_weight } = summary.parity;
const SAMPLES = 8;

/** An encoder's own fields, as a run's configuration says them. */
function settingsOf(type: EncoderType, given: object): object {
  const fields = Object.entries(type.configure(given)).filter(([name]) =>
    type.fields[name]?.setting !== "derived"
  );
  return Object.fromEntries(fields);
}

function configOf(name: "adam" | "adamw", more: Readonly<Record<string, unknown>> = {}): RunConfig {
  const { lr_encoders, lr_heads, betas, eps, weight_decay } = summary.parity[name];
  const settings = {
    "model.encoders": { image: settingsOf(vit, image), text: settingsOf(bert, text) },
    "model.head": { hidden_size: heads.hidden_size, dropout: 0 },
    "model.contrast_temperature": temperature,
    "model.contrast_weight": contrastive_weight,
    "data.image_size": image.image_size,
    "optimizer.name": name,
    "optimizer.encoder_learning_rate": lr_encoders,
    "optimizer.learning_rates": {},
    "optimizer.head_learning_rate": lr_heads,
    "optimizer.weight_decay": weight_decay,
    "optimizer.beta1": betas[0],
    "optimizer.beta2": betas[1],
    "optimizer.epsilon": eps,
    "optimizer.warmup_steps": 0,
    "training.batch": SAMPLES,
    "training.micro_batch": SAMPLES,
    "training.epochs": 10,
    ...more,
  };
  return withSettings(
    PRESETS.emoji,
    Object.entries(settings).map(([key, value]) => `${key}=${JSON.stringify(value)}`),
  );
}

/** A batch of the fixture, as a data set makes it; or a part of it, `size` samples from `start` on. */
function batchOf(fixture: Fixture, number: number, start = 0, size = SAMPLES): Batch {
  const name = `batch.${number}`;
  const [samples, height, width] = fixture.shape(`${name}.pixels`) as [number, number, number];
  const rows = <T extends Uint8Array | Uint32Array>(values: T) => {
    const row = values.length / samples;
    return values.slice(start * row, (start + size) * row) as T;
  };
  return {
    size,
    rows: new Uint32Array(size),
    labels: rows(fixture.words(`${name}.labels`)),
    modalities: {
      image: { kind: "image", pixels: rows(fixture.bytes(`${name}.pixels`)), height, width },
      text: {
        kind: "text",
        ids: rows(fixture.words(`${name}.ids`)),
        mask: rows(fixture.words(`${name}.mask`)),
        tokens: fixture.shape(`${name}.ids`)[1]!,
      },
    },
  };
}

/** A learner of the fixture's model, with its weights. */
async function learnerOf(fixture: Fixture, config: RunConfig): Promise<Learner> {
  const data: Dataset = {
    name: "fixture",
    classes: Array.from({ length: heads.classes }, (_, label) => String(label)),
    modalities: [
      images(image.image_size),
      { ...texts(text.vocab_size, text.max_position_embeddings), padId: text.pad_token_id },
    ],
    count: () => SAMPLES,
    id: (_, row) => String(row),
    label: () => 0,
    text: () => "",
    batch: () => Promise.resolve(batchOf(fixture, 0)),
  };
  const learner = new Learner(await openTestGpu(), config, data);
  const stored = [...(await learner.readWeights()).keys()].map((key) =>
    [key, { shape: fixture.shape(key), data: fixture.floats(key) }] as const
  );
  learner.writeWeights(new Map(stored), "the fixture");
  return learner;
}

for (const [name, { settings, log }] of Object.entries(trajectories)) {
  Deno.test(`ten steps of ${name} have the losses that PyTorch has`, async () => {
    const fixture = new Fixture("parity");
    const config = configOf("adam", settings);
    const learner = await learnerOf(fixture, config);
    const size = learner.config.training.micro_batch;
    for (const [step, expected] of log.entries()) {
      learner.resetMeans();
      for (let start = 0; start < SAMPLES; start += size) {
        const weight = microBatchWeight(size, SAMPLES, config);
        learner.accumulate(batchOf(fixture, step % 3, start, size), weight, step);
      }
      const { means: { training_loss: { total, contrast, fusion } } } = await learner.read();
      learner.step(step);
      const found = { total, contrastive: contrast, multimodal: fusion };
      for (const [key, wanted] of Object.entries(expected)) {
        const error = Math.abs(found[key as keyof typeof found]! - wanted) / expected.total;
        assert.ok(error <= 1e-4, `step ${step}: ${key} is off by ${error} of the loss`);
      }
    }
    learner.dispose();
    fixture.close();
  });
}

for (const name of ["adam", "adamw"] as const) {
  Deno.test(`ten steps by "optimizer.name" ${name} have the losses that PyTorch has`, async () => {
    const fixture = new Fixture("parity");
    const { log, batches } = summary.parity[name];
    const learner = await learnerOf(fixture, configOf(name));
    for (const [step, expected] of log.entries()) {
      learner.resetMeans();
      learner.accumulate(batchOf(fixture, batches[step]!), 1, step);
      const { means: { training_loss: { total, contrast, fusion } } } = await learner.read();
      learner.step(step);
      const pairs = { total, contrastive: contrast, multimodal: fusion };
      for (const [key, found] of Object.entries(pairs)) {
        const wanted = expected[key as keyof typeof pairs];
        assert.ok(
          Math.abs(found! - wanted) <= 1e-4 * wanted,
          `step ${step}: ${key} is ${found}, not ${wanted}`,
        );
      }
    }
    learner.dispose();
    fixture.close();
  });
}
