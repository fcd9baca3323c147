/**
 * Where the code published with the paper departs from the paper: one switch a departure, all off by default. What each
 * does stands where it is done.
 */
import * as z from "zod";
import { departureFields } from "./method_config.ts";

const quirk = z.boolean().default(false);

export const semanticsSchema = z.strictObject({
  /** Those of losses: see `DEPARTURES` in models/methods/contrast.ts. */
  ...departureFields,
  /** The gradients of a batch's micro-batches are added up, not averaged: `microBatchWeight` in learning.ts. */
  summed_accumulation: quirk,
  /** A step that an epoch leaves unfinished is finished in the next: `microBatches` in micro_batches.ts. */
  steps_across_epochs: quirk,
  /** The rates fall on a plateau of the training accuracy, epoch by epoch, not the validation accuracy: trainer.ts. */
  plateau_on_training: quirk,
  /** Training samples come in the order of the data set, the same in every epoch, as in one process: data/epoch.ts. */
  unshuffled: quirk,
  /** A last, incomplete micro-batch of training or batch of evaluation is left out: data/epoch.ts. */
  incomplete_dropped: quirk,
  /** Images are mirrored by chance in evaluation too: data/mirror.ts. */
  mirrored_evaluation: quirk,
  /** No dropout after the first validation: trainer.ts. */
  dropout_until_validation: quirk,
});

export type Semantics = z.infer<typeof semanticsSchema>;

const all = (on: boolean) =>
  Object.fromEntries(Object.keys(semanticsSchema.shape).map((name) => [name, on])) as Semantics;

/**
 * The settings that `--semantics` names: everything as the paper has it, or as its authors' code does when it is started by
 * its train.sh. Started without torch.distributed it would not shuffle either.
 */
export const SEMANTICS = { paper: all(false), authors: { ...all(true), unshuffled: false } } as const;
