/** One open device: compiles kernels, encodes dispatches into one open pass, moves bytes in and out. */
import {
  type AdapterClass,
  type DeviceKind,
  type Limits,
  type OpenAdapter,
  openAdapter,
  type OpenOptions,
} from "./adapter.ts";
import { BindGroups } from "./bind_groups.ts";
import { DeviceErrors, type DeviceLost } from "./device_errors.ts";
import type { Slots } from "./device_slot.ts";
import { type Buffers, type Dispatch, type Grid, gridOf } from "./dispatch.ts";
import type { KernelSource } from "./kernel.ts";
import type { MatrixUnit } from "./matrix_units.ts";
import { inPieces } from "./pieces.ts";
import { type Pipeline, Pipelines } from "./pipelines.ts";
import { BufferPool, type BufferRange, type DeviceBuffer, type MemoryUse } from "./pool.ts";
import { type DispatchTime, Profiler } from "./profiler.ts";
import { effortOf, MOST_DISPATCHES, SubmissionSize } from "./submission_size.ts";
import { Submissions } from "./submissions.ts";
import { stage, unstage, writeInto } from "./transfers.ts";
import { TextureCopies } from "./textures.ts";
import { UniformArena } from "./uniforms.ts";

/** One object for everything that is not given, so that a dispatch makes no new one. */
const NOTHING = {};

export class Gpu {
  readonly name: string;
  /** Everything that WebGPU tells about the adapter and its driver. */
  readonly identity: string;
  /** Whatever layers above keep with the device: see `DeviceSlot`. */
  readonly slots: Slots = new Map();
  readonly adapterClass: AdapterClass;
  readonly limits: Limits;
  readonly features: GPUSupportedFeatures;
  readonly subgroup: number; // see OpenAdapter
  readonly matrixUnits: readonly MatrixUnit[];
  readonly #device: GPUDevice;
  readonly #errors: DeviceErrors;
  /** Dawn ends with the last reference to it. */
  readonly #webgpu: GPU;
  readonly #pool: BufferPool;
  readonly #uniforms: UniformArena;
  readonly #textures: TextureCopies;
  readonly #pipelines: Pipelines;
  readonly #bindGroups: BindGroups;
  readonly #size: SubmissionSize;
  readonly #submissions: Submissions;
  #profiler: Profiler | undefined;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #compiles = false;
  #dispatches = 0;
  #lastLabel = "";

  private constructor(opened: OpenAdapter) {
    const { device, webgpu, backend, name, identity, adapterClass, limits, subgroup } = opened;
    this.#device = device;
    this.#webgpu = webgpu;
    this.name = name;
    this.identity = identity;
    this.adapterClass = adapterClass;
    this.limits = limits;
    this.#size = new SubmissionSize(adapterClass === "gpu");
    this.features = device.features;
    this.subgroup = subgroup;
    this.matrixUnits = opened.matrixUnits;
    this.#errors = new DeviceErrors(device, () => this.memory.held, () => this.#lastLabel);
    this.#pool = new BufferPool(
      { limits: device.limits, allocate: (size, usage) => this.#errors.allocate(size, usage) },
      () => this.flush(),
    );
    this.#uniforms = new UniformArena(device, MOST_DISPATCHES);
    this.#submissions = new Submissions(device.queue, this.#uniforms, this.#size);
    this.#textures = new TextureCopies(device);
    this.#pipelines = new Pipelines(device, backend, subgroup);
    const { binding } = this.#uniforms;
    this.#bindGroups = new BindGroups(device, this.#textures, binding, limits.maxStorageBufferBindingSize);
  }

  /** Opens the adapter of a kind. Throws AdapterError when there is none, OutOfMemory where it has none. */
  static async open(kind: DeviceKind = "auto", options: OpenOptions = {}): Promise<Gpu> {
    return new Gpu(await openAdapter(kind, options));
  }

  get memory(): MemoryUse {
    return this.#pool.memory;
  }

