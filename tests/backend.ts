/**
 * The implementation of WebGPU that tests compute on: Deno's own, or Dawn where UNIS_TEST_BACKEND is "dawn". `deno task
 * test` loads this file before each of tests; whatever opens a device by `navigator.gpu` then opens Dawn's. With Dawn a
 * process should have one file of tests, as scripts/test_by_file.ts has it. Programs that tests start compute on Deno's own.
 */
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
export const CLASSES = name === "dawn" ? dawnPackage().globals as typeof OWN_CLASSES : OWN_CLASSES;

/** Dawn, or why it cannot be tested here. */
export async function findDawn(): Promise<GPU | string> {
  if (name !== "dawn") return "UNIS_TEST_BACKEND is not dawn";
  return await requestAdapter("high-performance", navigator.gpu) ? navigator.gpu : "Dawn has no adapter here";
}

if (name === "dawn") {
  const dawn = loadDawn();
  if (typeof dawn === "string") throw new Error(dawn);
  Object.defineProperty(navigator, "gpu", { value: dawn, configurable: true });
  // Dawn tells of the end of a device a moment later, and aborts the process where nobody is left to be told.
  Deno.test.afterAll(() => new Promise((resolve) => setTimeout(resolve, 100)));
} else if (name !== "deno") {
  throw new RangeError(`UNIS_TEST_BACKEND must be "deno" or "dawn", got "${name}"`);
}
