/** The device that the tests of one file share. */
import { Gpu } from "../src/gpu/gpu.ts";

let opened: Promise<Gpu> | undefined;

export function openTestGpu(): Promise<Gpu> {
  return opened ??= Gpu.open();
}

// All files run in one process, which would end with a device a file and the threads of each.
Deno.test.afterAll(async () => (await opened)?.destroy());
