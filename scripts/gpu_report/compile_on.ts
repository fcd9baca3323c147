/** The figures of every kernel of a step on one fake GPU. */
import { commandOn, type FakeGpu } from "./fake_gpus.ts";
import type { Figures } from "./figures.ts";
import { type Mark, readMarks } from "./marks.ts";
import type { Precision } from "./record_step.ts";
import type { STEPS } from "./steps.ts";

export interface CompiledKernel {
  readonly name: string;
  /** Additions and multiplications of all its dispatches in a step; 0 where the op does not tell them. */
  readonly operations: number;
  /** Undefined where it did not compile. */
  readonly figures: Figures | undefined;
  readonly error: string | undefined;
}

export interface CompiledStep {
  readonly adapter: string;
  readonly kernels: readonly CompiledKernel[];
}

export interface StepToCompile {
  readonly size: keyof typeof STEPS;
  readonly precision: Precision;
  /** A regular expression for the names of the kernels wanted. */
  readonly pattern: string;
  /** Where Dawn is, by which matrix units are used; Deno's own WebGPU if not given. */
  readonly dawn?: string;
}

/** `undefined` where `root` has no driver of this GPU. Throws an Error, with its last lines, where it cannot be opened. */
export async function compileOn(
  root: string,
  gpu: FakeGpu,
  { size, precision, pattern, dawn }: StepToCompile,
): Promise<CompiledStep | undefined> {
  const script = new URL("compile_step.ts", import.meta.url).pathname;
  const flags = ["run", "-A", "--no-check", "--no-config", "--no-lock"];
  const command = commandOn(root, gpu, [
    Deno.execPath(),
    ...flags,
    script,
    size,
    precision,
    pattern,
    ...dawn ? [dawn] : [],
  ]);
  if (!command) return undefined;
  const child = command.spawn();
  const kernels: CompiledKernel[] = [];
  let adapter: string | undefined, last = "";
  let kernel = { name: "", operations: 0 };
  for await (const { mark, before } of readMarks(child.stderr)) {
    last = before;
    if (mark === undefined) break;
    if ("adapter" in mark) adapter = mark.adapter;
    else if ("kernel" in mark) kernel = mark.kernel;
    else kernels.push(compiled(kernel, mark, () => gpu.driver.read(before)));
  }
  const { success } = await child.status;
  if (!success || adapter === undefined) {
    throw new Error(`${gpu.name} could not be opened:\n${last.trim().split("\n").slice(-5).join("\n")}`);
  }
  return { adapter, kernels };
}

function compiled(
  kernel: { readonly name: string; readonly operations: number },
  mark: Mark,
  read: () => Figures,
): CompiledKernel {
  if ("error" in mark) return { ...kernel, figures: undefined, error: mark.error };
  try {
    return { ...kernel, figures: read(), error: undefined };
  } catch (error) {
    return { ...kernel, figures: undefined, error: (error as Error).message };
  }
}
