/**
 * Where the code published with the paper departs from the paper: one switch a departure, all off by default. What each
 * does stands where it is done.
 */
import * as z from "zod";

const quirk = z.boolean().default(false);

export const semanticsSchema = z.strictObject({
  /** unis-mmc contrasts row 0 of the similarities of a batch, divided by |P∪S|: `firstRow` in models/contrastive.ts. */
  first_row_only: quirk,
  /** unsup-mmc has the positive pair alone in the denominator, and so is 0: `batchContrast` in models/batch_contrast.ts. */
  unsupervised_positives_only: quirk,
  /** sup-mmc has positive pairs alone in the denominator: `batchContrast` in models/batch_contrast.ts. */
  supervised_positives_only: quirk,
  /** The gradients of a batch's micro-batches are added up, not averaged: `microBatchWeight` in learning.ts. */
  summed_accumulation: quirk,
  /** The rates fall on a plateau of the training accuracy, not the validation accuracy: trainer.ts. */
  plateau_on_training: quirk,
  /** Training samples come in the order of the data set, the same in every epoch: data/epoch.ts. */
  unshuffled: quirk,
  /** A last, incomplete micro-batch of training or batch of evaluation is left out: data/epoch.ts. */
  incomplete_dropped: quirk,
  /** Images are mirrored by chance in evaluation too: data/mirror.ts. */
  mirrored_evaluation: quirk,
  /** No dropout after the first validation: micro_batches.ts. */
  dropout_until_validation: quirk,
});

export type Semantics = z.infer<typeof semanticsSchema>;

const all = (on: boolean) =>
  Object.fromEntries(Object.keys(semanticsSchema.shape).map((name) => [name, on])) as Semantics;

/** What `--semantics` names: everything as the paper has it, or as its authors' code does. */
export const SEMANTICS = { paper: all(false), authors: all(true) } as const;
