/** Estimates the memory and the time of a step that fine-tuning encoders of base size would take on a device. */
import type { ModelData } from "../../build/resolve_encoders.ts";
import { PRESETS } from "../../config/presets.ts";
import { type RunConfig, withSettings } from "../../config/run_config.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Ceilings } from "../../ops/ceilings.ts";
import { deviceMilliseconds } from "../../ops/ceilings.ts";
import { full } from "../../ops/fill.ts";
import { matmul } from "../../ops/matmul.ts";
import type { MemoryPlan } from "../../runs/records.ts";
import { noGrad } from "../../tensor/tape.ts";
import { planMicroBatch, settleMicroBatch } from "../../train/memory_plan.ts";

const IMAGE_SIZE = 224;
const TOKENS = 128;
const BATCH = 32;
const WIDTH = 768;
const GREY = [0.5, 0.5, 0.5] as const;

export const BASE_SIZES = `ViT-base/16 (${IMAGE_SIZE} px) + BERT-base (${TOKENS} tokens)`;

const DATA: ModelData = {
  name: "none",
  classes: Array.from({ length: 101 }, (_, i) => `class ${i + 1}`),
  modalities: [
    { kind: "image", name: "image", height: IMAGE_SIZE, width: IMAGE_SIZE, mean: GREY, std: GREY },
    { kind: "text", name: "text", vocabularySize: 30522, maxTokens: TOKENS, padId: 0 },
  ],
};

const ENCODER = {
  hidden_size: WIDTH,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 4 * WIDTH,
};

/** Reads and writes of Adam for each learned value: it, its gradient and two moments, all but the gradient written. */
const ADAM_BYTES = 7 * 4;

export interface BaseSizes {
  readonly model: string;
  readonly batch: number;
  readonly memory: MemoryPlan;
  /** Floating-point operations of a step, forward and backward, in matrix products and attention. */
  readonly operations: number;
  /** An estimate from the rates that were measured: null where the adapter tells no times. */
  readonly seconds: number | null;
  /** No step can be faster than the ceilings let it. */
  readonly least_seconds: number | null;
}

/** Rates of a device, a second. */
export interface Rates extends Ceilings {
  /** Operations in f32, of a matrix product as large as those of these encoders. */
  readonly product: number;
}

/**
 * Counts a step of these encoders on a device that computes nothing. Throws a UserError where not even one sample at a
 * time fits.
 */
export function planBaseSizes(gpu: Gpu, rates: Rates | null): BaseSizes {
  const config = settleMicroBatch(gpu, baseConfig(), DATA);
  const { memory, work } = planMicroBatch(gpu, config, DATA);
  const microBatches = BATCH / memory.micro_batch;
  const operations = microBatches * work.operations;
  const bytes = microBatches * work.bytes + ADAM_BYTES * memory.gradients / 4;
  const within = (rate: number) => rates === null ? null : operations / rate + bytes / rates.bytes;
  return {
    model: BASE_SIZES,
    batch: BATCH,
    memory,
    operations,
    seconds: within(rates?.product ?? 0),
    least_seconds: within(rates?.f32 ?? 0),
  };
}

function baseConfig(): RunConfig {
  const { encoders } = PRESETS.emoji.model;
  const preset = {
    ...PRESETS.emoji,
    model: {
      ...PRESETS.emoji.model,
      encoders: {
        image: { ...encoders.image!, ...ENCODER, patch_size: 16 },
        text: { ...encoders.text!, ...ENCODER },
      },
    },
  };
  return withSettings(preset, [
    `data.image_size=${IMAGE_SIZE}`,
    `data.max_tokens=${TOKENS}`,
    `training.batch=${BATCH}`,
    "training.micro_batch=auto",
  ]);
}

/** Operations a second of a product as the encoders have them, of few images: the best of some rounds. */
export async function measureProduct(gpu: Gpu): Promise<number> {
  const [m, k, n] = [2 * (IMAGE_SIZE / 16) ** 2 + 2, WIDTH, 4 * WIDTH];
  const a = full(gpu, [m, k], 0.5);
  const b = full(gpu, [k, n], 0.5);
  let milliseconds = Infinity;
  for (let round = 0; round < 4; round++) {
    milliseconds = Math.min(
      milliseconds,
      await deviceMilliseconds(gpu, () => noGrad(() => matmul(a, b))),
    );
  }
  a.dispose();
  b.dispose();
  return 2 * m * n * k / milliseconds * 1000;
}
