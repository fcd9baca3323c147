/**
 * GPUs without a GPU: Mesa's noop shims of the kernel's interface let its drivers open a card that is not there. Nothing
 * runs on it, but kernels are compiled by the driver's own compiler, and Mesa prints what became of them.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Driver } from "./drivers/driver.ts";
import { honeykrisp } from "./drivers/honeykrisp.ts";
import { nvk } from "./drivers/nvk.ts";
import { radv } from "./drivers/radv.ts";

export interface FakeGpu {
  readonly name: string;
  readonly card: string;
  readonly driver: Driver;
  readonly environment: Readonly<Record<string, string>>;
  /** True where the driver lists, to Dawn, units that multiply matrices of f16. */
  readonly hasMatrixUnits: boolean;
}

const amd = (name: string, card: string, hasMatrixUnits: boolean): FakeGpu => ({
  name,
  card,
  driver: radv,
  hasMatrixUnits,
  environment: { AMDGPU_GPU_ID: name },
});
const nvidia = (name: string, chipset: string, card: string): FakeGpu => ({
  name,
  card,
  driver: nvk,
  hasMatrixUnits: false,
  environment: { NOUVEAU_CHIPSET: chipset },
});

export const FAKE_GPUS: readonly FakeGpu[] = [
  amd("navi31", "AMD RDNA 3", true),
  amd("gfx1201", "AMD RDNA 4", true),
  amd("vega20", "AMD GCN 5", false),
  nvidia("tu102", "0x162", "NVIDIA Turing"),
  nvidia("nv172", "0x172", "NVIDIA Ampere"),
  { name: "m1", card: "Apple M1", driver: honeykrisp, environment: {}, hasMatrixUnits: false },
];

/**
 * A command that runs `program` where it sees the fake GPU alone. `undefined` where `root`, a Debian that setup.sh has
 * unpacked, has no such driver.
 */
export function commandOn(root: string, gpu: FakeGpu, program: readonly string[]): Deno.Command | undefined {
  const { driver } = gpu;
  const shim = join(root, LIBRARIES, driver.shim);
  const manifest = join(root, "usr/share/vulkan/icd.d", `${driver.manifest}.json`);
  if (!existsSync(shim) || !existsSync(manifest)) return undefined;
  const { loader, args } = loaded(root, ["--preload", shim]);
  return new Deno.Command(loader, {
    args: [...args, ...program],
    env: {
      VK_DRIVER_FILES: manifest,
      DENO_WEBGPU_BACKEND: "vulkan",
      DENO_NO_UPDATE_CHECK: "1",
      MESA_SHADER_CACHE_DISABLE: "true",
      ...driver.environment,
      ...gpu.environment,
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
}

const LIBRARIES = "usr/lib/x86_64-linux-gnu";

/** What stands before a program, so that it runs by the loader and with the libraries of `root`, not with the system's. */
export function loaded(root: string, flags: readonly string[] = []): { loader: string; args: string[] } {
  const libraries = join(root, LIBRARIES);
  return {
    loader: join(libraries, "ld-linux-x86-64.so.2"),
    args: [...flags, "--library-path", libraries],
  };
}
