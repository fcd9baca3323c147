/** A device with matrix units, which Dawn's have where the driver and the adapter do. */
import { Gpu } from "../src/gpu/gpu.ts";
import { findDawn } from "./backend.ts";

let opened: Gpu | undefined;

/** One for all tests of a file, or why there is none here. */
export async function findMatrixDevice(): Promise<Gpu | string> {
  const webgpu = await findDawn();
  if (typeof webgpu === "string") return webgpu;
  opened ??= await Gpu.open("auto", { webgpu, adapterClass: "gpu" });
  return opened.matrixUnits.length > 0 ? opened : "the adapter has no matrix units";
}

Deno.test.afterAll(() => opened?.destroy());
