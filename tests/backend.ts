/**
 * The implementation of WebGPU that tests compute on: Deno's own, or Dawn where UNIS_TEST_BACKEND is "dawn". `deno task
 * test` loads this file before each of tests; whatever opens a device by `navigator.gpu` then opens Dawn's. With Dawn a
 * process should have one file of tests, as scripts/test_by_file.ts has it. Programs that tests start compute on Deno's own.
 */
import { dirname, join } from "node:path";
import { dawnPackage, loadDawn } from "../src/app/backend.ts";
import { requestAdapter } from "../src/gpu/adapter.ts";

const name = Deno.env.get("UNIS_TEST_BACKEND") ?? "deno";

/** Deno's own. */
export const OWN = navigator.gpu;

const OWN_CLASSES = {
  GPUAdapter,
  GPUBuffer,
  GPUComputePassEncoder,
  GPUDevice,
  GPUOutOfMemoryError,
  GPUQueue,
  GPUUncapturedErrorEvent,
};
/** Classes of the implementation that is tested. */
export const CLASSES = name === "dawn" ? (await dawnPackage()).globals as typeof OWN_CLASSES : OWN_CLASSES;

/** Dawn, or why it cannot be tested here. */
export async function findDawn(): Promise<GPU | string> {
  if (name !== "dawn") return "UNIS_TEST_BACKEND is not dawn";
  return await requestAdapter("high-performance", navigator.gpu) ? navigator.gpu : "Dawn has no adapter here";
}

/**
 * Keeps the drivers of Vulkan loaded to the end of the process. Each file of tests ends in a thread of its own, and with the last
 * that holds a device the driver would be unloaded: where the process ends meanwhile, it calls what the driver left to be done
 * then, and dies of "double free or corruption" after all tests have passed.
 */
function keepDriversLoaded(): void {
  const RTLD_LAZY_NODELETE = 0x1001;
  const libc = Deno.dlopen("libc.so.6", { dlopen: { parameters: ["buffer", "i32"], result: "pointer" } });
  for (const manifest of driverManifests()) {
    const path: string = JSON.parse(Deno.readTextFileSync(manifest)).ICD.library_path;
    const full = path.startsWith(".") ? join(dirname(manifest), path) : path;
    libc.symbols.dlopen(new TextEncoder().encode(`${full}\0`), RTLD_LAZY_NODELETE);
  }
  libc.close();
}

function driverManifests(): string[] {
  const chosen = Deno.env.get("VK_DRIVER_FILES") ?? Deno.env.get("VK_ICD_FILENAMES");
  if (chosen !== undefined) return chosen.split(":").filter((path) => path !== "");
  return ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"].flatMap((folder) => {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) => join(folder, name));
    } catch {
      return []; // it has none
    }
  });
}

if (Deno.build.os === "linux") keepDriversLoaded();

if (name === "dawn") {
  const dawn = await loadDawn();
  if (typeof dawn === "string") throw new Error(dawn);
  Object.defineProperty(navigator, "gpu", { value: dawn, configurable: true });
  // Dawn tells of the end of a device a moment later, and aborts the process where nobody is left to be told.
  Deno.test.afterAll(() => new Promise((resolve) => setTimeout(resolve, 100)));
} else if (name !== "deno") {
  throw new RangeError(`UNIS_TEST_BACKEND must be "deno" or "dawn", got "${name}"`);
}
