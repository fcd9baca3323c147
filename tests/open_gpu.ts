/** The device the tests of one file share. */
import { Gpu } from "../src/gpu/gpu.ts";

let opened: Promise<Gpu> | undefined;

export function openTestGpu(): Promise<Gpu> {
  return opened ??= Gpu.open();
}
