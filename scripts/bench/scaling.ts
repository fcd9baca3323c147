/**
 * What share of their time ranks would compute, by the model of a step in docs/distributed.md: ViT-base and BERT-base, in
 * micro-batches of 32.
 *
 *     deno run -A scripts/bench/scaling.ts
 *
 * When each bucket of gradients is whole is counted, by a step on a device that computes nothing, with the plans for GPUs. The
 * rest is given below: none of it was measured on a GPU or a network.
 */
import { PRESETS } from "../../src/config/presets.ts";
import { withSettings } from "../../src/config/run_config.ts";
import { DryRunGpu } from "../../src/gpu/dry_run_gpu.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import type { Initializer } from "../../src/nn/initializers.ts";
import type { ParameterOptions } from "../../src/nn/parameter.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { BucketWatch, gradientBuckets } from "../../src/train/gradient_buckets.ts";
import { UNDER_WAY } from "../../src/train/gradient_exchange.ts";
import { declareModel, differentiate, trainingContext } from "../../src/train/gradient_step.ts";
import { wordsOfPart } from "../../src/optim/half_blocks.ts";
import type { Shape } from "../../src/tensor/shape.ts";

const SAMPLES = 32;
const RANKS = [2, 4, 8, 16, 32, 64];
/** Bytes a second and direction that are of use. */
const LINKS = { "10 GbE": 1.1e9, "100 GbE": 11e9, "InfiniBand NDR, 400 Gb/s": 45e9 };
/** Bytes a second between host and device, with what the host copies; seconds of a wait for the device in Deno; seconds of an exchange of nothing. */
const PCIE = 12e9;
const WAIT = 0.011;
const LATENCY = 20e-6;
/** Seconds of 32 samples with 128 tokens on an H100, by scripts/bench/README.md, and how many such a rank has in a step. */
const H100 = {
  "f32": { seconds: 0.121, microBatches: 1 },
  "f16, matrix units": { seconds: 0.025, microBatches: 4 },
};

/** Its values are never drawn. */
class Undrawn extends Parameters {
  override declare(name: string, shape: Shape, _: Initializer, options?: ParameterOptions) {
    return super.declare(name, shape, () => {}, options);
  }
}

interface Counted {
  readonly operations: number;
  /** Of each bucket its elements, and the share of the step's operations after which it is whole. */
  readonly buckets: readonly { readonly elements: number; readonly whole: number }[];
}

function count(like: Gpu, tokens: number): Counted {
  const dry = new DryRunGpu(like);
  // A card binds more at once than the software adapter whose plans are asked.
  Object.assign(dry, { limits: { ...like.limits, maxStorageBufferBindingSize: 2 ** 31 - 4 } });
  const sizes = { hidden_size: 768, num_hidden_layers: 12, num_attention_heads: 12, intermediate_size: 3072 };
  const config = withSettings(PRESETS.emoji, [
    ...["image", "text"].flatMap((name) =>
      Object.entries(sizes).map(([key, value]) => `model.encoders.${name}.${key}=${value}`)
    ),
    "data.image_size=224",
    "model.encoders.image.patch_size=16",
    `model.encoders.text.max_position_embeddings=512`,
    `data.max_tokens=${tokens}`,
  ]);
  const parameters = new Undrawn();
  const grey = [0.5, 0.5, 0.5] as const;
  const model = declareModel(parameters, config, {
    name: "none",
    classes: Array.from({ length: 101 }, (_, i) => `class ${i + 1}`),
    modalities: [
      { kind: "image", name: "image", height: 224, width: 224, mean: grey, std: grey },
      { kind: "text", name: "text", vocabularySize: 30522, maxTokens: tokens, padId: 0 },
    ],
  });
  parameters.allocate(dry.gpu, 0);
  const buckets = gradientBuckets(parameters);
  const whole: number[] = [];
  const watch = new BucketWatch(buckets, () => whole.push(dry.work.operations));
  const modalities = {
    image: { kind: "image", pixels: new Uint8Array(SAMPLES * 224 * 224 * 3), height: 224, width: 224 },
    text: {
      kind: "text",
      ids: new Uint32Array(SAMPLES * tokens),
      mask: new Uint32Array(SAMPLES * tokens),
      tokens,
    },
  } as const;
  const batch = {
    size: SAMPLES,
    rows: new Uint32Array(SAMPLES),
    labels: new Uint32Array(SAMPLES),
    modalities,
  };
  dry.work = { operations: 0, bytes: 0 };
  differentiate(dry.gpu, model, batch, trainingContext(config, 0), 1, { watch });
  const { operations } = dry.work;
  return {
    operations,
    buckets: buckets.map(({ size }, i) => ({ elements: size, whole: whole[i]! / operations })),
  };
}

/** Seconds of the last micro-batch of a step, and of those before. */
interface Compute {
  readonly before: number;
  readonly last: number;
}

/** Seconds of a step: a bucket is read when it is whole and all but two before it are added up, while another travels. */
function step(
  { buckets }: Counted,
  { before, last }: Compute,
  ranks: number,
  rate: number,
  wire: "f32" | "f16",
): number {
  const written: number[] = [];
  let [copied, travelled] = [0, 0];
  for (const [i, { elements, whole }] of buckets.entries()) {
    const bytes = wire === "f32" ? 4 * elements : 4 * ranks * wordsOfPart(elements, ranks);
    copied = Math.max(before + whole * last, copied, written[i - UNDER_WAY] ?? 0) + bytes / PCIE;
    const sent = 2 * (ranks - 1) / ranks * bytes / rate + 2 * Math.ceil(Math.log2(ranks)) * LATENCY;
    // Of f16, this rank's part goes to the device and back between the two halves of the way, beside the next bucket's first.
    travelled = Math.max(copied + WAIT, travelled) + sent;
    const part = wire === "f32" ? 0 : WAIT + 2 * bytes / ranks / PCIE;
    written.push(travelled + part + bytes / PCIE);
  }
  return Math.max(before + last, written.at(-1)!);
}

const like = await Gpu.open("auto", { adapterClass: "gpu" });
const [base, long] = [count(like, 128), count(like, 512)];
like.destroy();
for (const [tokens, { operations, buckets }] of [[128, base], [512, long]] as const) {
  const elements = buckets.reduce((sum, bucket) => sum + bucket.elements, 0);
  console.log(
    `${tokens} tokens: ${(operations / 1e12).toFixed(2)} TFLOP, ${
      (4 * elements / 1e6).toFixed(0)
    } MB of gradients in ` +
      `${buckets.length} buckets, whole after ${
        buckets.map(({ whole }) => whole.toFixed(2)).join(" ")
      } of the step`,
  );
}
console.log(`| micro-batches | tokens | link | wire | ${RANKS.join(" | ")} |`);
console.log(`| --- | --- | --- | --- | ${RANKS.map(() => "---").join(" | ")} |`);
for (const [precision, { seconds, microBatches }] of Object.entries(H100)) {
  for (const [tokens, counted] of [[128, base], [512, long]] as const) {
    const last = seconds * counted.operations / base.operations;
    const compute = { before: (microBatches - 1) * last, last };
    const name = `${microBatches} of ${Math.round(1000 * last)} ms (${precision})`;
    for (const [link, rate] of Object.entries(LINKS)) {
      for (const wire of ["f32", "f16"] as const) {
        const shares = RANKS.map((ranks) => microBatches * last / step(counted, compute, ranks, rate, wire));
        const row = shares.map((share) => `${Math.round(100 * share)} %`);
        console.log(`| ${name} | ${tokens} | ${link} | ${wire} | ${row.join(" | ")} |`);
      }
    }
  }
}
