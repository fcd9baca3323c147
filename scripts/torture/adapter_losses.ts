/** Prints, as JSON, the losses of 50 steps of UniS-MMC on the adapter that there is: BACKEND PRECISION. See adapters.ts. */
import { type BackendName, findBackend } from "../../src/app/backend.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { SMALL, unisStep } from "../bench/unis_step.ts";

const STEPS = 50;

const [backend, precision] = Deno.args as [BackendName, "f32" | "f16"];
const gpu = await Gpu.open("auto", { webgpu: await findBackend(backend, () => {}) });
const losses: number[] = [];
if (precision === "f32" || gpu.features.has("shader-f16")) {
  const step = unisStep(gpu, SMALL, precision);
  for (let i = 0; i < STEPS; i++) {
    step.run();
    losses.push(await step.loss());
  }
  step.dispose();
}
console.log(JSON.stringify({ adapter: gpu.identity.split(" | ").at(-1) || gpu.name, losses }));
gpu.destroy();
