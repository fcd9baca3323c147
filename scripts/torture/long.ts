/**
 * What must not grow: memory of process and device, the time of a step, files, over thousands of steps, epochs and requests; and
 * workers that die on the way.
 */
import { join } from "node:path";
import type { Random } from "../../src/base/random.ts";
import { unis } from "../../tests/cli/unis.ts";
import { SMALL_OF_ALL } from "../../tests/app/small_runs.ts";
import { Served } from "../served.ts";
import { engineFlags } from "../task_flags.ts";
import type { Attack, AttackClass, Outcome } from "./attack.ts";
import type { Moment } from "./long_run.ts";
import { differences } from "./same_run.ts";
import { training, writeImages, writeTexts } from "./tiny_training.ts";

type Length = readonly ["steps" | "epochs" | "requests", number];

/** The short form has the first three, then workers that die; the long one the others too. */
const LENGTHS: readonly Length[] = [["steps", 600], ["epochs", 60], ["requests", 4000]];
const LONG: readonly Length[] = [["steps", 10_000], ["epochs", 1000], ["requests", 100_000]];
const KILLED = 5;

/** What may be more in the last quarter: of memory than in the second, as the first warms up, and of time than in the first. */
const GROWTH = { memory: 0.01, time: 0.03 };
/** Short runs are over before all is compiled and every cache full. */
const SHORT_GROWTH = { memory: 0.05, time: 0.5 };
const CLIENTS = 16;
/** How often a server is looked at. */
const MOMENTS = 40;

export const long: AttackClass = {
  name: "long",
  what: "thousands of steps, epochs and requests: memory, time and files stay; workers that die are replaced",
  tries: { long: LENGTHS.length + KILLED + LONG.length, short: LENGTHS.length + KILLED },
  isTimed: true,
  prepare,
};

async function prepare(folder: string): Promise<Attack> {
  const table = writeTexts(folder);
  const run = join(folder, "served");
  const images = join(folder, "images.csv");
  writeImages(folder, images);
  const withImages = (out: string) => [
    ...[
      "train",
      "--data",
      `table:${images}`,
      "--out",
      out,
      "--set",
      ...SMALL_OF_ALL,
      "data.random_resized_crop={}",
    ],
  ];
  const reference = join(folder, "reference");
  await mustEndWell(unis(...training(table, run)));
  await mustEndWell(unis(...withImages(reference)));
  return async (number, random) => {
    const first = LENGTHS[number - 1], last = LONG[number - 1 - LENGTHS.length - KILLED];
    if (first === undefined && last === undefined) {
      return await killed(withImages, join(folder, `${number}`), reference, random);
    }
    const [unit, count] = (first ?? last)!;
    const growth = first === undefined ? GROWTH : SHORT_GROWTH;
    if (unit === "requests") return await served(run, count, growth);
    return await trained(await Deno.makeTempDir({ dir: folder }), unit, count, growth);
  };
}

async function mustEndWell(ended: Promise<{ status: number; errors: string }>): Promise<void> {
  const { status, errors } = await ended;
  if (status !== 0) throw new Error(errors);
}

async function trained(folder: string, unit: string, count: number, growth: typeof GROWTH): Promise<Outcome> {
  const [flags] = engineFlags("train");
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", `${flags},--expose-gc`],
      ...[new URL("long_run.ts", import.meta.url).pathname, folder, unit, `${count}`],
    ],
  }).output();
  if (!success) return { failed: new TextDecoder().decode(stderr) };
  const moments: Moment[] = JSON.parse(new TextDecoder().decode(stdout));
  // Every epoch has its line, and its points in the event files: else nothing grows.
  const names = [...Deno.readDirSync(join(folder, "run", "checkpoints"))].map(({ name }) => name);
  if (names.length > 4) return { failed: `checkpoints has ${names.join(", ")}` };
  const kinds = ["resident", "heap", "held", "live"] as const;
  const memory = kinds.map((kind) => [kind, ...quarters(moments.map((one) => one[kind]))] as const);
  const [time] = [quarters(moments.map(({ milliseconds }) => milliseconds))];
  const said = [
    ...memory.map(([kind, , second, , fourth]) => `${kind} ${mebibytes(second)} to ${mebibytes(fourth)} MiB`),
    `${time[0].toFixed(2)} to ${time[3].toFixed(2)} ms`,
  ].join(", ");
  // The heap is part of what is resident, and told to see which of both grew.
  const grew = memory.filter(([kind, , second, , fourth]) =>
    kind !== "heap" && fourth > second * (1 + growth.memory)
  );
  const isSlower = time[3] > time[0] * (1 + growth.time);
  const what = [...grew.map(([kind]) => kind), ...isSlower ? ["time"] : []];
  if (what.length > 0) return { failed: `${what.join(", ")} grew over ${count} ${unit}: ${said}` };
  return { how: `${count} ${unit}: ${said}` };
}

