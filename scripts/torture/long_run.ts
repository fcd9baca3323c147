/**
 * Trains for long, in a process of its own, and prints what the process and its device hold meanwhile, as JSON:
 *
 *     deno run -A --v8-flags=--expose-gc scripts/torture/long_run.ts FOLDER steps 10000
 *     deno run -A --v8-flags=--expose-gc scripts/torture/long_run.ts FOLDER epochs 1000
 */
import { join } from "node:path";
import { cpuUsage } from "node:process";
import { openDevice } from "../../src/app/open_device.ts";
import { Work } from "../../src/app/work.ts";
import { dataPreset } from "../../src/config/data_presets.ts";
import { withSettings } from "../../src/config/run_config.ts";
import type { DownloadProgress } from "../../src/io/hub.ts";
import { SMALL_TEXT, writeTable } from "../../tests/app/small_runs.ts";
import { silent } from "../../tests/train/tiny.ts";

/**
 * Of one moment: bytes of the process, of its heap, in buffers of the device; and since the one before, the milliseconds of
 * processors that a step or epoch took, which on a software adapter are all there is, whatever else the machine does.
 */
export interface Moment {
  readonly resident: number;
  readonly heap: number;
  readonly held: number;
  readonly live: number;
  readonly milliseconds: number;
}

const BATCH = 12;
/** Epochs that the steps are in. */
const EPOCHS = 5;
const COLOURS = ["red", "green", "blue"];

const [folder, unit, number] = Deno.args as [string, "steps" | "epochs", string];
const count = Number(number);
const table = join(folder, "items.csv");
// Of ten rows eight are for training.
const rows = unit === "steps" ? Math.ceil(count / EPOCHS * BATCH / 0.8) : 60;
writeTable(table, [
  ["title", "label"],
  ...Array.from({ length: rows }, (_, i) => [`${COLOURS[i % 3]} ${"very ".repeat(i % 7)}`, COLOURS[i % 3]!]),
]);
const epochs = unit === "steps" ? EPOCHS : count;
const settings = [
  ...SMALL_TEXT,
  "method=text",
  `training.epochs=${epochs}`,
  `training.early_stopping=${epochs}`,
  "training.keep=last",
  "training.evaluation_batch=120",
];
const gpu = await openDevice("auto", () => {});
const moments: Moment[] = [];
const before = { done: 0, time: processorTime() };

/** Takes down what is held, when so many steps or epochs are done. */
function look(done: number): void {
  const milliseconds = (processorTime() - before.time) / (done - before.done);
  (globalThis as unknown as { gc(): void }).gc();
  const { rss: resident, heapUsed: heap } = Deno.memoryUsage();
  const { held, live } = gpu.memory;
  moments.push({ resident, heap, held, live, milliseconds });
  Object.assign(before, { done, time: processorTime() });
}

function processorTime(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

const config = withSettings(dataPreset({ name: "table", path: table }, settings), settings);
using work = await Work.begin({ config, folders: new Map(), out: join(folder, "run") }, {
  device: gpu,
  observer: {
    ...silent(({ epoch }) => unit === "epochs" && look(epoch)),
    progressed: ({ epoch, done, total }) => {
      if (unit === "steps") look(Math.floor(((epoch - 1) * total + done) / BATCH));
    },
  },
  downloads: {} as DownloadProgress,
});
await work.trainAndTest(new AbortController().signal);
console.log(JSON.stringify(moments));
