/** Training that has gone astray ends, told where and in what, rather than spend hours on weights that are no numbers. */
import { UserError } from "../base/user_error.ts";
import { WrongResults } from "../gpu/device_errors.ts";
import type { SettledConfig } from "../config/run_config.ts";
import type { TrainingState } from "../runs/run_checkpoints.ts";
import type { Inspected, NotFinite } from "../optim/finite_flags.ts";
import type { LossScaleReading } from "../optim/loss_scale.ts";
import { describePart } from "./model_parts.ts";
import type { Means } from "./training_metrics.ts";

/** What is read of a learner now and then, in one go. */
export interface Reading {
  /** What the device computes wrong, where it does: what else was read is then worth nothing. */
  readonly wrong: string | undefined;
  readonly means: Means;
  /** Learned parameters that are, or were at an earlier reading, NaN or infinite. */
  readonly notFinite: readonly NotFinite[];
  /** With precision f16. */
  readonly lossScale: LossScaleReading | undefined;
  /** The noise scale of gradients, in samples, where it is measured and can be told. */
  readonly gradientNoise: number | undefined;
}

/** Where training is. */
export interface Moment {
  /** Steps taken. */
  readonly step: number;
  /** Epochs finished. */
  readonly epoch: number;
  readonly stepsPerEpoch: number;
  readonly precision: "f32" | "f16";
}

export function momentOf(
  { trainingSamples, config: { training } }: { trainingSamples: number; config: SettledConfig },
  { step, epoch }: Pick<TrainingState, "step" | "epoch">,
): Moment {
  const { batch, precision } = training;
  return { step, epoch, stepsPerEpoch: Math.ceil(trainingSamples / batch), precision };
}

/** This many skipped steps in a row are as good a proof as those of a longer epoch. */
const SKIPS = 50;

/** Throws a UserError where training has diverged by what was read of it, and `WrongResults` where the device is to blame. */
export function mustNotDiverge({ wrong, means, notFinite, lossScale }: Reading, at: Moment): void {
  if (wrong !== undefined) {
    throw new WrongResults(
      `The device began to compute wrong, by step ${at.step}: ${wrong} are not as they were before`,
    );
  }
  if (notFinite.length > 0) throw divergence(at, describeNotFinite(notFinite));
  const loss = means.training_loss.total!;
  // In f16 a loss may overflow now and then: its step is skipped, and the loss scale falls.
  if (at.precision === "f32" && !Number.isFinite(loss)) throw divergence(at, `its loss is ${loss}`);
  if (lossScale?.isLeast && lossScale.skippedInRow >= Math.min(SKIPS, at.stepsPerEpoch)) {
    throw divergence(
      at,
      `gradients overflow though the loss scale has fallen to its minimum, ${lossScale.scale}, and the last ` +
        `${lossScale.skippedInRow} steps were skipped`,
    );
  }
}

/**
 * Looks at the samples of `samples` in validation whose logits are NaN or infinite, by head. Throws a UserError where
 * training has diverged: in f32 by any, in f16, where the logits of an outlier may overflow, by all of a head. Gives a line
 * to tell where there are some, with which no epoch is the best; else undefined.
 */
export function mustNotDivergeInValidation(
  notFinite: ReadonlyMap<string, number>,
  samples: number,
  at: Moment,
): string | undefined {
  const found = [...notFinite].filter(([, count]) => count > 0);
  if (found.length === 0) return undefined;
  const what = found.map(([head, count]) => `${count} of ${samples} by the ${head} head`).join(", ");
  if (at.precision === "f32" || found.some(([, count]) => count === samples)) {
    throw divergence(at, `logits of validation samples are NaN or infinite: ${what}`);
  }
  return `Logits of validation samples overflow in f16, ${what}: epoch ${
    at.epoch + 1
  } is not kept as the best`;
}

const NAMES: Readonly<Record<Inspected, string>> = {
  weights: "weights",
  gradients: "gradients",
  moments: "moments of the optimizer",
};

/** `weights and moments of the optimizer are NaN or infinite, in the text encoder (first in "text.embeddings. ...")`. */
function describeNotFinite(parameters: readonly NotFinite[]): string {
  const kinds = Object.entries(NAMES).filter(([kind]) =>
    parameters.some(({ what }) => what.includes(kind as Inspected))
  );
  const parts = new Set(parameters.map(({ name }) => `the ${describePart(name)}`));
  const rest = parameters.length > 1 ? ` and ${parameters.length - 1} more parameters` : "";
  return `${listed(kinds.map(([, name]) => name))} of ${listed([...parts])} are NaN or infinite, in ` +
    `"${parameters[0]!.name}"${rest}`;
}

/** `a, b and c` */
function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

function divergence({ step, epoch, precision }: Moment, what: string): UserError {
  const rates = `"optimizer.encoder_learning_rate", "optimizer.head_learning_rate"`;
  return new UserError(
    `Training diverged in epoch ${
      epoch + 1
    }, by step ${step}: ${what}. Train anew with lower learning rates ` +
      `(${rates}), with "optimizer.max_gradient_norm"${precision === "f16" ? " or in f32" : ""}; ` +
      (epoch > 0 ? `the run keeps what was best in the epochs before` : "no epoch was finished"),
  );
}