async function served(run: string, count: number, growth: typeof GROWTH): Promise<Outcome> {
  const server = new Served(run, "--max-queue", "512");
  await server.start();
  try {
    const memory: number[] = [], times: number[] = [];
    let sent = 0, wrong = 0, before = server.processorTime();
    const every = Math.ceil(count / MOMENTS);
    const answers = new Map<string, string>();
    const client = async () => {
      while (sent < count) {
        const number = sent++;
        const body = JSON.stringify({ text: `red ${"very ".repeat(number % 7)}` });
        const response = await server.post(body);
        const answer = await response.text();
        const known = answers.get(body) ?? answer;
        answers.set(body, known);
        if (response.status !== 200 || answer !== known) wrong++;
        if (number % every !== 0 || number === 0) continue;
        const time = server.processorTime();
        times.push((time - before) / every);
        before = time;
        memory.push(await server.memory());
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    const [, second, , fourth] = quarters(memory);
    const [first, , , last] = quarters(times);
    const said = `resident ${mebibytes(second)} to ${mebibytes(fourth)} MiB, ${first.toFixed(2)} to ${
      last.toFixed(2)
    } ms`;
    if (wrong > 0) return { failed: `${wrong} of ${count} answers are wrong or others than before` };
    if (fourth > second * (1 + growth.memory) || last > first * (1 + growth.time)) {
      return { failed: `grew over ${count} requests: ${said}` };
    }
    return { how: `${count} requests: ${said}` };
  } finally {
    await server.end("SIGTERM");
  }
}

/** Trains on images while workers die at random messages, as by an error of their own. */
async function killed(
  args: (out: string) => string[],
  out: string,
  reference: string,
  random: Random,
): Promise<Outcome> {
  const { Worker } = globalThis;
  const cache = Deno.env.get("UNIS_CACHE_DIR");
  // Else images that the reference has decoded would be there.
  Deno.env.set("UNIS_CACHE_DIR", `${out}-cache`);
  let deaths = 0;
  const rate = random.between(0.01, 0.1);
  globalThis.Worker = class extends Worker {
    override postMessage(message: unknown, transfer?: unknown): void {
      super.postMessage(message, transfer as Transferable[]);
      if (random.uniform() >= rate) return;
      deaths++;
      super.terminate();
      queueMicrotask(() =>
        this.dispatchEvent(new ErrorEvent("error", { message: "killed", cancelable: true }))
      );
    }
  };
  try {
    const { status, errors } = await unis(...args(out));
    // A job whose second worker dies as well is given up by its name.
    if (status === 2 && /the worker failed: killed/.test(errors) && errors.split("\n").length === 1) {
      return { how: "an image was named whose workers died twice" };
    }
    if (status !== 0) return { failed: `${deaths} workers died, status ${status}: ${errors}` };
    const differ = differences(out, reference);
    if (differ.length > 0) return { failed: `${deaths} workers died: ${differ.join(", ")}` };
    return { how: deaths > 0 ? "workers died, the same result" : "no worker died" };
  } finally {
    globalThis.Worker = Worker;
    if (cache === undefined) Deno.env.delete("UNIS_CACHE_DIR");
    else Deno.env.set("UNIS_CACHE_DIR", cache);
    await Deno.remove(out, { recursive: true }).catch(() => {});
  }
}

/** The medians of the quarters of a series. */
function quarters(values: readonly number[]): [number, number, number, number] {
  const at = (i: number) => Math.floor(i * values.length / 4);
  const median = (i: number) =>
    values.slice(at(i), at(i + 1)).sort((a, b) => a - b)[Math.floor((at(i + 1) - at(i)) / 2)]!;
  return [median(0), median(1), median(2), median(3)];
}

const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
