/** How buckets of gradients travel between ranks: as they are, or in half the bytes. */
import type { Collective } from "../distributed/collective.ts";
import { packHalves, sumHalves, unpackHalves, wordsOfPart } from "../optim/half_blocks.ts";
import { Tensor } from "../tensor/tensor.ts";

export type WireName = "f32" | "f16";

/** What was read of a bucket. */
type Read = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Buckets are read, and added up over ranks, one after the other and by all ranks in the same order. */
export interface Wire {
  /** Reads a bucket ahead of work that is held back. */
  read(bucket: Tensor): Promise<Read>;
  /** Adds up what was read of a bucket; the sum is written by the end of the next call, or of `end`. */
  sum(bucket: Tensor, read: Read, what: string): Promise<void>;
  end(): Promise<void>;
  dispose(): void;
}

/**
 * The most bytes that a wire takes where so many buckets of so many elements are under way: of device memory, and of buffers that
 * the host reads through.
 */
export function wireBytes(
  name: WireName,
  elements: number,
  ranks: number,
  underWay: number,
): { device: number; staging: number } {
  if (name === "f32") return { device: 0, staging: 4 * underWay * elements };
  const part = 4 * wordsOfPart(elements, ranks);
  // While buckets are read, so are the sums of two others.
  return { device: (2 * ranks + 1) * part, staging: (underWay * ranks + 2) * part };
}

export function wireOf(name: WireName, collective: Collective, buckets: readonly Tensor[]): Wire {
  return name === "f32" ? new FullWire(collective) : new HalfWire(collective, buckets);
}

class FullWire implements Wire {
  readonly #collective: Collective;

  constructor(collective: Collective) {
    this.#collective = collective;
  }

  read(bucket: Tensor): Promise<Read> {
    return bucket.gpu.ahead(() => bucket.read()) as Promise<Read>;
  }

  async sum(bucket: Tensor, read: Read, what: string): Promise<void> {
    await this.#collective.sum(read as Float32Array<ArrayBuffer>, what);
    bucket.gpu.ahead(() => bucket.gpu.write(bucket, read));
  }

  async end(): Promise<void> {}

  dispose(): void {}
}

/** A bucket whose parts have come, and the sum of this rank's part of it. */
interface Open {
  readonly bucket: Tensor;
  readonly sum: Promise<Read>;
  readonly what: string;
}

/**
 * MPI adds up no f16, and ranks must get the same bits. So each rank gets one part of a bucket from all, in blocks of f16 by powers
 * of two (`half_blocks.ts`), adds that up in f32 on its device, and all get its sum, again as f16: as many numbers travel as in
 * a ring, and each is rounded twice, however many ranks there are. While the device adds up one bucket, the parts of the next
 * travel.
 */
class HalfWire implements Wire {
  readonly #collective: Collective;
  /** Of one bucket, all parts as they leave; all parts as they come; and the sum of this rank's. */
  readonly #packed: Tensor;
  readonly #given: Tensor;
  readonly #sum: Tensor;
  #open: Open | undefined;

  constructor(collective: Collective, buckets: readonly Tensor[]) {
    this.#collective = collective;
    const words = wordsOfPart(Math.max(...buckets.map(({ size }) => size)), collective.size);
    const { gpu } = buckets[0]!;
    this.#packed = Tensor.empty(gpu, [collective.size * words], "u32");
    this.#given = Tensor.empty(gpu, [collective.size * words], "u32");
    this.#sum = Tensor.empty(gpu, [words], "u32");
  }

  read(bucket: Tensor): Promise<Read> {
    const { size } = this.#collective;
    return bucket.gpu.ahead(() => {
      packHalves(bucket, this.#packed, size);
      return readWords(this.#packed, size * wordsOfPart(bucket.size, size));
    });
  }

  async sum(bucket: Tensor, read: Read, what: string): Promise<void> {
    const { size } = this.#collective;
    const given = await this.#collective.exchange(read as Uint32Array<ArrayBuffer>, what);
    const before = this.#open;
    const sum = bucket.gpu.ahead(() => {
      bucket.gpu.write(this.#given, given);
      sumHalves(this.#given, this.#sum, size, bucket.size);
      return readWords(this.#sum, wordsOfPart(bucket.size, size));
    });
    sum.catch(() => {}); // it is awaited with the next bucket
    this.#open = { bucket, sum, what };
    await this.#finish(before);
  }

  async end(): Promise<void> {
    const last = this.#open;
    this.#open = undefined;
    await this.#finish(last);
  }

  async #finish(open: Open | undefined): Promise<void> {
    if (open === undefined) return;
    const { bucket, sum, what } = open;
    const all = await this.#collective.collect(await sum as Uint32Array<ArrayBuffer>, `sums of ${what}`);
    bucket.gpu.ahead(() => {
      bucket.gpu.write(this.#given, all);
      unpackHalves(this.#given, bucket, this.#collective.size);
    });
  }

  dispose(): void {
    for (const tensor of [this.#packed, this.#given, this.#sum]) tensor.dispose();
  }
}

/** Reads the first words of a tensor. */
function readWords(tensor: Tensor, count: number): Promise<Read> {
  const words = tensor.view([count]);
  const reading = words.read();
  words.dispose();
  return reading as Promise<Read>;
}
