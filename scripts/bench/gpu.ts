/**
 * Everything about an adapter's speed in one go: a table for Deno's WebGPU, one for Dawn, PyTorch's step, and the goals.
 * See gpu.sh, which starts it.
 *
 *     deno run -A scripts/bench/gpu.ts [--small] [--class gpu|software] [--backend deno|dawn]... [--python FILE]
 *         [--only products|movers|step]
 *
 * Kernels are timed by timestamp queries, the training step by the clock; medians after a warm-up. Of the engine alone,
 * so that it runs where no npm package is to be had; Dawn is one, and left out where it is not in .deno/dawn.
 */
import { parseArgs } from "node:util";
import { type BackendName, findBackend } from "../../src/app/backend.ts";
import { UserError } from "../../src/base/user_error.ts";
import { type AdapterClass, AdapterError } from "../../src/gpu/adapter.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { measureCeilings } from "../../src/ops/ceilings.ts";
import { selfTest } from "../../src/ops/self_test.ts";
import { formatTable } from "../../src/report/table.ts";
import { goalRows, type Measured } from "./goals.ts";
import { GpuParts, ROUNDS, SIZES, stepName, stepRow } from "./gpu_parts.ts";

const { values: flags } = parseArgs({
  options: {
    small: { type: "boolean", default: false },
    class: { type: "string" },
    backend: { type: "string", multiple: true, default: ["deno", "dawn"] },
    python: { type: "string" },
    only: { type: "string" },
  },
});
const sizes = flags.small ? SIZES.small : SIZES.base;
const isWanted = (part: string) => flags.only === undefined || flags.only === part;

interface OfBackend {
  readonly product?: number;
  readonly movers: Record<string, number>;
  readonly steps: { f32?: number; f16?: number };
  readonly byMatrixUnits: boolean;
}
const NOTHING: OfBackend = { movers: {}, steps: {}, byMatrixUnits: false };

/** All parts on one implementation of WebGPU. */
async function measure(webgpu: GPU): Promise<OfBackend> {
  const adapterClass = flags.class && { adapterClass: flags.class as AdapterClass };
  const gpu = await Gpu.open("auto", { webgpu, ...adapterClass });
  await selfTest(gpu);
  const units = gpu.matrixUnits.map(({ m, n, k }) => `${m}×${n}×${k}`).join(", ") || "none";
  console.log(`Adapter   ${gpu.name} (${gpu.adapterClass}); self test passed; matrix units: ${units}`);
  console.log(`Features  ${[...gpu.features].join(", ")}`);
  console.log(
    `Limits    ${Object.entries(gpu.limits).map(([name, value]) => `${name} ${value}`).join(", ")}`,
  );
  const ceilings = await measureCeilings(gpu);
  const parts = new GpuParts(gpu, ceilings, sizes);
  const precisions = ceilings.f16 === undefined ? ["f32"] as const : ["f32", "f16"] as const;
  const products: Record<string, number> = {};
  const steps: Record<string, number> = {};
  if (isWanted("products")) { for (const one of precisions) products[one] = await parts.products(one); }
  const movers = isWanted("movers") ? await parts.movers() : {};
  if (isWanted("step")) { for (const one of precisions) steps[one] = await parts.step(one); }
  console.log(["", ...formatTable([[gpu.name, "time", "rate", ""], ...parts.rows]), ""].join("\n"));
  const byMatrixUnits = gpu.matrixUnits.length > 0;
  gpu.destroy();
  const { f32: product } = products;
  return { ...(product !== undefined && { product }), movers, steps, byMatrixUnits };
}

/** What was measured on a backend; nothing, with a line that says why, where it is not at hand. */
async function measureOn(backend: BackendName): Promise<OfBackend> {
  if (!flags.backend.includes(backend)) return NOTHING;
  try {
    return await measure(await findBackend(backend, console.log));
  } catch (error) {
    if (!(error instanceof AdapterError || error instanceof UserError)) throw error;
    console.log(`Left out  ${backend}: ${error.message}\n`);
    return NOTHING;
  }
}

/** The same step by PyTorch, eager, in f32 without TF32, or by its automatic mixed precision; its milliseconds. */
async function torchStep(precision: "f32" | "amp"): Promise<{ row: string[]; milliseconds?: number }> {
  const { step } = sizes;
  const name = `PyTorch ${stepName(step)} ${precision}`;
  if (flags.python === undefined) return { row: [name, "no PyTorch", "", ""] };
  const file = new URL("torch_step.py", import.meta.url).pathname;
  const options = JSON.stringify({ ...step, precision, rounds: ROUNDS });
  const { success, stdout, stderr } = await new Deno.Command(flags.python, { args: [file, options] })
    .output();
  if (!success) {
    return { row: [name, "failed", "", new TextDecoder().decode(stderr).trim().split("\n").at(-1)!] };
  }
  const theirs: {
    device: string;
    dtype: string;
    milliseconds: number;
    memory: number;
    loss: number;
    version: string;
  } = JSON.parse(new TextDecoder().decode(stdout));
  const { milliseconds, memory, loss, version, dtype, device } = theirs;
  const row = stepRow(name, step, milliseconds, memory, loss);
  return { row: row.with(-1, `${row.at(-1)}; ${version}, ${dtype}, on ${device}`), milliseconds };
}

const own = await measureOn("deno");
const dawn = await measureOn("dawn");
const [plain, mixed] = isWanted("step") ? [await torchStep("f32"), await torchStep("amp")] : [];
if (plain && mixed) {
  console.log([...formatTable([["PyTorch", "time", "rate", ""], plain.row, mixed.row]), ""].join("\n"));
}
const { byMatrixUnits, steps: { f16 } } = dawn;
const measured: Measured = {
  ...(own.product !== undefined && { product: own.product }),
  movers: own.movers,
  step: {
    ...(own.steps.f32 !== undefined && { f32: own.steps.f32 }),
    ...(plain?.milliseconds !== undefined && { torch: plain.milliseconds }),
  },
  mixedStep: {
    ...(f16 !== undefined && { f16 }),
    ...(mixed?.milliseconds !== undefined && { torch: mixed.milliseconds }),
    byMatrixUnits,
  },
};
console.log(formatTable([["goal", "measured", ""], ...goalRows(measured)]).join("\n"));
