/** The time of each dispatch on the device, from timestamp queries. */
import type { Pipeline } from "./pipelines.ts";
import type { BufferRange } from "./pool.ts";

/** The work of a dispatch, told by its op where the bindings alone do not say it. */
export interface Work {
  /** Floating-point additions and multiplications; 0 if not given. */
  readonly operations?: number;
  /** Bytes that must be read and written; if not given, those of every range that is bound, once. */
  readonly bytes?: number;
  /** The sizes it works on, for people to read: `1576×768×3072 NT`. */
  readonly shape?: string;
}

export interface DispatchTime {
  /** `kernel.entry` */
  readonly label: string;
  readonly shape: string;
  readonly milliseconds: number;
  /** Milliseconds of copying operands to textures, before the dispatch. */
  readonly copying: number;
  readonly operations: number;
  readonly bytes: number;
}

/** A dispatch, and the queries of the time before its copies (if it has any), before its pass and after. */
interface Encoded extends Omit<DispatchTime, "milliseconds" | "copying"> {
  readonly copies: number | undefined;
  readonly begin: number;
  readonly end: number;
}

/** The most queries of one dispatch. */
const QUERIES = 3;
const QUERY_BYTES = 8;
/** A pause that is long against the ten milliseconds by which waiting for the device is late. */
const CALIBRATION_MILLISECONDS = 300;

/** Nanoseconds of a tick, once measured. */
const periods = new WeakMap<GPUDevice, number>();

/**
 * Times dispatches, each in a pass of its own. `submissionLimit` is the most dispatches of a submission; the device must
 * have the feature "timestamp-query".
 */
export class Profiler {
  readonly #device: GPUDevice;
  readonly #queries: GPUQuerySet;
  #open: Encoded[] = [];
  #used = 0;
  #copies: number | undefined;
  #submitted: { readonly times: GPUBuffer; readonly dispatches: readonly Encoded[] }[] = [];

  constructor(device: GPUDevice, submissionLimit: number) {
    this.#device = device;
    this.#queries = device.createQuerySet({ type: "timestamp", count: QUERIES * submissionLimit });
  }

  /** Marks where the copies of the next dispatch begin; no pass is open. */
  beforeCopies(encoder: GPUCommandEncoder): void {
    this.#copies = this.#used++;
    this.#stamp(encoder, this.#copies);
  }

  /** Describes the pass of the next dispatch. */
  pass(
    pipeline: Pipeline,
    buffers: Readonly<Record<string, BufferRange>>,
    work: Work,
  ): GPUComputePassDescriptor {
    const [begin, end] = [this.#used++, this.#used++];
    this.#open.push({
      label: pipeline.label,
      shape: work.shape ?? "",
      operations: work.operations ?? 0,
      bytes: work.bytes ?? bytesOf(buffers),
      copies: this.#copies,
      begin,
      end,
    });
    this.#copies = undefined;
    const querySet = this.#queries;
    return { timestampWrites: { querySet, beginningOfPassWriteIndex: begin, endOfPassWriteIndex: end } };
  }

  /** Ends a submission: its times are kept, and the queries free for the next. */
  resolve(encoder: GPUCommandEncoder): void {
    if (this.#used === 0) return;
    const times = this.#device.createBuffer({
      label: "timestamps",
      size: this.#used * QUERY_BYTES,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    encoder.resolveQuerySet(this.#queries, 0, this.#used, times, 0);
    this.#submitted.push({ times, dispatches: this.#open });
    this.#open = [];
    this.#used = 0;
  }

  /** The times of all that was submitted, in order; waits for it. */
  async read(): Promise<DispatchTime[]> {
    const known = periods.get(this.#device);
    const period = known ?? await this.#measurePeriod();
    periods.set(this.#device, period);
    const all: DispatchTime[] = [];
    for (const { times, dispatches } of this.#submitted) {
      const ticks = await this.#ticksIn(times);
      const between = (from: number, to: number) => Number(ticks[to]! - ticks[from]!) * period / 1e6;
      for (const { copies, begin, end, ...dispatch } of dispatches) {
        const copying = copies === undefined ? 0 : between(copies, begin);
        all.push({ ...dispatch, milliseconds: between(begin, end), copying });
      }
    }
    this.#submitted = [];
    return all;
  }

  destroy(): void {
    for (const { times } of this.#submitted) times.destroy();
    this.#queries.destroy();
  }

  #stamp(encoder: GPUCommandEncoder, endOfPassWriteIndex: number): void {
    encoder.beginComputePass({ timestampWrites: { querySet: this.#queries, endOfPassWriteIndex } }).end();
  }

  async #ticksIn(times: GPUBuffer): Promise<BigUint64Array> {
    const { size } = times;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const staging = this.#device.createBuffer({ size, usage });
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(times, 0, staging, 0, size);
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const ticks = new BigUint64Array(staging.getMappedRange().slice(0));
    staging.destroy();
    times.destroy();
    return ticks;
  }

  /**
   * Nanoseconds of a tick. WebGPU says 1, but some implementations hand out the ticks of the adapter, which may be
   * longer: two timestamps with a pause between them tell which.
   */
  async #measurePeriod(): Promise<number> {
    const stamp = async (): Promise<[ticks: bigint, milliseconds: number]> => {
      const encoder = this.#device.createCommandEncoder();
      this.#stamp(encoder, 0);
      const size = QUERY_BYTES;
      const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
      const time = this.#device.createBuffer({ size, usage });
      encoder.resolveQuerySet(this.#queries, 0, 1, time, 0);
      this.#device.queue.submit([encoder.finish()]);
      const [ticks] = await this.#ticksIn(time);
      return [ticks!, performance.now()];
    };
    const [ticks, start] = await stamp();
    await new Promise((resume) => setTimeout(resume, CALIBRATION_MILLISECONDS));
    const [laterTicks, end] = await stamp();
    const period = (end - start) * 1e6 / Number(laterTicks - ticks);
    return period > 0.75 && period < 1.33 ? 1 : period;
  }
}

/** Bytes of different ranges: what is bound twice is counted once. */
export function bytesOf(buffers: Readonly<Record<string, BufferRange>>): number {
  const seen = new Set<string>();
  let total = 0;
  for (const { buffer, offset, bytes } of Object.values(buffers)) {
    const key = `${buffer.id}+${offset}`;
    if (!seen.has(key)) total += bytes;
    seen.add(key);
  }
  return total;
}
