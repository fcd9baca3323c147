/** What ranks that train one model add up in a step: their gradients, and what batch norm saw. */
import { crc32 } from "node:zlib";
import { UserError } from "../base/user_error.ts";
import type { Collective } from "../distributed/collective.ts";
import { MOMENTUM } from "../nn/batch_norm.ts";
import { ALIGNMENT, readArrays } from "../nn/flat_arrays.ts";
import type { Parameters } from "../nn/parameters.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Arrays } from "../runs/run_checkpoints.ts";
import type { MicroBatch } from "./micro_batches.ts";

/** Gradients go from device to device in about so many parts, so that one is read while another is added up. */
const PARTS = 12;
/** Bytes that a part has at least and at most. */
const LEAST = 2 ** 20;
const MOST = 64 * 2 ** 20;

/**
 * Each rank has the gradients of its own micro-batches of a step, weighted as in one process, so that their sum is the step's
 * gradient. The statistics of batch norm become what they would be after all of the step's micro-batches in turn.
 */
export class RankSums {
  readonly #collective: Collective;
  readonly #parts: readonly Tensor[];
  readonly #statistics: readonly { readonly tensor: Tensor; readonly decay: number }[];
  /** The statistics as all ranks had them before this step. */
  #before: Float32Array<ArrayBuffer>[] = [];
  /** Micro-batches since the last exchange that came after those of this rank; undefined where it had none yet. */
  #after: number | undefined;

  constructor(collective: Collective, parameters: Parameters) {
    this.#collective = collective;
    const grads = parameters.arrays.map((array) => array.grads);
    const bytes = grads.reduce((sum, one) => sum + one.bytes, 0);
    const size = Math.ceil(Math.min(MOST, Math.max(LEAST, bytes / PARTS)) / 4 / ALIGNMENT) * ALIGNMENT;
    this.#parts = grads.flatMap((array) =>
      Array.from(
        { length: Math.ceil(array.size / size) },
        (_, i) => array.view([Math.min(size, array.size - i * size)], { offset: i * size }),
      )
    );
    this.#statistics = [...parameters.state()].flatMap(({ name, value: tensor }) =>
      /\.running_(mean|var)$/.test(name)
        ? [{ tensor, decay: 1 - MOMENTUM }]
        : name.endsWith(".num_batches_tracked")
        ? [{ tensor, decay: 1 }]
        : []
    );
  }

  /** Before the first step, and after weights were written. */
  async begin(): Promise<void> {
    this.#before = await this.#readStatistics();
  }

  /** Counts a micro-batch of the step, of this rank or another; ranks have theirs one after the other. */
  count(isOwn: boolean): void {
    if (isOwn) this.#after = 0;
    else if (this.#after !== undefined) this.#after++;
  }

  /** After a micro-batch, of whichever rank: where it ends its epoch or step, each rank gets what all have gathered in that. */
  async exchange(step: number, { endsStep, endsEpoch }: Pick<MicroBatch, "endsStep" | "endsEpoch">) {
    if (endsStep || endsEpoch) await this.#sumStatistics(`step ${step + 1}`);
    if (endsStep) await this.#sumGradients(`step ${step + 1}`);
  }

  async #sumGradients(step: string): Promise<void> {
    let reading = this.#read(0);
    for (const [i, part] of this.#parts.entries()) {
      const values = await reading;
      reading = this.#read(i + 1);
      await this.#collective.sum(values, `gradients of ${step}, part ${i + 1} of ${this.#parts.length}`);
      part.gpu.write(part, values);
    }
  }

  /**
   * A statistic s becomes a s + (1 − a) x with each micro-batch, and l after those of a rank alone. Each micro-batch that comes
   * after them leaves a of what they changed: after all in turn it is s + Σ a^after (l − s).
   */
  async #sumStatistics(step: string): Promise<void> {
    const after = this.#after ?? 0;
    this.#after = undefined;
    if (this.#statistics.length === 0) return;
    const found = await this.#readStatistics();
    const changes = found.flatMap((values, i) => {
      const share = this.#statistics[i]!.decay ** after;
      return Array.from(values, (value, at) => share * (value - this.#before[i]![at]!));
    });
    const sums = Float32Array.from(changes);
    await this.#collective.sum(sums, `statistics of batch norm in ${step}`);
    let start = 0;
    this.#before = this.#before.map((before) => before.map((value) => value + sums[start++]!));
    for (const [i, { tensor }] of this.#statistics.entries()) tensor.gpu.write(tensor, this.#before[i]!);
  }

  /** Throws a UserError unless all ranks have these weights, which they will where their devices compute alike. */
  async mustAgree(weights: Arrays): Promise<void> {
    let sum = 0;
    for (const { data } of weights.values()) sum = crc32(new Uint8Array(data.buffer), sum);
    const [first, ...others] = await this.#collective.gather(sum, "comparing weights");
    const other = others.findIndex((one) => one !== first) + 1;
    if (other === 0) return;
    throw new UserError(
      `The weights of rank ${other} are not those of rank 0, though both took the same steps: their devices or drivers do not ` +
        "compute alike. Start ranks on devices of one kind; the last checkpoint is good",
    );
  }

  dispose(): void {
    for (const part of this.#parts) part.dispose();
  }

  async #read(part: number): Promise<Float32Array<ArrayBuffer>> {
    const tensor = this.#parts[part];
    return tensor === undefined ? new Float32Array() : (await readArrays([tensor]))[0]!;
  }

  #readStatistics(): Promise<Float32Array<ArrayBuffer>[]> {
    return readArrays(this.#statistics.map(({ tensor }) => tensor));
  }
}
