/** Device memory: buffers are handed out by size class and come back for reuse; every byte is counted. */

/** A device buffer. `id` is unique over the life of the process, so caches may key on it. */
export interface DeviceBuffer {
  readonly id: number;
  readonly handle: GPUBuffer;
  readonly bytes: number;
}

/** Bytes: bindings start at multiples of it on every adapter. */
export const BINDING_ALIGNMENT = 256;

/** A range of a device buffer, as a kernel sees it. Tensors have this shape. */
export interface BufferRange {
  readonly buffer: DeviceBuffer;
  /** In bytes; a multiple of BINDING_ALIGNMENT. */
  readonly offset: number;
  /** In bytes. */
  readonly bytes: number;
  /** True where its elements are f16, as the texels of a copy in a texture are then too. False if not given. */
  readonly isHalf?: boolean;
}

export interface MemoryUse {
  /** Bytes in buffers now in use. */
  readonly live: number;
  /** The most `live` has been. */
  readonly peakLive: number;
  /** Bytes held from the device, in use or waiting for reuse. */
  readonly held: number;
  /** The most `held` has been. */
  readonly peakHeld: number;
}

/** Where buffers come from. */
export interface Memory {
  readonly limits: { readonly maxBufferSize: number };
  allocate(size: number, usage: GPUBufferUsageFlags): GPUBuffer;
}

const USAGE = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

/**
 * The pool may hold this many times the most that was ever in use at once. With less, every step would destroy what the
 * next one makes again: over a step, the buffers needed of each size add up to more than are in use at any moment.
 */
const HELD_FACTOR = 1.08;
/** This many bytes more are allowed in any case: they are worth less than the time it takes to do without them. */
const SPARE = 8 * 2 ** 20;

let nextId = 1;

/** Rounds a size up to its class: at most 1/16 above, always a multiple of BINDING_ALIGNMENT. */
export function sizeClass(bytes: number): number {
  const step = Math.max(BINDING_ALIGNMENT, 2 ** (Math.ceil(Math.log2(Math.max(bytes, 1))) - 5));
  return Math.max(BINDING_ALIGNMENT, Math.ceil(bytes / step) * step);
}

/**
 * Hands out storage buffers. Of those waiting in a class the first made is reused. Which one that is depends on which
 * wait, not on the order they came back in, so that a training step meets the buffers, and with them the bind groups, of
 * the step before. `beforeDestroy` must submit any work that names a buffer.
 */
export class BufferPool {
  readonly #memory: Memory;
  readonly #beforeDestroy: () => void;
  /** Buffers that wait for reuse, by class; the first made comes last. */
  readonly #waiting = new Map<number, DeviceBuffer[]>();
  #waitingBytes = 0;
  #live = 0;
  #peakLive = 0;
  #held = 0;
  #peakHeld = 0;

  constructor(memory: Memory, beforeDestroy: () => void) {
    this.#memory = memory;
    this.#beforeDestroy = beforeDestroy;
  }

  get memory(): MemoryUse {
    return { live: this.#live, peakLive: this.#peakLive, held: this.#held, peakHeld: this.#peakHeld };
  }

  /** A buffer of at least `bytes`; its contents are undefined. Throws RangeError beyond the device's buffer limit. */
  take(bytes: number): DeviceBuffer {
    const size = sizeClass(bytes);
    let buffer = this.#waiting.get(size)?.pop();
    if (buffer) {
      this.#waitingBytes -= size;
    } else {
      const { maxBufferSize } = this.#memory.limits;
      if (size > maxBufferSize) {
        throw new RangeError(
          `Cannot allocate ${bytes} bytes: the adapter's largest buffer is ${maxBufferSize} bytes`,
        );
      }
      const needed = Math.max(this.#peakLive, this.#live + size);
      const allowed = Math.max(HELD_FACTOR * needed, needed + SPARE);
      this.#trimTo(this.#waitingBytes - (this.#held + size - allowed));
      buffer = { id: nextId++, handle: this.#memory.allocate(size, USAGE), bytes: size };
      this.#held += size;
      this.#peakHeld = Math.max(this.#peakHeld, this.#held);
    }
    this.#live += size;
    this.#peakLive = Math.max(this.#peakLive, this.#live);
    return buffer;
  }

  /** Takes a buffer back. Work already encoded may still name it: later work is ordered behind it. */
  give(buffer: DeviceBuffer): void {
    const waiting = this.#waiting.get(buffer.bytes);
    if (waiting) waiting.splice(placeOf(buffer, waiting), 0, buffer);
    else this.#waiting.set(buffer.bytes, [buffer]);
    this.#waitingBytes += buffer.bytes;
    this.#live -= buffer.bytes;
  }

  /** Destroys every waiting buffer. */
  trim(): void {
    this.#trimTo(0);
  }

  /** Destroys waiting buffers, the largest classes first, until at most `spare` bytes wait. */
  #trimTo(spare: number): void {
    if (this.#waitingBytes <= Math.max(0, spare)) return;
    this.#beforeDestroy();
    for (const size of [...this.#waiting.keys()].sort((a, b) => b - a)) {
      const waiting = this.#waiting.get(size)!;
      while (waiting.length > 0 && this.#waitingBytes > spare) {
        // The last made comes first, and is reused the least.
        waiting.shift()!.handle.destroy();
        this.#waitingBytes -= size;
        this.#held -= size;
      }
    }
  }
}

/** The place of a buffer among others, of which the first made comes last. */
function placeOf({ id }: DeviceBuffer, others: readonly DeviceBuffer[]): number {
  let [low, high] = [0, others.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (others[middle]!.id > id) low = middle + 1;
    else high = middle;
  }
  return low;
}
