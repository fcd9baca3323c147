/**
 * Started by main.ts where Deno's adapter is a fake GPU whose driver prints what it compiles: records the step as this
 * adapter would run it, and has each kernel compiled, by Deno or by Dawn, as in training. Between two marks on standard error stands
 * what the driver printed of a kernel.
 *
 *     deno run -A scripts/gpu_report/compile_step.ts STEP PRECISION [PATTERN [FOLDER_OF_DAWN]]
 */
import { loadDawn } from "../../src/app/backend.ts";
import { openAdapter } from "../../src/gpu/adapter.ts";
import { writeMark } from "./marks.ts";
import { nameOf, operationsOf, type Precision, type RecordedKernel, recordStep } from "./record_step.ts";
import { STEPS } from "./steps.ts";

const [size, precision, pattern = "", dawn] = Deno.args;
const webgpu = dawn ? loadDawn(dawn) : navigator.gpu;
if (typeof webgpu === "string") throw new Error(webgpu);
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
  device.pushErrorScope("validation");
  const bindGroupLayout = device.createBindGroupLayout({ entries: [...layout] });
  device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [bindGroupLayout] }),
    compute: {
      module: device.createShaderModule({ code: backend.moduleText(code, device.features) }),
      entryPoint: entry,
    },
  });
  return (await device.popErrorScope())?.message;
}
