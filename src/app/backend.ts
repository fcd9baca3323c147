/** The implementations of WebGPU that commands compute on: Deno's own, and Dawn, which is a native library in an npm package. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { UserError } from "../base/user_error.ts";
import { requestAdapter } from "../gpu/adapter.ts";
import { DAWN_FLAGS } from "../gpu/backend.ts";

/** `auto`: Dawn where it is at hand and has an adapter, else Deno's own. */
export const BACKENDS = ["deno", "dawn", "auto"] as const;
export type BackendName = (typeof BACKENDS)[number];

/** Where `scripts/run.sh` puts Dawn when it is first asked for. */
const FOLDER = join(import.meta.dirname!, "../../.deno/dawn/");

/** Made once: it ends with the last reference to it. */
let dawn: GPU | undefined;

/** Dawn as an implementation of WebGPU. Throws a UserError where it is not in `folder` or cannot be loaded. */
export function loadDawn(folder: string = FOLDER): GPU {
  try {
    const { create } = createRequire(folder)("webgpu");
    return dawn ??= create([...DAWN_FLAGS]) as GPU;
  } catch (error) {
    throw new UserError(`Cannot use --backend dawn: ${whyNot(error)}`);
  }
}

/** The implementation of a name. Throws a UserError where it is not at hand; `note` is told why `auto` does not take Dawn. */
export async function findBackend(name: BackendName, note: (message: string) => void): Promise<GPU> {
  if (name === "deno") return navigator.gpu;
  if (name === "dawn") return loadDawn();
  try {
    const webgpu = loadDawn();
    if (await requestAdapter("high-performance", webgpu)) return webgpu;
    note("Backend     Deno's own WebGPU: Dawn finds no adapter that it can use");
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    note(`Backend     Deno's own WebGPU. ${error.message}`);
  }
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
