/** What ranks that train one model add up in a step: their gradients, and what batch norm saw. */
import { crc32 } from "node:zlib";
import { UserError } from "../base/user_error.ts";
import type { Collective } from "../distributed/collective.ts";
import { MOMENTUM } from "../nn/batch_norm.ts";
import { readArrays } from "../nn/flat_arrays.ts";
import type { Parameters } from "../nn/parameters.ts";
import type { GradientWatch } from "../tensor/open_leaves.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Arrays } from "../runs/run_checkpoints.ts";
import { GradientExchange } from "./gradient_exchange.ts";
import type { MicroBatch } from "./micro_batches.ts";
import type { WireName } from "./wires.ts";

/**
 * Each rank has the gradients of its own micro-batches of a step, weighted as in one process, so that their sum is the step's
 * gradient. The statistics of batch norm become what they would be after all of the step's micro-batches in turn.
 */
export class RankSums {
  readonly #collective: Collective;
  readonly #gradients: GradientExchange;
  readonly #statistics: readonly { readonly tensor: Tensor; readonly decay: number }[];
  /** The statistics as all ranks had them before this step. */
  #before: Float32Array<ArrayBuffer>[] = [];
  /** Micro-batches since the last exchange that came after those of this rank; undefined where it had none yet. */
  #after: number | undefined;

  constructor(collective: Collective, parameters: Parameters, wire: WireName) {
    this.#collective = collective;
    this.#gradients = new GradientExchange(collective, parameters, wire);
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

  /** What the backward pass of this rank's last micro-batch in a step is to tell, so that gradients are exchanged in it. */
  watch(): GradientWatch {
    return this.#gradients.watch();
  }

  /** After a micro-batch, of whichever rank: where it ends its epoch or step, each rank gets what all have gathered in that. */
  async exchange(step: number, { endsStep, endsEpoch }: Pick<MicroBatch, "endsStep" | "endsEpoch">) {
    const name = `step ${step + 1}`;
    if (endsStep || this.#gradients.isWatched) this.#gradients.begin(name);
    if (endsStep) await this.#gradients.end();
    if (endsStep || endsEpoch) await this.#sumStatistics(name);
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
    this.#gradients.dispose();
  }

  #readStatistics(): Promise<Float32Array<ArrayBuffer>[]> {
    return readArrays(this.#statistics.map(({ tensor }) => tensor));
  }
}
