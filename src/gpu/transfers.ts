/** How bytes come to the device and back. */
import type { BufferRange } from "./pool.ts";

/** Copies go by whole words. */
const wordsOf = (bytes: number) => Math.ceil(bytes / 4) * 4;

/** Encodes copies of ranges, one after the other, into memory that the host can read once they are made. */
export function stage(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  ranges: readonly BufferRange[],
): GPUBuffer {
  const total = ranges.reduce((sum, { bytes }) => sum + wordsOf(bytes), 0);
  const staging = device.createBuffer({
    size: Math.max(total, 4),
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  let start = 0;
  for (const { buffer, offset, bytes } of ranges) {
    const size = wordsOf(bytes);
    if (size > 0) encoder.copyBufferToBuffer(buffer.handle, offset, staging, start, size);
    start += size;
  }
  return staging;
}

/** Takes out what was staged, and ends the staging. */
export function unstage(staging: GPUBuffer, ranges: readonly BufferRange[]): ArrayBuffer[] {
  const mapped = staging.getMappedRange();
  let start = 0;
  const copies = ranges.map(({ bytes }) => {
    const copy = mapped.slice(start, start + bytes);
    start += wordsOf(bytes);
    return copy;
  });
  staging.unmap();
  staging.destroy();
  return copies;
}

/** Writes bytes into a range; the queue takes whole words. */
export function writeInto(
  queue: GPUQueue,
  { buffer: { handle }, offset }: BufferRange,
  data: ArrayBufferView<ArrayBuffer>,
): void {
  const whole = data.byteLength & ~3;
  queue.writeBuffer(handle, offset, data.buffer, data.byteOffset, whole);
  if (whole === data.byteLength) return;
  const tail = new Uint8Array(4);
  tail.set(new Uint8Array(data.buffer, data.byteOffset + whole, data.byteLength - whole));
  queue.writeBuffer(handle, offset + whole, tail);
}
