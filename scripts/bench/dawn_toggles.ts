/**
 * What Dawn's switches for robustness cost: a small training step of UniS-MMC (`SMALL`) with each of them, in turn.
 *
 *     sh scripts/run.sh --version --backend dawn       # fetches Dawn
 *     deno run -A scripts/bench/dawn_toggles.ts [--class gpu|software] [--rounds 7] [--steps 10]
 *
 * Processor time counts all threads, those of a software adapter among them; on a GPU look at the time on the clock. Ratios
 * are of a round's time to that of the flags that are used, medians over rounds.
 */
import { cpuUsage } from "node:process";
import { parseArgs } from "node:util";
import { dawnPackage } from "../../src/app/backend.ts";
import type { AdapterClass } from "../../src/gpu/adapter.ts";
import { dawnFlags } from "../../src/gpu/backend.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { formatTable } from "../../src/report/table.ts";
import { SMALL, unisStep } from "./unis_step.ts";

const { values } = parseArgs({
  options: {
    class: { type: "string", default: "gpu" },
    rounds: { type: "string", default: "7" },
    steps: { type: "string", default: "10" },
  },
});

/** By what they are called: toggles that are switched on and off beside those of `DAWN_FLAGS`. */
const TOGGLES: Readonly<
  Record<string, { readonly on?: readonly string[]; readonly off?: readonly string[] }>
> = {
  "as used": {},
  "no bounds checks": { on: ["disable_robustness"] },
  "no bounds checks where an index is proven": { on: ["enable_integer_range_analysis_in_robustness"] },
  "no validation": { on: ["skip_validation"] },
  "no zeroing of workgroup memory": { on: ["disable_workgroup_init"] },
  "no zeroing of buffers": { off: ["lazy_clear_resource_on_first_use"] },
  "none of these": {
    on: ["disable_robustness", "skip_validation", "disable_workgroup_init"],
    off: ["lazy_clear_resource_on_first_use"],
  },
};

const adapterClass = values.class as AdapterClass;
const dawn = await dawnPackage();
const variants = [];
for (
  const [name, webgpu] of [
    ["Deno's own WebGPU", navigator.gpu] as const,
    ...Object.entries(TOGGLES).map(([name, { on, off }]) => [name, dawn.create(dawnFlags(on, off))] as const),
  ]
) {
  const gpu = await Gpu.open("auto", { webgpu, adapterClass });
  const step = unisStep(gpu, SMALL);
  step.run();
  console.error(`${name}: ${gpu.name}, loss ${await step.loss()}`);
  variants.push({ name, gpu, step, clock: [] as number[], processor: [] as number[] });
}
for (let round = 0; round < Number(values.rounds); round++) {
  for (const { step, gpu, clock, processor } of variants) {
    const start = performance.now(), used = cpuUsage();
    for (let i = 0; i < Number(values.steps); i++) step.run();
    await gpu.finish();
    const { user, system } = cpuUsage(used);
    clock.push((performance.now() - start) / Number(values.steps));
    processor.push((user + system) / 1000 / Number(values.steps));
  }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const base = variants.find(({ name }) => name === "as used")!;
const ratio = (own: readonly number[], of: readonly number[]) =>
  median(own.map((value, i) => value / of[i]!)).toFixed(3);
const table = formatTable([
  ["", "ms", "ratio", "processor ms", "ratio"],
  ...variants.map(({ name, clock, processor }) => [
    name,
    median(clock).toFixed(1),
    ratio(clock, base.clock),
    median(processor).toFixed(1),
    ratio(processor, base.processor),
  ]),
]);
console.log(table.join("\n"));
// Dawn ends with the last reference to it, and must not while it computes.
for (const { step, gpu } of variants) {
  step.dispose();
  gpu.destroy();
}
await new Promise((resolve) => setTimeout(resolve, 100));
