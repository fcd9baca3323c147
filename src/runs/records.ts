/** The records that a run makes while it goes and when it ends. */
import type { Ceilings } from "../ops/ceilings.ts";
import type { HeadCalibration } from "../metrics/calibration.ts";
import type { TaskName } from "../data/targets.ts";
import type { MetricName } from "../metrics/chosen_metric.ts";
import type { PairShares } from "../metrics/metrics.ts";

/** One value for each head by its name: the modalities, then "fusion"; of a single modality that alone. */
export type ByHead = Record<string, number>;

/** One line of metrics.jsonl: of the end of an epoch, and of a validation within one. */
export interface EpochRecord {
  /** Epochs trained so far: 1 at the end of the first, and with a fraction within one. */
  epoch: number;
  /** Optimizer steps taken since the start of the run. */
  step: number;
  /** Means over the training samples of the epoch so far: "total", each head's cross entropy, and "contrast" where the method has it. */
  training_loss: Record<string, number>;
  /** The mean total loss of each twentieth of the epoch, or of each micro-batch where there are fewer. */
  training_loss_within_epoch?: number[];
  training_accuracy: ByHead;
  /** Cross entropy of each head, and what it gets right; not there where an epoch ends without a validation. */
  validation_loss?: ByHead;
  validation_accuracy?: ByHead;
  /** What `training.metric` names, where that is not accuracy, and what each head has of it. */
  metric?: MetricName;
  validation_metric?: ByHead;
  /** Samples of validation whose logits are NaN or infinite, as may overflow in f16; such an epoch is never kept. */
  validation_not_finite?: ByHead;
  /** Shares among the training samples, of each pair of modalities by its name, such as "image-text". */
  pairs: Record<string, PairShares>;
  /** These shares among the validation samples (the paper's Figure 6). Older files may be without. */
  validation_pairs?: Record<string, PairShares>;
  /** The rate of each part in the last step. */
  learning_rates: Record<string, number>;
  /** With precision f16: the scale, and the steps skipped since the run began. */
  loss_scale?: number;
  skipped_steps?: number;
  /** The noise scale of gradients, in samples, where it is measured and can be told: see `GradientNoise`. */
  gradient_noise?: number;
  /** Since the record before. */
  seconds: number;
  /** The seconds among these for which training waited for batches. Older files may be without. */
  input_wait_seconds?: number;
}

/** test.json, and what `evaluate` gives for any split. */
export interface Evaluation {
  /** Classification if not given. */
  task?: TaskName;
  split: string;
  samples: number;
  /** The epoch whose weights were evaluated, as its record has it. */
  epoch: number;
  accuracy: ByHead;
  /** The share of samples whose label is among the two, or five, likeliest classes; where there are more classes. */
  top_2?: ByHead;
  top_5?: ByHead;
  /** Of classes, or of labels. */
  macro_f1?: ByHead;
  /** Weighted by the samples of each class. Older files may be without. */
  weighted_f1?: ByHead;
  /** The area under the ROC curve; of two classes that both occur, and of more where it is the metric of the run. */
  auc?: ByHead;
  /** These where they are the metric of the run. */
  balanced_accuracy?: ByHead;
  average_precision?: ByHead;
  /** Of labels: the share of labels that are right, F1 over all of them at once, and the mean of that of each sample. */
  label_accuracy?: ByHead;
  micro_f1?: ByHead;
  samples_f1?: ByHead;
  /** Of numbers. */
  mae?: ByHead;
  rmse?: ByHead;
  r2?: ByHead;
  pearson?: ByHead;
  /** Cross entropy. */
  loss: ByHead;
  /** Samples whose logits are NaN or infinite, as may overflow in f16; where there are any. */
  not_finite?: ByHead;
  pairs: Record<string, PairShares>;
  /**
   * By head, how far probabilities can be believed, as the head gives them and by its temperature. All other measures are of
   * probabilities as heads give them. Older files may be without.
   */
  calibration?: Record<string, HeadCalibration>;
  /** Where some samples lack modalities: the same of those that have the same ones. */
  patterns?: PatternEvaluation[];
  /** Where the model takes samples that lack modalities: those that have all, with some withheld. */
  withheld?: PatternEvaluation[];
}

