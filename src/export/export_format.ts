/** The contract of export formats: what one is given, and what it says of itself. */
import type { ResolvedEncoder } from "../build/resolve_encoders.ts";
import type { Preprocessing } from "../data/preprocessing.ts";
import type { TensorFile } from "../io/safetensors.ts";
import type { Temperatures } from "../metrics/calibration.ts";
import type { MultimodalClassifier } from "../models/multimodal_classifier.ts";
import type { RunFolder } from "../runs/run_folder.ts";

/** The floating-point types that weights can be written in. */
export type Precision = "f32" | "f16";

/** A run that is to be exported. */
export interface ExportSource {
  readonly run: RunFolder;
  readonly preprocessing: Preprocessing;
  readonly encoders: readonly ResolvedEncoder[];
  /** Declared, with no memory: its values are those of `weights`. */
  readonly model: MultimodalClassifier;
  /** The best of the run. */
  readonly weights: TensorFile;
  readonly precision: Precision;
  /** By which `predict.py` divides the logits of heads, as `unis predict` does; none where the run has none. */
  readonly temperatures: Temperatures;
  /** Told what is left out, and why. */
  note(message: string): void;
}

export interface ExportFormat {
  /** The name on the command line, and the library's in a model card. */
  readonly name: string;
  /** What it writes, in one line for help texts. */
  readonly description: string;
  readonly precisions: readonly Precision[];
  /** Whether it can say that a sample lacks a modality. */
  readonly saysPresence: boolean;
  /** What `predict.py` of an export needs, by the names of PyPI. */
  readonly packages: readonly string[];
  /** Loads what writes it, which takes a moment that help should not wait for. */
  load(): Promise<ExportWriter>;
}

/** Writes into the folder `to`, which exists and is empty; gives the paths written. */
export type ExportWriter = (source: ExportSource, to: string) => Promise<string[]> | string[];

/**
 * What the logits of an export say: "classification", "multi_label" (a probability each, by the sigmoid), or "regression", of
 * which `scale` has the mean and the standard deviation that the number is learned by.
 */
export function describeTask({ task = "classification", scale }: Preprocessing): object {
  return { task, ...(scale && { scale }) };
}
