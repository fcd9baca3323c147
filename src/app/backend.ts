/** The implementations of WebGPU that commands compute on: Deno's own, and Dawn, which is a native library in an npm package. */
import { join } from "node:path";
import { UserError } from "../base/user_error.ts";
import { requestAdapter } from "../gpu/adapter.ts";
import { DAWN_FLAGS } from "../gpu/backend.ts";
import { paceAnswers } from "../gpu/dawn_answers.ts";

/** `auto`: Dawn where it is at hand and has an adapter, else Deno's own. */
export const BACKENDS = ["deno", "dawn", "auto"] as const;
export type BackendName = (typeof BACKENDS)[number];

/** Where `scripts/run.sh` puts Dawn when it is first asked for. */
const FOLDER = join(import.meta.dirname!, "../../.deno/dawn/");

/** Made once: it ends with the last reference to it. */
let dawn: GPU | undefined;

interface DawnPackage {
  create(flags: readonly string[]): GPU;
  readonly globals: Readonly<Record<string, unknown>>;
}

/** The npm package, a native library. Throws what Deno throws where it is not in `folder` or cannot be loaded. */
export async function dawnPackage(folder: string = FOLDER): Promise<DawnPackage> {
  const { createRequire } = await import("node:module"); // takes 50 ms, and is seldom needed
  const found: DawnPackage = createRequire(folder)("webgpu");
  paceAnswers(found.globals);
  return found;
}

/** Dawn as an implementation of WebGPU, or why it cannot be had from `folder`. */
export async function loadDawn(folder: string = FOLDER): Promise<GPU | string> {
  try {
    const { create } = await dawnPackage(folder);
    return dawn ??= create(DAWN_FLAGS);
  } catch (error) {
    return whyNot(error);
  }
}

/** The implementation of a name. Throws a UserError where it is not at hand; `note` is told why `auto` does not take Dawn. */
export async function findBackend(name: BackendName, note: (message: string) => void): Promise<GPU> {
  if (name === "deno") return navigator.gpu;
  const found = await loadDawn();
  if (name === "dawn") {
    if (typeof found === "string") throw new UserError(`Cannot use --backend dawn: ${found}`);
    return found;
  }
  if (typeof found !== "string" && await requestAdapter("high-performance", found)) return found;
  const reason = typeof found === "string" ? found : "Dawn finds no adapter that it can use";
  note(`Backend     Deno's own WebGPU: ${reason}`);
  return navigator.gpu;
}

function whyNot(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) {
    return "Deno loads native libraries only with --allow-ffi, which sh scripts/run.sh grants";
  }
  if ((error as { code?: unknown }).code === "MODULE_NOT_FOUND") {
    return "Dawn is not in .deno/dawn of a checkout, where sh scripts/run.sh puts it";
  }
  return error instanceof Error ? error.message : String(error);
}
