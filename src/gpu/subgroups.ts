/** Finds out by trying whether a device computes by subgroups: what devices say about that is not reliable. */
import probe from "../../wgsl/lib/subgroup_probe.wgsl" with { type: "text" };
import { type Backend } from "./backend.ts";
import { specialise } from "./kernel.ts";

/** True where a workgroup of `lanes` lanes is one subgroup, its lanes in order, and sums, maxima and broadcasts are right. */
export async function isOneSubgroup(device: GPUDevice, lanes: number, backend: Backend): Promise<boolean> {
  if (!device.features.has("subgroups")) return false;
  device.pushErrorScope("validation");
  const module = device.createShaderModule({
    code: backend.moduleText(specialise("probe", probe, { WG: lanes })),
  });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "probe" } });
  const size = lanes * 2 * 16;
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
  const isValid = await device.popErrorScope() === null;
  const isRight = isValid && await read.mapAsync(GPUMapMode.READ).then(() => {
    const values = new Float32Array(read.getMappedRange());
    return values.every((value, i) => i % 8 >= 4 || value === values[i + 4]);
  }, () => false);
  found.destroy();
  read.destroy();
  return isRight;
}
