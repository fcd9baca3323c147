/** The metrics of training within an epoch, summed up on the device. */
import type { Gpu } from "../gpu/gpu.ts";
import type { Losses } from "../models/methods/compute_losses.ts";
import { FUSION } from "../models/methods/architecture.ts";
import type { MultimodalClassifier } from "../models/multimodal_classifier.ts";
import { full } from "../ops/fill.ts";
import { countRight } from "../ops/right.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { nameOfPair, pairShares } from "../metrics/metrics.ts";
import type { EpochRecord } from "../runs/records.ts";
import { RunningSums } from "./running_sums.ts";

export type Means = Pick<
  EpochRecord,
  "training_loss" | "training_loss_within_epoch" | "training_accuracy" | "pairs"
>;

/** Stretches of an epoch of which the loss is kept. */
export const STRETCHES = 20;

export class TrainingMetrics {
  readonly #sums: RunningSums;
  readonly #one: Tensor;
  readonly #modalities: readonly string[];
  readonly #heads: readonly string[];
  readonly #losses: readonly string[];
  readonly #pairs: readonly string[];

  /** Whether samples may lack modalities, so that each modality has its own number of samples. */
  readonly #mayLack: boolean;

  constructor(gpu: Gpu, { modalities, heads, pairs, hasContrast, config }: MultimodalClassifier) {
    this.#mayLack = config.missing !== undefined;
    this.#modalities = modalities;
    this.#heads = heads;
    this.#losses = ["total", ...heads, ...(hasContrast ? ["contrast"] : [])];
    this.#pairs = pairs.map(nameOfPair);
    this.#sums = new RunningSums(gpu, {
      samples: 1,
      "loss.total": 1,
      "loss.contrast": 1,
      ...Object.fromEntries(heads.flatMap((head) => [[`loss.${head}`, 1], [`right.${head}`, 1]])),
      ...Object.fromEntries(this.#pairs.map((pair) => [pair, 4])),
      "within.samples": STRETCHES,
      "within.loss": STRETCHES,
      ...(this.#mayLack && Object.fromEntries(modalities.map((name) => [`samples.${name}`, 1]))),
    });
    this.#one = full(gpu, [1], 1);
  }

  /** Adds those of a micro-batch, which has so many samples and lies in this stretch of the epoch. */
  add(
    { total, contrastive, multimodal, unimodalOf, fusedRight, right, pairs }: Losses,
    samples: number,
    stretch: number,
  ): void {
    const loss = (name: string, mean: Tensor) => [`loss.${name}`, mean, samples] as const;
    const count = (name: string, own: Tensor) => [`right.${name}`, countRight(own)] as const;
    this.#sums.add([
      ["samples", this.#one, samples],
      loss("total", total),
      ...(contrastive ? [loss("contrast", contrastive)] : []),
      ...(multimodal ? [loss(FUSION, multimodal)] : []),
      ...(fusedRight ? [count(FUSION, fusedRight)] : []),
      ...this.#modalities.map((name) => loss(name, unimodalOf[name]!)),
      ...Object.entries(right).map(([name, own]) => count(name, own)),
      ...(this.#mayLack
        ? Object.entries(right).map(([name, own]) => [`samples.${name}`, this.#one, own.size] as const)
        : []),
      ...pairs.map(({ a, b, counts }) => [nameOfPair([a, b]), counts] as const),
      ["within.samples", this.#one, samples, stretch],
      ["within.loss", total, samples, stretch],
    ]);
  }

  /** Means and shares since `reset`, from what was read of `sums`. */
  means(sums: Float32Array): Means {
    const sum = this.#sums.byName(sums);
    const within = Array.from(sum("within.loss"), (loss, i) => [loss, sum("within.samples")[i]!] as const)
      .filter(([, samples]) => samples > 0);
    const samplesOf = (head: string) =>
      this.#mayLack && this.#modalities.includes(head) ? `samples.${head}` : "samples";
    const mean = (what: string, head: string) =>
      sum(`${what}.${head}`)[0]! / Math.max(1, sum(samplesOf(head))[0]!);
    return {
      training_loss: Object.fromEntries(this.#losses.map((name) => [name, mean("loss", name)])),
      training_loss_within_epoch: within.map(([loss, samples]) => loss / samples),
      training_accuracy: Object.fromEntries(this.#heads.map((head) => [head, mean("right", head)])),
      pairs: Object.fromEntries(this.#pairs.map((pair) => {
        const [both, onlyA, onlyB, none] = sum(pair);
        return [pair, pairShares([both!, onlyA!, onlyB!, none!])];
      })),
    };
  }

  reset(): void {
    this.#sums.reset();
  }

  /** The sums as a checkpoint holds them. */
  get sums(): Tensor {
    return this.#sums.sums;
  }

  dispose(): void {
    this.#sums.dispose();
    this.#one.dispose();
  }
}
