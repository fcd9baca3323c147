/** Shows a run on the console while it trains, and its evaluation at the end. */
import type { Temperatures } from "../metrics/calibration.ts";
import { METRICS } from "../metrics/chosen_metric.ts";
import { confusionMatrix } from "../metrics/metrics.ts";
import type { Predictions } from "../runs/predictions.ts";
import type { EpochRecord, Evaluation, Observer, Progress, RunSummary } from "../runs/records.ts";
import { formatMeasure, measuresIn, targetsText } from "./measures.ts";
import { output } from "./output.ts";
import { PATTERN_TITLE, patternTable } from "./pattern_table.ts";
import { ProgressBar } from "./progress_bar.ts";
import { formatTable } from "./table.ts";
import { formatBytes, formatCount, formatEpoch, formatRate, formatSeconds, formatShare } from "./units.ts";

export class ConsoleObserver implements Observer {
  readonly #print: (line: string) => void;
  readonly #bar: ProgressBar;

  constructor(
    hasBar = output.hasBars("stdout"),
    print: (line: string) => void = (line) => output.note(line),
  ) {
    this.#print = print;
    this.#bar = new ProgressBar(hasBar, print);
  }

  planned(
    { adapter, adapter_class, parameters, frozen, memory, samples, task = "classification", classes }:
      RunSummary,
  ): void {
    this.#print(`Adapter     ${adapter} (${adapter_class})`);
    this.#print(
      `Samples     ${formatCount(samples.train)} training, ${formatCount(samples.validation)} validation, ` +
        `${formatCount(samples.test)} test; ${targetsText(task, classes)}`,
    );
    const parts = Object.entries(parameters).map(([part, count]) => `${part} ${formatCount(count)}`);
    const all = Object.values(parameters).reduce((sum, count) => sum + count, 0);
    const ofThese = frozen === 0
      ? ""
      : `; ${formatCount(frozen)} of them frozen, ${formatCount(all - frozen)} learned`;
    this.#print(`Parameters  ${formatCount(all)}: ${parts.join(", ")}${ofThese}`);
    const { weights, gradients, moments, average, exchange, activations } = memory;
    const uses = {
      ...{ weights, gradients, moments },
      ...(average && { average }),
      ...(exchange && { exchange }),
      activations,
    };
    const sizes = Object.entries(uses).map(([use, bytes]) => `${use} ${formatBytes(bytes)}`);
    const sum = Object.values(uses).reduce((sum, bytes) => sum + bytes, 0);
    this.#print(
      `Memory      ${formatBytes(sum)}: ${
        sizes.join(", ")
      } (planned, micro-batch of ${memory.micro_batch}); ` +
        `largest buffer ${formatBytes(memory.largest_buffer)}, bindings of at most ${
          formatBytes(memory.binding_limit)
        }`,
    );
  }

  measured(activations: number): void {
    this.#bar.clear();
    this.#print(`Measured    activations ${formatBytes(activations)} at most in the first step`);
  }

  progressed(progress: Progress): void {
    this.#bar.update(progress);
  }

  epochEnded(record: EpochRecord, isBest: boolean): void {
    this.#bar.clear();
    this.#print(epochLine(record, isBest));
  }

  note(message: string): void {
    this.#bar.clear();
    this.#print(message);
  }
}

/**
 * The line of an epoch: mean training losses, accuracy in training/validation of every head, fractions of P/S/N among the
 * training pairs, the learning rate of each part, the loss scale and the noise scale where there are some, seconds; `*` marks the best epoch so
 * far.
 */
export function epochLine(record: EpochRecord, isBest: boolean): string {
  const { training_loss, training_accuracy, validation_accuracy, learning_rates } = record;
  const losses = Object.entries(training_loss).map(([name, loss]) =>
    name === "total" ? loss.toFixed(3) : `${name} ${loss.toFixed(3)}`
  );
  const [total, ...terms] = losses;
  const heads = Object.entries(training_accuracy).map(([head, share]) =>
    `${head} ${formatShare(share)}/${validation_accuracy ? formatShare(validation_accuracy[head]) : "-"}`
  );
  const { metric, validation_metric = {} } = record;
  const chosen = Object.entries(validation_metric).map(([head, score]) =>
    `${head} ${formatMeasure(metric ?? "", score)}`
  );
  const pairs = Object.entries(record.pairs).map(([pair, shares]) => {
    const name = Object.keys(record.pairs).length > 1 ? `${pair} ` : "";
    const { positive, semi_positive, negative } = shares;
    return `P/S/N ${name}${[positive, semi_positive, negative].map(formatShare).join("/")}`;
  });
  const rates = new Set(Object.values(learning_rates).map(formatRate));
  return [
    `epoch ${formatEpoch(record.epoch)}${isBest ? "*" : ""}`,
    `loss ${total} (${terms.join(", ")})`,
    `accuracy ${heads.join(", ")}`,
    ...(metric === undefined ? [] : [`${METRICS[metric].title} ${chosen.join(", ")}`]),
    ...pairs,
    `lr ${[...rates].join(", ")}`,
    ...(record.loss_scale === undefined
      ? []
      : [`loss scale ${formatCount(record.loss_scale)}, ${record.skipped_steps} steps skipped`]),
    ...(record.gradient_noise === undefined ? [] : [`noise scale ${formatCount(record.gradient_noise)}`]),
    formatSeconds(record.seconds) + waitedShare(record),
  ].join(" | ");
}

