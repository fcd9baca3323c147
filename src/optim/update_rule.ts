/** The contract of update rules: what tells one optimizer from another. */
import type { KernelSource } from "../gpu/kernel.ts";
import type { StepOptions } from "./optimizer_options.ts";

/** A kernel for losses that are not scaled, and one that asks the state of a loss scale. */
export interface RuleKernels {
  readonly plain: KernelSource;
  readonly scaled: KernelSource;
}

/**
 * How parameters follow from gradients, in a kernel with the entries of wgsl/optim/entries.wgsl. Its moments are arrays by
 * the names that its kernel binds and that stand in checkpoints, torch's where torch has them.
 */
export interface UpdateRule {
  readonly moments: readonly string[];
  /** Values and moments are read from the arrays that the step overwrites. */
  readonly inPlace: RuleKernels;
  /** They are read from copies, bound as `values_before` and `<moment>_before`: faster on processors, where it is given. */
  readonly before?: RuleKernels;
  readonly constants?: Readonly<Record<string, boolean>>;
  /** The parameters of its kernel but for those of the entries. */
  params(step: number, options: StepOptions): Readonly<Record<string, number>>;
  /** Of Adam and its like, for the correction of moments by the steps taken: as LossScale.decide takes them. */
  readonly betas?: readonly [number, number];
  /** The factors of both moments after so many steps of a group, where they are corrected. */
  corrections?(steps: number): readonly [number, number];
}
