/** A device that computes nothing: running a program on it tells how much memory the program takes. */
import type { AdapterClass, Limits } from "./adapter.ts";
import type { Slots } from "./device_slot.ts";
import type { Dispatch } from "./dispatch.ts";
import type { Gpu } from "./gpu.ts";
import type { MatrixUnit } from "./matrix_units.ts";
import { BufferPool, type BufferRange, type DeviceBuffer, type MemoryUse } from "./pool.ts";
import { bytesOf } from "./profiler.ts";

/** The work that dispatches would have been. */
export interface DryWork {
  /** Floating-point additions and multiplications of dispatches that tell theirs: matrix products and attention. */
  readonly operations: number;
  /** Bytes that all other dispatches read and write. */
  readonly bytes: number;
}

/** Buffers have a size and no contents: writes do nothing, dispatches only check the binding limit, reads throw. */
export class DryRunGpu implements Pick<Gpu, keyof Gpu> {
  readonly name: string;
  readonly identity: string;
  readonly slots: Slots;
  readonly adapterClass: AdapterClass;
  readonly limits: Limits;
  readonly features: GPUSupportedFeatures;
  readonly subgroup: number;
  readonly matrixUnits: readonly MatrixUnit[];
  /** Never. */
  readonly lost = new Promise<never>(() => {});
  /** Bytes of the largest buffer so far. */
  largest = 0;
  /** The work of all dispatches so far. */
  work: DryWork = { operations: 0, bytes: 0 };
  readonly #like: Gpu;
  readonly #pool: BufferPool;
  #dispatches = 0;

  /** Takes memory as `like` would, by a pool with the same rules, and uses its tuned plans. */
  constructor(like: Gpu) {
    this.name = like.name;
    this.identity = like.identity;
    this.slots = like.slots;
    this.adapterClass = like.adapterClass;
    this.limits = like.limits;
    this.features = like.features;
    this.subgroup = like.subgroup;
    this.matrixUnits = like.matrixUnits;
    this.#like = like;
    const allocate = () => ({ destroy() {} }) as GPUBuffer;
    this.#pool = new BufferPool({ limits: like.limits, allocate }, () => {});
  }

  /** This device for functions that take a `Gpu`: they see nothing of its private fields. */
  get gpu(): Gpu {
    return this as unknown as Gpu;
  }

  get memory(): MemoryUse {
    return this.#pool.memory;
  }

  get dispatches(): number {
    return this.#dispatches;
  }

  take(bytes: number): DeviceBuffer {
    const buffer = this.#pool.take(bytes);
    this.largest = Math.max(this.largest, buffer.bytes);
    return buffer;
  }

  give(buffer: DeviceBuffer): void {
    this.#pool.give(buffer);
  }

  trim(): void {
    this.#pool.trim();
  }

  fitsTexture(range: Pick<BufferRange, "bytes" | "isHalf">): boolean {
    return this.#like.fitsTexture(range);
  }

  /** Throws RangeError for a buffer that is beyond the adapter's binding limit. */
  dispatch({ kernel, buffers, work }: Dispatch): void {
    const limit = this.limits.maxStorageBufferBindingSize;
    for (const [name, { bytes }] of Object.entries(buffers)) {
      if (bytes > limit) {
        throw new RangeError(
          `Cannot bind "${name}" of ${kernel.label}: ${bytes} bytes exceed the adapter's binding limit of ${limit}`,
        );
      }
    }
    this.#dispatches++;
    const { operations = 0, bytes = bytesOf(buffers) } = work?.() ?? {};
    this.work = operations > 0
      ? { ...this.work, operations: this.work.operations + operations }
      : { ...this.work, bytes: this.work.bytes + bytes };
  }

  flush(): void {}

  cut(): () => void {
    return () => {};
  }

  ahead<T>(body: () => T): T {
    return body();
  }

  write(): void {}

  read(): Promise<never> {
    return Promise.reject(new Error("Cannot read from a dry-run device: it computes nothing"));
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  startProfiling(): never {
    throw new Error("Cannot profile a dry-run device: it computes nothing");
  }

  stopProfiling(): Promise<never> {
    return Promise.reject(new Error("Cannot profile a dry-run device: it computes nothing"));
  }

  destroy(): void {}
}
