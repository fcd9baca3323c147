/**
 * What the compilers of GPUs make of every kernel of a training step, and a roofline of the step; no GPU is needed.
 *
 *     deno task gpu:report --compilers FOLDER [--gpu navi31 …] [--precision f32|f16|packed …] [--kernel PATTERN] [--step base|small]
 *         [--backend deno|dawn] [--card h100] [--teraflops 67] [--gigabytes 3350] [--multiprocessors 132] [--efficiency 0.7] [--brief]
 *
 * FOLDER is what `sh scripts/gpu_report/setup.sh FOLDER` has made; what is not there is skipped, with a line that says so.
 * PATTERN is a regular expression for names as the tables show them. Kernels for matrix units are compiled on Dawn, whatever the
 * backend, for fake GPUs that list such units. `--brief` leaves out the tables of single kernels.
 * The status is 1 where a kernel spills, has memory of its own, or is refused, 2 where an option is wrong.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatTable } from "../../src/report/table.ts";
import { adapterOf, CARDS, LEAST_ADAPTER, MATRIX_UNITS } from "./cards.ts";
import { type CompiledStep, compileOn } from "./compile_on.ts";
import { FAKE_GPUS, type FakeGpu } from "./fake_gpus.ts";
import { privateArrays } from "./private_arrays.ts";
import { compileWithPtxas } from "./ptxas.ts";
import { nameOf, type Precision, PRECISIONS, type RecordedStep, recordStep } from "./record_step.ts";
import { type Refusals, refusedByNaga, refusedByTint } from "./refusals.ts";
import { roofline } from "./roofline.ts";
import type { MatrixUnit } from "../../src/gpu/matrix_units.ts";
import { STEPS } from "./steps.ts";
import { faultsOf, kernelRows, rooflineRows, summaryHeader, summaryRow } from "./tables.ts";

/** What is compiled for by NVIDIA's own compiler, without a driver. */
const PTXAS = "sm_90";
/** What the names of kernels for matrix units have in them. */
const BY_MATRICES = "_matri(x|ces)";
const GPUS = [...FAKE_GPUS.map(({ name }) => name), PTXAS];

const { values: flags } = parseArgs({
  options: {
    compilers: { type: "string", default: ".gpu_compilers" },
    gpu: { type: "string", multiple: true, default: GPUS },
    precision: { type: "string", multiple: true, default: ["f32", "f16"] },
    kernel: { type: "string", default: "" },
    step: { type: "string", default: "base" },
    backend: { type: "string", default: "deno" },
    card: { type: "string", default: "h100" },
    teraflops: { type: "string" },
    gigabytes: { type: "string" },
    multiprocessors: { type: "string" },
    efficiency: { type: "string", default: "0.7" },
    brief: { type: "boolean", default: false },
  },
});
const precisions = flags.precision.map((name) => choice("precision", name, PRECISIONS)) as Precision[];
const size = choice("step", flags.step, Object.keys(STEPS)) as keyof typeof STEPS;
for (const name of flags.gpu) choice("gpu", name, GPUS);
const onDawn = choice("backend", flags.backend, ["deno", "dawn"]) === "dawn";
const gpus = FAKE_GPUS.filter(({ name }) => flags.gpu.includes(name));
const known = CARDS[choice("card", flags.card, Object.keys(CARDS))]!;
const card = {
  ...known,
  ...flags.teraflops && { teraflops: Number(flags.teraflops) },
  ...flags.gigabytes && { gigabytes: Number(flags.gigabytes) },
  ...flags.multiprocessors && { multiprocessors: Number(flags.multiprocessors) },
};
const faults: string[] = [];
const summary: string[][] = [];
let skipped = false;