/** Waiting for batches is shown where it takes more than this fraction of the time. */
const WORTH_TELLING = 0.05;

function waitedShare({ seconds, input_wait_seconds: waited = 0 }: EpochRecord): string {
  const share = waited / Math.max(seconds, 1e-9);
  return share > WORTH_TELLING ? ` (${Math.round(100 * share)} % waiting for data)` : "";
}

/** The lines shown for an evaluation: a row for every head, then the fractions of P/S/N. */
export function evaluationLines(evaluation: Evaluation, what = `${evaluation.split} split`): string[] {
  const { samples, epoch, accuracy, pairs } = evaluation;
  const measures = measuresIn(evaluation);
  const rows = Object.keys(accuracy).map((head) => [
    head,
    ...measures.map(([key]) => formatMeasure(key, evaluation[key]?.[head])),
  ]);
  const lines = [
    `${what}, ${formatCount(samples)} samples, weights of epoch ${epoch}`,
    ...formatTable([["", ...measures.map(([, name]) => name)], ...rows]),
  ];
  const pairRows = Object.entries(pairs).map(([pair, { positive, semi_positive, negative }]) => [
    pair,
    // All are 0 where no sample has both modalities.
    ...[positive, semi_positive, negative].map((share) =>
      positive + semi_positive + negative > 0 ? formatShare(share) : "-"
    ),
  ]);
  if (pairRows.length > 0) {
    lines.push("", ...formatTable([["", "P both right", "S one right", "N both wrong"], ...pairRows]));
  }
  const calibration = calibrationRows(evaluation);
  if (calibration.length > 0) lines.push("", ...formatTable([CALIBRATION_HEADER, ...calibration]));
  const byPattern = patternTable(evaluation);
  if (byPattern) lines.push("", PATTERN_TITLE, ...formatTable([byPattern.header, ...byPattern.rows]));
  for (const [head, count] of Object.entries(evaluation.not_finite ?? {})) {
    if (count > 0) lines.push("", `Logits of ${count} samples are NaN or infinite by the ${head} head`);
  }
  return lines;
}

/** Of the probabilities of heads: calibration error and cross entropy, before and after the temperature. */
export const CALIBRATION_HEADER = ["", "ECE", "NLL", "temperature", "ECE after", "NLL after"] as const;

/** A row for each head; of one without a temperature with dashes. */
export function calibrationRows({ calibration = {} }: Evaluation): string[][] {
  return Object.entries(calibration).map(([head, { raw, temperature, calibrated }]) => [
    head,
    formatShare(raw.ece),
    raw.loss.toFixed(3),
    ...(temperature === undefined || calibrated === undefined
      ? ["-", "-", "-"]
      : [temperature.toFixed(2), formatShare(calibrated.ece), calibrated.loss.toFixed(3)]),
  ]);
}

/** Says that probabilities are calibrated, and how; nothing where none are. */
export function calibrationLines(temperatures: Temperatures): string[] {
  const heads = Object.entries(temperatures).map(([head, own]) => `${head} ${own.toFixed(2)}`);
  return heads.length === 0 ? [] : [
    `Calibrated  by temperatures fitted in validation: ${heads.join(", ")}; --uncalibrated leaves that out`,
  ];
}

/** More classes make a matrix that no terminal shows. */
const MOST_SHOWN = 20;

/** How often each class (a row) was predicted as each (a column), by the last head; nothing of very many classes, or of none. */
export function confusionLines(
  { task = "classification", labels, predicted }: Predictions,
  classes: readonly string[],
): string[] {
  if (classes.length > MOST_SHOWN || task !== "classification") return [];
  const [head, own] = [...predicted].at(-1)!;
  const counts = confusionMatrix(labels, own, classes.length);
  const rows = classes.map((name, row) => [
    name,
    ...classes.map((_, column) => formatCount(counts[row * classes.length + column]!)),
  ]);
  return [
    `Confusion of ${head}: a row is a class, a column what it was predicted as`,
    ...formatTable([["", ...classes], ...rows]),
  ];
}
