/**
 * How long ranks take to exchange gradients, and how much of that their backward pass hides.
 *
 *     mpiexec -n 2 deno run -A scripts/bench/exchange.ts [--steps 5] [--width 512] [--layers 4] [--tokens 32] [--samples 4] [--wire f16]
 *
 * Each rank differentiates a text encoder of random weights: alone, then with its gradients exchanged after the backward pass,
 * then within it. Prints the median times of a step of the slowest rank, beside what is exchanged.
 */
import { parseArgs } from "node:util";
import type { Batch } from "../../src/data/batch.ts";
import { PRESETS } from "../../src/config/presets.ts";
import { withSettings } from "../../src/config/run_config.ts";
import { launched } from "../../src/distributed/launcher.ts";
import { Mpi } from "../../src/distributed/mpi.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { GradientExchange } from "../../src/train/gradient_exchange.ts";
import { declareModel, differentiate, trainingContext } from "../../src/train/gradient_step.ts";

const { values: flags } = parseArgs({
  options: {
    steps: { type: "string", default: "5" },
    width: { type: "string", default: "512" },
    layers: { type: "string", default: "4" },
    tokens: { type: "string", default: "32" },
    samples: { type: "string", default: "4" },
    wire: { type: "string", default: "f32" },
  },
});
const [steps, width, tokens, samples] = [
  Number(flags.steps),
  Number(flags.width),
  Number(flags.tokens),
  Number(flags.samples),
];
const VOCABULARY = 1000;
const MIB = 2 ** 20;

const config = withSettings(PRESETS.emoji, [
  "method=text",
  `model.encoders.text.hidden_size=${width}`,
  `model.encoders.text.intermediate_size=${4 * width}`,
  `model.encoders.text.num_attention_heads=${width / 64}`,
  `model.encoders.text.num_hidden_layers=${flags.layers}`,
  `data.max_tokens=${tokens}`,
]);
const batch: Batch = {
  size: samples,
  rows: new Uint32Array(samples),
  labels: new Uint32Array(samples),
  modalities: {
    text: {
      kind: "text",
      ids: Uint32Array.from({ length: samples * tokens }, (_, i) => 1 + i * 7919 % (VOCABULARY - 1)),
      mask: new Uint32Array(samples * tokens).fill(1),
      tokens,
    },
  },
};

const ranks = await Mpi.join(launched()!, 120);
const gpu = await Gpu.open();
const parameters = new Parameters();
const model = declareModel(parameters, config, {
  name: "random",
  classes: ["a", "b", "c"],
  modalities: [{ name: "image", kind: "image", height: 32, width: 32, mean: [0, 0, 0], std: [1, 1, 1] }, {
    name: "text",
    kind: "text",
    vocabularySize: VOCABULARY,
    maxTokens: tokens,
    padId: 0,
  }],
});
parameters.allocate(gpu, 1);
const exchange = new GradientExchange(ranks, parameters, flags.wire === "f16" ? "f16" : "f32");

type Form = "alone" | "after" | "within";

/** Seconds of a step of the slowest rank. */
async function step(form: Form): Promise<number> {
  parameters.zeroGrad();
  await gpu.finish();
  await ranks.gather(null, "the start of a step");
  const start = performance.now();
  const watch = form === "within" ? exchange.watch() : undefined;
  differentiate(gpu, model, batch, trainingContext(config, 0), 1, { watch });
  if (form !== "alone") {
    exchange.begin("a step");
    await exchange.end();
  }
  await gpu.finish();
  const seconds = (performance.now() - start) / 1000;
  return Math.max(...await ranks.gather(seconds, "the end of a step"));
}

const times: Record<Form, number[]> = { alone: [], after: [], within: [] };
for (let i = -1; i < steps; i++) {
  for (const form of ["alone", "after", "within"] as const) {
    const seconds = await step(form);
    if (i >= 0) times[form].push(seconds);
  }
}
const bytes = parameters.arrays.reduce((sum, { grads }) => sum + grads.bytes, 0);
const sent = 2 * (ranks.size - 1) / ranks.size * bytes;
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const [alone, after, within] = [median(times.alone), median(times.after), median(times.within)];
if (ranks.rank === 0) {
  console.log(
    `${ranks.size} ranks, gradients of ${(bytes / MIB).toFixed(1)} MiB, ${
      (sent / MIB).toFixed(1)
    } MiB sent by each: ` +
      `alone ${alone.toFixed(3)} s, exchanged after ${after.toFixed(3)} s, within ${within.toFixed(3)} s; ` +
      `hidden ${(100 * (after - within) / (after - alone)).toFixed(0)} %`,
  );
}
exchange.dispose();
parameters.dispose();
gpu.destroy();
await ranks.leave();
Deno.exit(0); // the thread of MPI stays to the end of the process
