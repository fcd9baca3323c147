/** Small computations that find out, when a device is opened, what it can do: what devices say is not reliable. */
import type { Backend } from "./backend.ts";
import { OutOfMemory } from "./device_errors.ts";

/** What of a device is used: what was seen to compute right, all that the adapter lists, or nothing. */
export type Wanted = "tested" | "listed" | "none";

/**
 * What one workgroup of the entry `probe` writes into an array bound at 0 of so many bytes, which begins as zeros; undefined
 * where the device refuses or fails to compute it. Throws `OutOfMemory` where there is none for it: what a device can do, and
 * so the bits that it computes, must not depend on that.
 */
export async function probe(
  device: GPUDevice,
  backend: Backend,
  code: string,
  size: number,
): Promise<ArrayBuffer | undefined> {
  device.pushErrorScope("validation");
  device.pushErrorScope("out-of-memory");
  const module = device.createShaderModule({ code: backend.moduleText(code, device.features) });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "probe" } });
  const found = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const read = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer: found } }],
    }),
  );
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(found, 0, read, 0, size);
  device.queue.submit([encoder.finish()]);
  const [shortage, invalid] = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
  if (shortage !== null) throw new OutOfMemory(0, size);
  const values = invalid === null
    ? await read.mapAsync(GPUMapMode.READ).then(() => read.getMappedRange().slice(0), () => undefined)
    : undefined;
  found.destroy();
  read.destroy();
  return values;
}