  /** Resolves when the device is lost, as far as that is noticed; reads and `finish` throw it from then on. */
  get lost(): Promise<DeviceLost> {
    return this.#errors.lost;
  }

  /** Dispatches encoded since the device was opened. */
  get dispatches(): number {
    return this.#dispatches;
  }

  /** A buffer of at least `bytes` with undefined contents. */
  take(bytes: number): DeviceBuffer {
    return this.#pool.take(bytes);
  }

  /** Takes a buffer back, for reuse. */
  give(buffer: DeviceBuffer): void {
    this.#pool.give(buffer);
  }

  /** Gives the memory of unused buffers back to the device. */
  trim(): void {
    this.flush();
    this.#pool.trim();
    this.#textures.trim();
    this.#bindGroups.clear();
  }

  /**
   * Encodes one dispatch, which runs at the next flush or read, or when enough has gathered; in pieces where it is too long
   * for a submission. Throws TypeError, by name, for a buffer or a parameter too few or too many.
   */
  dispatch(dispatch: Dispatch): void {
    const pipeline = this.#pipelineFor(dispatch);
    const grid = gridOf(dispatch, pipeline);
    if (grid[0] < 1 || grid[1] < 1 || grid[2] < 1) return;
    const effort = this.#size.isWatched ? effortOf(dispatch) : 0;
    const count = this.#size.piecesFor(effort);
    if (count === 1) return this.#encode(dispatch, pipeline, grid, effort);
    const pieces = inPieces(dispatch, grid, count);
    for (const piece of pieces) {
      this.#encode(piece, this.#pipelineFor(piece), piece.workgroups, effort / pieces.length);
    }
  }

  /** True when a kernel may read a range of this size through a texture. */
  fitsTexture(range: Pick<BufferRange, "bytes" | "isHalf">): boolean {
    return this.#textures.fits(range);
  }

  /** Submits what has been encoded, and all that is held back. Does not wait. */
  flush(): void {
    this.#close();
    this.#submissions.release();
  }

  /**
   * Ends a piece of work: gives a function that submits it, with all before it. What is encoded after the first cut is held
   * back, until it is submitted so, or by `flush`, which reads and writes call as well.
   */
  cut(): () => void {
    this.#close();
    return this.#submissions.cut();
  }

