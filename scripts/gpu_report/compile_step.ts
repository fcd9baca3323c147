/**
 * Started by main.ts where Deno's adapter is a fake GPU whose driver prints what it compiles: records the step as this
 * adapter would run it, and has each kernel compiled, by Deno or by Dawn, as in training. Between two marks on standard error stands
 * what the driver printed of a kernel.
 *
 *     deno run -A scripts/gpu_report/compile_step.ts STEP PRECISION [PATTERN [FOLDER_OF_DAWN]]
 */
import { dawnPackage } from "../../src/app/backend.ts";
import { openAdapter } from "../../src/gpu/adapter.ts";
import { dawnFlags } from "../../src/gpu/backend.ts";
import { writeMark } from "./marks.ts";
import { nameOf, operationsOf, type Precision, type RecordedKernel, recordStep } from "./record_step.ts";
import { STEPS } from "./steps.ts";

const [size, precision, pattern = "", dawn] = Deno.args;
// Dawn has a validator of SPIR-V of its own: what it hands to the driver is known to it alone.
const webgpu = dawn
  ? (await dawnPackage(dawn)).create(dawnFlags(["enable_spirv_validation"]))
  : navigator.gpu;
const adapter = await openAdapter("gpu", { webgpu, subgroups: "listed", matrixUnits: "listed" });
const { device, backend } = adapter;
const step = recordStep(adapter, STEPS[size as keyof typeof STEPS], precision as Precision);
writeMark({ adapter: adapter.name });
for (const kernel of step.kernels) {
  const name = nameOf(kernel, step);
  if (!new RegExp(pattern).test(name)) continue;
  writeMark({ kernel: { name, operations: operationsOf(kernel, step) } });
  const error = await compile(kernel);
  writeMark(error === undefined ? { end: true } : { error });
}
Deno.exit(0); // a device that runs nothing would be waited for

/** What is wrong with it, if something is. */
async function compile({ code, layout, entry }: RecordedKernel): Promise<string | undefined> {
  device.pushErrorScope("internal");
  device.pushErrorScope("validation");
  const bindGroupLayout = device.createBindGroupLayout({ entries: [...layout] });
  device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [bindGroupLayout] }),
    compute: {
      module: device.createShaderModule({ code: backend.moduleText(code, device.features) }),
      entryPoint: entry,
    },
  });
  const errors = [await device.popErrorScope(), await device.popErrorScope()];
  return errors.find((error) => error !== null)?.message;
}
