/** Ends a worker that computes, and prints whether its driver is still loaded: with the argument "held" this thread holds it. */
import { holdDrivers } from "../../src/gpu/adapter.ts";
import { Gpu } from "../../src/gpu/gpu.ts";

const isWorker = typeof (globalThis as { postMessage?: unknown }).postMessage === "function";
const loaded = () => /vulkan_(?!layer)\w+\.so|libvulkan\.so/.test(Deno.readTextFileSync("/proc/self/maps"));

if (isWorker) {
  const gpu = await Gpu.open();
  gpu.destroy();
  (self as unknown as { postMessage(message: string): void }).postMessage("opened");
} else {
  if (Deno.args[0] === "held") await holdDrivers();
  const worker = new Worker(import.meta.url, { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
  worker.terminate();
  for (let tries = 0; tries < 100 && loaded(); tries++) {
    if (Deno.args[0] === "held" && tries === 40) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.log(loaded());
  Deno.exit(0);
}
