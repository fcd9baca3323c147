/**
 * What a training step costs the host: JavaScript that encodes a UniS-MMC step of ViT-base and BERT-base.
 *
 *     deno run -A scripts/bench/host.ts [--size narrow|base|small] [--class gpu|software] [--rounds 50] [--submit]
 *
 * A narrow model has most of the dispatches of the base one, whose long sums are split: 867 of 1,008. Work is encoded
 * but, without --submit, dropped: a software adapter would run it within the call that submits it. Printed are milliseconds of the
 * clock and, on Linux, of the thread on a processor, which other programs do not lengthen.
 */
import { parseArgs } from "node:util";
import type { AdapterClass } from "../../src/gpu/adapter.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { BASE, NARROW, SMALL, unisStep } from "./unis_step.ts";

const { values: flags } = parseArgs({
  options: {
    size: { type: "string", default: "narrow" },
    class: { type: "string", default: "gpu" },
    rounds: { type: "string", default: "50" },
    submit: { type: "boolean", default: false },
  },
});
const sizes = { base: { ...BASE, microBatch: 2 }, narrow: NARROW, small: SMALL };

/** Milliseconds that this thread has been on a processor; NaN where the system does not tell. */
function threadTime(): number {
  try {
    return Number(Deno.readTextFileSync("/proc/self/schedstat").split(" ")[0]) / 1e6;
  } catch {
    return NaN;
  }
}

const gpu = await Gpu.open("auto", { adapterClass: flags.class as AdapterClass });
const step = unisStep(gpu, sizes[flags.size as keyof typeof sizes]);
step.run();
await gpu.finish();
if (!flags.submit) {
  const { submit } = GPUQueue.prototype;
  // Writes still go through, or they would pile up.
  GPUQueue.prototype.submit = function () {
    return submit.call(this, []);
  };
}
for (let i = 0; i < 10; i++) step.run(); // for the compiler of JavaScript, too
await gpu.finish();
const times: { clock: number; thread: number }[] = [];
const before = gpu.dispatches;
for (let i = 0; i < Number(flags.rounds); i++) {
  const [start, threadStart] = [performance.now(), threadTime()];
  step.run();
  times.push({ clock: performance.now() - start, thread: threadTime() - threadStart });
  await gpu.finish();
}
const dispatches = (gpu.dispatches - before) / times.length;
const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
for (const kind of ["clock", "thread"] as const) {
  const values = times.map((time) => time[kind]);
  const milliseconds = median(values);
  console.log(
    `${kind.padEnd(8)}${milliseconds.toFixed(2)} ms a step (least ${values[0]!.toFixed(2)}), ` +
      `${(1000 * milliseconds / dispatches).toFixed(2)} µs for each of ${dispatches} dispatches`,
  );
}
const { peakLive, peakHeld } = gpu.memory;
console.log(`memory  peak held / peak live = ${(peakHeld / peakLive).toFixed(3)}`);
step.dispose();
gpu.destroy();
