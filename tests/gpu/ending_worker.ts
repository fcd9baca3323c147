/** Ends a worker that computes while this thread holds its driver, and prints whether that is still loaded a while later. */
import { holdDrivers } from "../../src/gpu/adapter.ts";
import { Gpu } from "../../src/gpu/gpu.ts";

const isWorker = typeof (globalThis as { postMessage?: unknown }).postMessage === "function";
const loaded = () => /vulkan_(?!layer)\w+\.so|libvulkan\.so/.test(Deno.readTextFileSync("/proc/self/maps"));

if (isWorker) {
  const gpu = await Gpu.open();
  gpu.destroy();
  (self as unknown as { postMessage(message: string): void }).postMessage("opened");
} else {
  await holdDrivers();
  const worker = new Worker(import.meta.url, { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
  worker.terminate();
  // A driver that nobody holds is gone after 23 to 155 ms; but for such as stay by themselves, as that of Mesa 26 does.
  for (let tries = 0; tries < 75 && loaded(); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.log(loaded());
  Deno.exit(0);
}