/** The measures of samples of which the model was given the same modalities. */
export interface PatternEvaluation extends Pick<Evaluation, "accuracy" | "macro_f1" | "mae" | "loss"> {
  modalities: string[];
  samples: number;
}

/** An evaluation of samples that are not those the run was made with. */
export interface OtherEvaluation extends Evaluation {
  /** One sentence that says how they differ. */
  changes: string;
}

/** The device memory that training takes, in bytes. */
export interface MemoryPlan {
  /** Samples that go through the model at once. */
  micro_batch: number;
  /** With precision f16, their copies in f16 as well. */
  weights: number;
  /** Only what is not frozen has gradients and moments. */
  gradients: number;
  /** The moments of the optimizer. */
  moments: number;
  /** The average of the weights, where there is one. */
  average?: number;
  /** What ranks exchange gradients through, where there are several. */
  exchange?: number;
  /** The most that is in use beyond these while a micro-batch is differentiated: activations and their gradients. */
  activations: number;
  /** All of it, with the buffers that wait for reuse. */
  held: number;
  /** The largest buffer. Beyond the binding limit, which only tables of embeddings may be, it is bound in parts. */
  largest_buffer: number;
  binding_limit: number;
}

/** The facts that are known once the model is built. */
export interface RunSummary {
  adapter: string;
  adapter_class: string;
  /** Learned values of each part: encoders, then heads. */
  parameters: Record<string, number>;
  /** How many of these are frozen. */
  frozen: number;
  memory: MemoryPlan;
  samples: { train: number; validation: number; test: number };
  /** Classification if not given. */
  task?: TaskName;
  classes: number;
}

export interface Progress {
  epoch: number;
  epochs: number;
  /** Training samples seen in this epoch, and their number. */
  done: number;
  total: number;
  /** Means over the epoch so far. */
  loss: number;
  accuracy: number;
  samplesPerSecond: number;
  /** Seconds until the last epoch ends, if none is left out. */
  remaining: number;
}

/** Told what happens, in this order. */
export interface Observer {
  planned(plan: RunSummary): void;
  /** After the first step: bytes of activations at the peak, as `MemoryPlan` has them. */
  measured(activations: number): void;
  progressed(progress: Progress): void;
  /** Of every record: at the end of an epoch, or after a validation within one. */
  epochEnded(record: EpochRecord, isBest: boolean): void;
  note(message: string): void;
}

/** The dispatches of one kernel on one shape, per step. */
export interface KernelProfile {
  /** `kernel.entry` */
  kernel: string;
  /** As the op tells it; empty where it does not. */
  shape: string;
  calls: number;
  milliseconds: number;
  /** Beyond these, spent copying operands to textures. */
  copying_milliseconds: number;
  /** Floating-point operations; only matrix products and attention count theirs. */
  operations: number;
  /** Bytes read and written at least. */
  bytes: number;
}

/** profile.json. All that is "per step" is a mean over the steps. */
export interface Profile {
  adapter: string;
  adapter_class: string;
  steps: number;
  samples_per_step: number;
  /** The best the adapter did in this run: operations and bytes a second. */
  ceilings: Ceilings;
  /** Per step of ordinary training, with no kernel timed. */
  step_milliseconds: number;
  /** The parts of these that JavaScript takes to encode the work, and that are spent waiting for batches. */
  host_milliseconds: number;
  input_wait_milliseconds: number;
  dispatches: number;
  /** Per step, with every kernel timed by itself. */
  kernel_milliseconds: number;
  /** The part of these that matrix products and attention take. */
  product_milliseconds: number;
  /** Bytes: the most in use, and the most held from the device. */
  memory: { peak_live: number; peak_held: number };
  /** Most time first. */
  kernels: KernelProfile[];
}