  /** What `body` dispatches, writes and reads goes ahead of all that is held back, and must not matter to it; it takes no memory. */
  ahead<T>(body: () => T): T {
    this.#close();
    return this.#submissions.ahead(() => {
      const result = body();
      this.flush();
      return result;
    });
  }

  /** Copies host bytes into a buffer. */
  write(target: BufferRange, data: ArrayBufferView<ArrayBuffer>): void {
    if (data.byteLength > target.bytes) {
      throw new RangeError(`Cannot write ${data.byteLength} bytes into a range of ${target.bytes}`);
    }
    if (data.byteLength === 0) return; // Deno's queue panics on an empty write
    // A queue write overtakes work that is encoded but not yet submitted.
    this.flush();
    writeInto(this.#device.queue, target, data);
  }

  /**
   * Reads ranges back, all through one map (a map costs some ten milliseconds whatever its size).
   * @throws Error with the first error that the device has reported since the last read; `DeviceLost`, `OutOfMemory`
   */
  async read(ranges: readonly BufferRange[]): Promise<ArrayBuffer[]> {
    this.#endPass();
    this.#encoder ??= this.#device.createCommandEncoder();
    const staging = stage(this.#device, this.#encoder, ranges);
    this.flush();
    const { count } = this.#submissions;
    // On Deno's WebGPU the call itself waits, for all that was submitted.
    await staging.mapAsync(GPUMapMode.READ).catch((error) => {
      this.#errors.keep(String(error?.message ?? error));
    });
    if (this.#submissions.count === count) this.#size.waited();
    await this.#errors.mustBeNone();
    return unstage(staging, ranges);
  }

  /** Waits until everything encoded has run. Throws as `read` does. */
  async finish(): Promise<void> {
    this.flush();
    await this.#device.queue.onSubmittedWorkDone();
    this.#size.waited();
    await this.#errors.mustBeNone();
  }

  /**
   * Times each dispatch until `stopProfiling`, which takes a pass for each. Throws an Error where the adapter has no
   * timestamps, or dispatches are timed already.
   */
  startProfiling(): void {
    if (!this.features.has("timestamp-query")) {
      throw new Error(`Cannot profile "${this.name}": the adapter has no timestamp queries`);
    }
    if (this.#profiler) {
      throw new Error("Cannot profile: stopProfiling() has not ended what startProfiling() began");
    }
    this.flush();
    this.#profiler = new Profiler(this.#device, MOST_DISPATCHES);
  }

  /** The time of every dispatch since `startProfiling`, in order; waits for the device, and throws as `read` does. */
  async stopProfiling(): Promise<DispatchTime[]> {
    this.flush();
    const profiler = this.#profiler;
    this.#profiler = undefined;
    const times = await profiler?.read().catch((error) => this.#errors.keep(String(error?.message ?? error)));
    profiler?.destroy();
    await this.#errors.mustBeNone();
    return times ?? [];
  }

  /** Ends the device and all its memory, after what was submitted. */
  destroy(): void {
    this.#errors.close();
    // Deno waits within the call. The program may end next, and must not while the threads of a software driver compute.
    this.#device.queue.onSubmittedWorkDone().catch(() => {});
    this.#device.destroy();
  }

  #pipelineFor({ kernel, entry, buffers, constants = NOTHING }: Dispatch): Pipeline {
    const known = this.#pipelines.count;
    const pipeline = this.#pipelines.get(kernel, entry, constants, this.#readsTextures(kernel, buffers));
    // Drivers finish compiling a kernel when it first runs: submitting it at once lets that go on while the next is prepared.
    this.#compiles ||= this.#pipelines.count > known;
    return pipeline;
  }

  #encode(
    { buffers, params = NOTHING, work }: Dispatch,
    pipeline: Pipeline,
    grid: Grid,
    effort: number,
  ): void {
    const bindGroup = this.#bindGroups.get(pipeline, buffers);
    const offset = this.#uniforms.append(pipeline.label, pipeline.params, params);
    this.#encoder ??= this.#device.createCommandEncoder();
    if (pipeline.readsTextures) this.#copyToTextures(this.#encoder, pipeline, buffers);
    if (this.#profiler) this.#endPass();
    this.#pass ??= this.#encoder.beginComputePass(
      this.#profiler?.pass(pipeline, buffers, work?.() ?? NOTHING),
    );
    this.#pass.setPipeline(pipeline.handle);
    this.#pass.setBindGroup(0, bindGroup, offset === undefined ? [] : [offset]);
    this.#pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    this.#lastLabel = pipeline.label;
    this.#dispatches++;
    if (this.#size.encoded(effort) || this.#compiles) this.#close();
  }

  /** Ends what is open: it is submitted, or held back. */
  #close(): void {
    if (!this.#encoder) return;
    this.#endPass();
    this.#profiler?.resolve(this.#encoder);
    // Neither compiling nor a pass for each dispatch is what submissions take else.
    this.#submissions.add(this.#encoder.finish(), this.#compiles || this.#profiler !== undefined);
    this.#encoder = undefined;
    this.#compiles = false;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }

  /** True for processors, which read textures several times as fast as storage, where all that the kernel names fits. */
  #readsTextures({ textures }: KernelSource, buffers: Buffers): boolean {
    if (this.adapterClass !== "software") return false;
    return textures.every((name) => !buffers[name] || this.#textures.fits(buffers[name]));
  }

  /** Encodes the copies that a dispatch reads. Copies must stand outside a pass, so the open one ends. */
  #copyToTextures(encoder: GPUCommandEncoder, pipeline: Pipeline, buffers: Buffers): void {
    this.#endPass();
    this.#profiler?.beforeCopies(encoder);
    this.#textures.encode(encoder, pipeline.buffers, buffers);
  }
}
