/** The command `unis tune`. */
import { defaultCacheDirectory } from "../data/images/image_store.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { UserError } from "../base/user_error.ts";
import { nameOfShape, recordShapes } from "../ops/gemm_shape.ts";
import { type Tuned, tuneShape } from "../tuning/measure_plans.ts";
import { DownloadBar } from "../report/download_bar.ts";
import { output } from "../report/output.ts";
import { formatTable } from "../report/table.ts";
import { fitData } from "../build/load_dataset.ts";
import type { RunConfig } from "../config/run_config.ts";
import { Interrupted } from "../base/interrupt.ts";
import { planMemory, settleMicroBatch } from "../train/memory_plan.ts";
import { savePlans } from "../tuning/plan_cache.ts";
import { openDevice } from "../app/open_device.ts";
import { OpenRun } from "../app/open_run.ts";
import type { ModelData } from "../build/resolve_encoders.ts";
import { Stop } from "../app/stop.ts";
import { chooseConfig, type ConfigFlags, flagName } from "./choose_config.ts";

export interface TuneFlags extends ConfigFlags {
  /** The folder of a run, to tune for its own step. */
  run?: string;
}

/** Flags that go with a run: it has said all else. */
const WITH_RUN = ["run", "device", "backend", "debug"];

/** Measures the plans of all products of a training step, prints them, and keeps the best; `given` are the flags typed. */
export async function tune(flags: TuneFlags, given: readonly string[]): Promise<void> {
  const note = (message: string) => output.note(message);
  const { config, data } = flags.run === undefined
    ? await ofFlags(flags, given, note)
    : await ofRun(flags.run, given);
  const gpu = await openDevice(flags, () => {}); // a cache that cannot be used is told of when it is replaced
  using stop = new Stop(note);
  try {
    if (!gpu.features.has("timestamp-query")) {
      throw new UserError(`Cannot tune for "${gpu.name}": it has no timestamp queries`);
    }
    const work = stepShapes(gpu, config, data);
    note(`Adapter ${gpu.name} (${gpu.adapterClass}); products of ${work.length} shapes in a micro-batch`);
    const tuned: Tuned[] = [];
    for (const [i, { shape }] of work.entries()) {
      if (stop.signal.aborted) break;
      note(`${i + 1}/${work.length} ${nameOfShape(shape)}`);
      const result = await tuneShape(gpu, shape);
      tuned.push(result);
      for (const plan of result.wrong) {
        note(`left out, since the adapter computes it wrongly: ${JSON.stringify(plan)}`);
      }
    }
    const calls = work.slice(0, tuned.length).map(({ calls }) => calls);
    output.result(["", ...tuningLines(tuned, calls)].join("\n"));
    note(`\nKept in ${savePlans(defaultCacheDirectory(), gpu, tuned, note)}`);
    if (stop.signal.aborted) {
      throw new Interrupted(`stopped; ${tuned.length} of ${work.length} shapes are kept`);
    }
  } finally {
    gpu.destroy();
  }
}

interface Step {
  readonly config: RunConfig;
  readonly data: ModelData;
}

async function ofFlags(
  flags: ConfigFlags,
  given: readonly string[],
  note: (message: string) => void,
): Promise<Step> {
  const { config, folders } = await chooseConfig(flags, given, new DownloadBar(note));
  const { dataset } = await fitData(config, (modality) => folders.get(modality)!, note);
  dataset.close?.();
  return { config, data: dataset };
}

/** Needs none of the data of the run, which keeps what its model must know of them. */
async function ofRun(path: string, given: readonly string[]): Promise<Step> {
  const wrong = given.find((flag) => !WITH_RUN.includes(flag));
  if (wrong !== undefined) {
    throw new UserError(`${flagName(wrong)} cannot be used with --run: the run has its settings`);
  }
  const { run, modelData } = await OpenRun.open(path);
  return { config: run.config, data: modelData };
}

/** The shapes of the products of one micro-batch, forward and backward, and how often each comes. */
function stepShapes(gpu: Gpu, config: RunConfig, data: ModelData) {
  const settled = settleMicroBatch(gpu, config, data);
  return recordShapes(() => void planMemory(gpu, settled, data));
}

/** A table of what was found, and what a micro-batch gains; `calls` says how often each shape comes in it. */
export function tuningLines(tuned: readonly Tuned[], calls: readonly number[]): string[] {
  const rows = tuned.map(({ shape, milliseconds, defaultMilliseconds, candidates, plan }, i) => {
    const { m, n, k, batch } = shape;
    return [
      nameOfShape(shape),
      String(calls[i]),
      String(candidates),
      defaultMilliseconds.toFixed(3),
      milliseconds.toFixed(3),
      (2 * m * n * k * batch / milliseconds / 1e6).toFixed(1),
      gain(defaultMilliseconds, milliseconds),
      describePlan(plan),
    ];
  });
  const total = (of: (result: Tuned) => number) =>
    tuned.reduce((sum, result, i) => sum + calls[i]! * of(result), 0);
  const before = total((result) => result.defaultMilliseconds);
  const after = total((result) => result.milliseconds);
  return [
    ...formatTable([
      ["m×k×n", "calls", "plans", "default ms", "best ms", "GFLOP/s", "gain", "plan"],
      ...rows,
    ]),
    `all products of a micro-batch: ${before.toFixed(1)} ms by default plans, ${after.toFixed(1)} ms tuned ` +
    `(${gain(before, after)})`,
  ];
}

function gain(before: number, after: number): string {
  return after < before ? `${(before / after).toFixed(2)}×` : "-";
}

function describePlan(plan: Tuned["plan"]): string {
  const { form, rows, columns, operands, splits } = plan;
  const parts = splits > 1 ? `, k in ${splits}` : "";
  if (form === "lanes") return `lanes ${4 * rows} rows × ${4 * columns} columns each, ${operands}${parts}`;
  // Each: an invocation, or a subgroup with a matrix unit.
  const [m, n] = form === "matrix" ? [plan.unitM, plan.unitN] : [4, 4];
  const unit = form === "matrix" ? ` by ${m}×${n}×${plan.unitK}` : "";
  return `${form} ${plan.tileM}×${plan.tileN}, ${m * rows}×${n * columns} each${unit}, k by ${plan.step}, ` +
    `${plan.buffers} buf, ${operands}${parts}`;
}
