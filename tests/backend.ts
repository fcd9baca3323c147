/**
 * The implementation of WebGPU that tests compute on: Deno's own, or Dawn where UNIS_TEST_BACKEND is "dawn". `deno task
 * test` loads this file before each of tests; whatever opens a device by `navigator.gpu` then opens Dawn's. With Dawn one
 * process should have one file of tests, which is what was tried.
 */
import { loadDawn } from "../src/app/backend.ts";
import { UserError } from "../src/base/user_error.ts";
import { requestAdapter } from "../src/gpu/adapter.ts";

const name = Deno.env.get("UNIS_TEST_BACKEND") ?? "deno";

/** Deno's own. */
export const OWN = navigator.gpu;

/** Dawn, or why it cannot be tested here. */
export async function findDawn(): Promise<GPU | string> {
  if (name !== "dawn") return "UNIS_TEST_BACKEND is not dawn";
  try {
    const webgpu = loadDawn();
    return await requestAdapter("high-performance", webgpu) ? webgpu : "Dawn has no adapter here";
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message;
  }
}

if (name === "dawn") {
  Object.defineProperty(navigator, "gpu", { value: loadDawn(), configurable: true });
  // Dawn tells of the end of a device a moment later, and aborts the process where nobody is left to be told.
  Deno.test.afterAll(() => new Promise((resolve) => setTimeout(resolve, 100)));
} else if (name !== "deno") {
  throw new RangeError(`UNIS_TEST_BACKEND must be "deno" or "dawn", got "${name}"`);
}
