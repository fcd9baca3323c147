/**
 * What NVIDIA's own compiler makes of kernels, for Hopper: naga's HLSL becomes CUDA by Slang, PTX by NVRTC, machine code by
 * ptxas. Two translators stand between, so this tells of the arithmetic and its registers, not of what the driver does with
 * checks of bounds; accesses are unchecked here, and memory of the workgroup is not zeroed. As in drivers, parameters are
 * constants of the kernel, and functions such as e^x are the hardware's, which is as exact as WGSL asks for.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CompiledKernel, CompiledStep } from "./compile_on.ts";
import { type Block, type Figures, sharesOf } from "./figures.ts";
import { nameOf, operationsOf, type RecordedKernel, type RecordedStep } from "./record_step.ts";

const ARCHITECTURE = "sm_90";
/** Of a multiprocessor of that architecture. */
const WARPS = 64, REGISTERS = 65536, SHARED_BYTES = 232448;
const LANES = 32;

/** `undefined` where a program of the chain is missing. */
export async function compileWithPtxas(
  folder: string,
  step: RecordedStep,
): Promise<CompiledStep | undefined> {
  const programs = {
    naga: join(folder, "bin/naga"),
    slangc: join(folder, "nvidia/slangtorch/bin/slangc"),
    nvrtc: join(folder, "nvidia/nvidia/cuda_nvrtc/lib/libnvrtc.so.12"),
    ptxas: join(folder, "nvidia/nvidia/cuda_nvcc/bin/ptxas"),
    nvdisasm: join(folder, "nvidia/nvidia/cu13/bin/nvdisasm"),
    fp16: join(folder, "nvidia/nvidia/cuda_runtime/include/cuda_fp16.h"),
  };
  if (!Object.values(programs).every((path) => existsSync(path))) return undefined;
  const kernels: CompiledKernel[] = [];
  const work = await Deno.makeTempDir();
  try {
    for (const kernel of step.kernels) {
      const named = { name: nameOf(kernel, step), operations: operationsOf(kernel, step) };
      const figures = await compile(programs, work, kernel).catch((error: Error) => error.message);
      kernels.push(
        typeof figures === "string"
          ? { ...named, figures: undefined, error: figures }
          : { ...named, figures, error: undefined },
      );
    }
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  return { adapter: ARCHITECTURE, kernels };
}

type Programs = Record<"naga" | "slangc" | "nvrtc" | "ptxas" | "nvdisasm" | "fp16", string>;

async function compile(programs: Programs, work: string, { code, entry }: RecordedKernel): Promise<Figures> {
  const file = (extension: string) => join(work, `kernel.${extension}`);
  const run = async (program: keyof Programs, ...args: string[]) => {
    const env = { LD_LIBRARY_PATH: join(programs.nvrtc, "..") }; // NVRTC looks there for its built-in functions
    const output = await new Deno.Command(programs[program], { args, env }).output();
    const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
    if (!output.success) throw new Error(`${program}: ${stderr!.trim() || stdout!.trim()}`);
    return { stdout: stdout!, stderr: stderr! };
  };
  await Deno.writeTextFile(file("wgsl"), code);
  await run("naga", "--compact", "--entry-point", entry, "--shader-model", "62", file("wgsl"), file("hlsl"));
  const hlsl = await Deno.readTextFile(file("hlsl"));
  const lanes = lanesOf(hlsl);
  await Deno.writeTextFile(file("hlsl"), forSlang(hlsl));
  const slang = async (from: string, to: string, name: string, ...flags: string[]) => {
    const entryFlags = ["-entry", name, "-stage", "compute"];
    await run("slangc", file(from), ...entryFlags, ...flags, "-o", file(to));
  };
  await slang("hlsl", "cu", entry, "-lang", "hlsl", "-target", "cuda");
  const cuda = await Deno.readTextFile(file("cu"));
  await Deno.writeTextFile(file("cu"), forPtxas(cuda, lanes));
  const name = cuda.match(/extern "C" __global__ void (\w+)/)![1]!; // Slang renames what CUDA has already
  const nvrtc = ["-pass-through", "nvrtc", "-nvrtc-path", programs.nvrtc, "-capability", "cuda_sm_9_0"];
  const hardware = ["-Xnvrtc", "-use_fast_math"];
  const headers = ["-Xnvrtc", `-I${join(programs.fp16, "..")}`];
  await slang("cu", "ptx", name, "-lang", "cuda", ...nvrtc, ...headers, ...hardware, "-target", "ptx");
  await Deno.writeTextFile(file("ptx"), withExactLanes(await Deno.readTextFile(file("ptx"))));
  const { stderr } = await run("ptxas", "-v", `-arch=${ARCHITECTURE}`, file("ptx"), "-o", file("cubin"));
  const { stdout } = await run("nvdisasm", "-c", file("cubin"));
  return figuresOf(stderr, stdout, lanes);
}

/** Lanes of a workgroup, from HLSL. */
export function lanesOf(hlsl: string): number {
  const sizes = hlsl.match(/\[numthreads\((\d+), (\d+), (\d+)\)\]/)!.slice(1).map(Number);
  return sizes.reduce((product, size) => product * size);
}

/** Loads and stores of vectors stay whole, which naga aligns; what zeroes memory of the workgroup is no HLSL to Slang. */
export function forSlang(hlsl: string): string {
  return hlsl
    .replace(/\.(Load|Store)([24])\(/g, ".$1$2Aligned(")
    .replace(/\.Load<half([24])>\(/g, ".LoadAligned<half$1>(")
    .replace(/\.Store\((.*, half[24]\()/g, ".StoreAligned($1")
    .replace(/^\s*\w+ = \(\w+(\[\d+\])+\)0;\n/gm, "");
}

/**
 * Slang's loads and stores copy bytes, which loses their alignment; its f16 has to be asked for, as NVRTC knows none without
 * a header, and four of them lie as they do in WGSL; parameters lie behind a pointer, and are loaded by it; and a kernel must
 * say how many lanes it will have.
 */
export function forPtxas(cuda: string, lanes: number): string {
  return `#define SLANG_CUDA_ENABLE_HALF 1\n${cuda}`
    .replace(
      /T data;\s*memcpy\(&data, \(\(const char\*\)this->data\) \+ index, sizeof\(T\)\);\s*return data;/g,
      "return *(const T*)((const char*)this->data + index);",
    )
    .replace(
      /memcpy\(\(char\*\)data \+ index, &value, sizeof\(T\)\);/g,
      "*(T*)((char*)data + index) = value;",
    )
    .replace("__align__(4) __half4", "__align__(8) __half4")
    .replace(/(SLANG_ParameterGroup_\w+)\* (\w+);/g, "$1 $2;")
    .replace(/__ldg\(&\(&globalParams_0->(\w+)->(\w+)\)->(\w+)\)/g, "globalParams_0->$1.$2.$3")
    .replace(/extern "C" __global__ void /g, `$&__launch_bounds__(${lanes}) `);
}

/**
 * CUDA tells how many lanes a workgroup has at most, WGSL, and what drivers make of it, how many it has: without that ptxas cannot
 * know how many workgroups fit a multiprocessor, nor that lanes have no y and z.
 */
export function withExactLanes(ptx: string): string {
  const exact = ptx.replace(/^\.maxntid (?=\d)/m, ".reqntid ");
  if (exact === ptx) throw new Error("the PTX does not tell how many lanes there are");
  return exact;
}

/** From what `ptxas -v` says, and the disassembly. Throws an Error where ptxas says nothing. */
export function figuresOf(info: string, sass: string, lanes: number): Figures {
  const number = (pattern: RegExp) => Number(info.match(pattern)?.[1] ?? 0);
  const registers = number(/Used (\d+) registers/);
  if (registers === 0) throw new Error("ptxas told no registers");
  const shared = number(/(\d+) bytes smem/);
  const blocks = blocksOf(sass);
  const warps = Math.ceil(lanes / LANES);
  const groups = Math.min(
    Math.floor(WARPS / warps),
    Math.floor(REGISTERS / (Math.ceil(registers / 8) * 8 * warps * LANES)), // handed out to a warp in eights
    shared > 0 ? Math.floor(SHARED_BYTES / (shared + 1024)) : Infinity, // each workgroup has 1 KiB that is the system's
  );
  return {
    registers,
    spills: number(/(\d+) bytes spill stores/) / 4,
    scratch: number(/(\d+) bytes stack frame/),
    occupancy: groups * warps,
    instructions: blocks.reduce((sum, { instructions }) => sum + instructions, 0),
    shares: sharesOf(blocks),
  };
}

/** A label opens a block, and a jump ends it: "@!P0 BRA `(.L_x_1) ;" behind the address of the instruction. */
function blocksOf(sass: string): Block[] {
  const blocks: { labels: string[]; lines: string[] }[] = [{ labels: [], lines: [] }];
  for (const line of sass.split("\n")) {
    const label = line.match(/^(\.L_\w+):/)?.[1];
    const instruction = line.match(/^\s*\/\*[0-9a-f]+\*\/\s+([^;]+);/)?.[1]?.trim();
    if (label !== undefined) {
      if (blocks.at(-1)!.lines.length > 0) blocks.push({ labels: [], lines: [] });
      blocks.at(-1)!.labels.push(label);
    } else if (instruction !== undefined && instruction !== "NOP") {
      blocks.at(-1)!.lines.push(instruction);
      if (JUMP.test(instruction)) blocks.push({ labels: [], lines: [] });
    }
  }
  const filled = blocks.filter(({ lines, labels }) => lines.length + labels.length > 0);
  return filled.map(({ lines }, i) => {
    const last = lines.at(-1) ?? "";
    const target = JUMP.test(last) ? last.match(/`\((\.L_\w+)\)/)?.[1] : undefined;
    const to = target === undefined ? -1 : filled.findIndex(({ labels }) => labels.includes(target));
    const falls = !/^(BRA|EXIT|RET)\S*\s*(?!!?U?P\d|\w+,)/.test(last) && i + 1 < filled.length;
    return {
      instructions: lines.length,
      multiplyAdds: lines.reduce((sum, line) => sum + multiplyAddsOf(line), 0),
      successors: [...to < 0 ? [] : [to], ...falls ? [i + 1] : []],
    };
  });
}

const JUMP = /^(@!?U?P\w+ +)?(BRA|EXIT|RET)\b/;

/** A packed one counts two, but not where it only sets a register. */
function multiplyAddsOf(line: string): number {
  const operation = line.replace(/^@!?U?P\w+ +/, "");
  if (/^FFMA/.test(operation)) return 1;
  return /^HFMA2/.test(operation) && !/RZ, RZ/.test(operation) ? 2 : 0;
}
