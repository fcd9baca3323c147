/**
 * Who else must take the kernels: Tint, Chrome's compiler of WGSL, and naga's targets beside the one that Deno uses here, which
 * are those of Deno on Apple's systems and on Windows.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { backendOf, DAWN_FLAGS } from "../../src/gpu/backend.ts";
import { matrixFeatures } from "../../src/gpu/matrix_units.ts";
import { loaded } from "./fake_gpus.ts";
import { nameOf, type RecordedKernel, type RecordedStep } from "./record_step.ts";

export interface Refusal {
  readonly by: string;
  readonly kernel: string;
  readonly message: string;
}

/** `undefined` where there is no such compiler. */
export type Refusals = readonly Refusal[] | undefined;

const LABEL = "unis";

/**
 * By Dawn, without a driver, at the default limits of WebGPU: pipelines of `least`, recorded for an adapter with these limits,
 * and modules of every other step, those for matrix units included.
 */
export async function refusedByTint(
  folder: string,
  least: RecordedStep,
  others: readonly RecordedStep[],
): Promise<Refusals> {
  const module = join(folder, "dawn/node_modules/webgpu/index.js");
  if (!existsSync(module)) return undefined;
  const { create } = await import(pathToFileURL(module).href);
  const gpu: GPU = create([...DAWN_FLAGS, "backend=null"]);
  const adapter = (await gpu.requestAdapter())!;
  const wanted = ["shader-f16", "subgroups"] as GPUFeatureName[];
  const has = (name: GPUFeatureName) => adapter.features.has(name);
  const features = [...new Set([...wanted.filter(has), ...matrixFeatures(adapter)])];
  const device = await adapter.requestDevice({ label: LABEL, requiredFeatures: features });
  const textOf = ({ code }: RecordedKernel) => backendOf(gpu).moduleText(code, new Set(features));
  const refusals: Refusal[] = [];
  const check = async (by: string, kernel: string, make: () => void) => {
    device.pushErrorScope("validation");
    make();
    const error = await device.popErrorScope();
    if (error) refusals.push({ by, kernel, message: firstLine(error.message) });
  };
  for (const step of others) {
    for (const kernel of step.kernels) {
      await check("Tint", nameOf(kernel, step), () => device.createShaderModule({ code: textOf(kernel) }));
    }
  }
  for (const kernel of least.kernels) {
    const { entry, layout } = kernel;
    await check("Tint at WebGPU's default limits", nameOf(kernel, least), () =>
      device.createComputePipeline({
        layout: device.createPipelineLayout({
          bindGroupLayouts: [device.createBindGroupLayout({ entries: [...layout] })],
        }),
        compute: { module: device.createShaderModule({ code: textOf(kernel) }), entryPoint: entry },
      }));
  }
  device.destroy();
  return refusals;
}

/** What naga is asked for, and with which flags, as wgpu asks it: checked indices, and on Windows the model that has f16. */
const TARGETS = {
  SPIRV: { file: "kernel.spv", flags: ["--spirv-version", "1.3"] },
  MSL: { file: "kernel.metal", flags: ["--metal-version", "2.4"] },
  HLSL: { file: "kernel.hlsl", flags: ["--shader-model", "62"] },
};
const CHECKED = ["--index-bounds-check-policy", "Restrict", "--buffer-bounds-check-policy", "Restrict"];

/** By naga-cli, and by spirv-val where it is at hand too. */
export async function refusedByNaga(folder: string, step: RecordedStep): Promise<Refusals> {
  const naga = join(folder, "bin/naga");
  if (!existsSync(naga)) return undefined;
  const root = join(folder, "debian");
  const validator = join(root, "usr/bin/spirv-val");
  const { loader, args } = loaded(root);
  const refusals: Refusal[] = [];
  const work = await Deno.makeTempDir();
  try {
    for (const kernel of step.kernels) {
      const check = async (by: string, command: Deno.Command) => {
        const { success, stderr, stdout } = await command.output();
        const said = [stderr, stdout].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
        if (!success) refusals.push({ by, kernel: nameOf(kernel, step), message: firstLine(said) });
      };
      const source = join(work, "kernel.wgsl");
      await Deno.writeTextFile(source, kernel.code);
      for (const [target, { file, flags }] of Object.entries(TARGETS)) {
        const call = [
          ...CHECKED,
          "--compact",
          "--entry-point",
          kernel.entry,
          ...flags,
          source,
          join(work, file),
        ];
        await check(`naga to ${target}`, new Deno.Command(naga, { args: call }));
      }
      if (existsSync(validator)) {
        const file = join(work, TARGETS.SPIRV.file);
        const program = [...args, validator, "--target-env", "vulkan1.1", file];
        await check("spirv-val", new Deno.Command(loader, { args: program }));
      }
    }
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  return refusals;
}

/** The first line that says something. */
function firstLine(message: string): string {
  return message.split("\n").map((line) => line.trim()).find((line) => line !== "") ?? "";
}