for (const precision of precisions) {
  const step = recordStep(adapterOf(known), STEPS[size], precision);
  const wanted = onlyWanted(step);
  findPrivateArrays(wanted, precision, "naga");
  const byMatrices = precision === "f16" ? MATRIX_UNITS.map(stepByMatrices) : [];
  for (const step of byMatrices) findPrivateArrays(step, `${precision}, by matrix units`, "tint");
  for (const gpu of gpus) {
    await compileFor(gpu, precision, flags.kernel, onDawn ? "on Dawn" : undefined);
    if (!onDawn && precision === "f16" && gpu.hasMatrixUnits) {
      await compileFor(
        gpu,
        precision,
        `^(?=.*${BY_MATRICES})(?=.*?(?:${flags.kernel}))`,
        "by matrix units on Dawn",
      );
    }
  }
  if (flags.gpu.includes(PTXAS)) {
    const title = `${PTXAS} (NVIDIA Hopper, NVRTC/ptxas), ${precision}`;
    const compiled = await compileWithPtxas(flags.compilers, wanted);
    if (compiled === undefined) skip(title, `a program of its chain is not in ${flags.compilers}`);
    else report(title, compiled);
  }
  const least = onlyWanted(recordStep(LEAST_ADAPTER, STEPS[size], precision));
  refuse(
    `Tint (npm webgpu), ${precision}`,
    await refusedByTint(flags.compilers, least, [wanted, ...byMatrices]),
  );
  refuse(`naga-cli, ${precision}`, await refusedByNaga(flags.compilers, wanted));
  model(step, precision);
}
if (summary.length > 0) {
  print("Compilers: the most registers, spills and bytes of any kernel", [summaryHeader, ...summary]);
}
if (skipped) console.log(`sh scripts/gpu_report/setup.sh ${flags.compilers} fetches what is not there`);
for (const fault of faults) console.log(`fault: ${fault}`);
console.log(faults.length === 0 ? "No faults" : `${faults.length} faults`);
Deno.exit(faults.length === 0 ? 0 : 1);

function choice(flag: string, value: string, choices: readonly string[]): string {
  if (choices.includes(value)) return value;
  console.error(`--${flag} ${value} is not known; there are ${choices.join(", ")}`);
  Deno.exit(2);
}

function skip(title: string, reason: string): void {
  skipped = true;
  console.log(`skipped: ${title}: ${reason}`);
}

/** Reports what a GPU's compiler makes of kernels by a pattern for their names, of Deno's or, where one is given, of Dawn. */
async function compileFor(gpu: FakeGpu, precision: Precision, pattern: string, dawn?: string): Promise<void> {
  const title = [`${gpu.name} (${gpu.card}, ${gpu.driver.name})`, precision, dawn].filter(Boolean).join(", ");
  const compiled = await compileOn(join(flags.compilers, "debian"), gpu, {
    size,
    precision,
    pattern,
    ...dawn && { dawn: join(flags.compilers, "dawn/") },
  }).catch((error: Error) => error);
  if (compiled === undefined) skip(title, `no such driver in ${flags.compilers}`);
  else if (compiled instanceof Error) skip(title, compiled.message);
  else if (compiled.kernels.length === 0) skip(title, `it has no kernel like ${pattern}`);
  else report(title, compiled);
}

/** The step with those of its kernels alone that are asked for. */
function onlyWanted(step: RecordedStep): RecordedStep {
  const wanted = new RegExp(flags.kernel);
  return { ...step, kernels: step.kernels.filter((kernel) => wanted.test(nameOf(kernel, step))) };
}

/** Those kernels of the step in f16 that multiply by a matrix unit. */
function stepByMatrices(unit: MatrixUnit): RecordedStep {
  const step = onlyWanted(recordStep(adapterOf(known, [unit]), STEPS[size], "f16"));
  return { ...step, kernels: step.kernels.filter(({ code }) => code.includes("subgroup_matrix_")) };
}

function refuse(title: string, refusals: Refusals): void {
  if (refusals === undefined) return skip(title, `not in ${flags.compilers}`);
  console.log(`${title}: ${refusals.length} refused`);
  faults.push(...refusals.map(({ by, kernel, message }) => `${by}: ${kernel} is refused: ${message}`));
}

function print(title: string, rows: readonly string[][]): void {
  console.log(["", title, ...formatTable(rows)].join("\n"));
}

function report(title: string, step: CompiledStep): void {
  if (!flags.brief) print(title, kernelRows(step));
  summary.push(summaryRow(title, step));
  faults.push(...faultsOf(step).map((fault) => `${title}: ${fault}`));
}

function findPrivateArrays(step: RecordedStep, title: string, compiler: "naga" | "tint"): void {
  for (const kernel of step.kernels) {
    const name = nameOf(kernel, step);
    for (const array of privateArrays(kernel.label, kernel.code, kernel.entry, compiler)) {
      faults.push(`source, ${title}: ${name} indexes its array ${array} at run time`);
    }
  }
}

function model(step: RecordedStep, precision: Precision): void {
  const efficiency = Number(flags.efficiency);
  const { name, teraflops, gigabytes, multiprocessors } = card;
  const lines = roofline(
    step.dispatches,
    card,
    () => efficiency,
    ({ kernel }) => step.kernels[kernel]!.label,
  );
  print(
    `Roofline, ${precision}: ${name}, ${teraflops} TFLOP/s, ${gigabytes} GB/s, ${multiprocessors} multiprocessors`,
    rooflineRows(lines),
  );
}
