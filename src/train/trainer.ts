/** The training loop. */
import type { Dataset } from "../data/dataset.ts";
import { momentOf, mustNotDiverge, mustNotDivergeInValidation, type Reading } from "./divergence.ts";
import { evaluate, predict, temperaturesOf } from "./evaluation.ts";
import { epochRecord, progressOf } from "./epoch_record.ts";
import { type Arrays, beginning, type Snapshot, type TrainingState } from "../runs/run_checkpoints.ts";
import { isBetter } from "../metrics/chosen_metric.ts";
import { Interrupted, pause } from "../base/interrupt.ts";
import { any } from "../distributed/collective.ts";
import type { Learner } from "./learner.ts";
import { microBatches } from "./micro_batches.ts";
import { ReadingPace } from "./reading_pace.ts";
import { RemainingTime } from "./remaining_time.ts";
import type { Observer } from "../runs/records.ts";
import type { RunFolder } from "../runs/run_folder.ts";
import { UserError } from "../base/user_error.ts";
import { isValidatedAtEnd, isValidatedWithin } from "./validation_schedule.ts";

export interface TrainOptions {
  readonly learner: Learner;
  readonly data: Dataset;
  readonly run: RunFolder;
  readonly observer: Observer;
  /** When raised, the run is saved after the step under way, and `Interrupted` is thrown. */
  readonly signal?: AbortSignal;
  /** Called when the first step has run to its end. */
  readonly started?: () => void;
  /** Epochs at which to stop for now, with rates and all else as planned for all of them; a later call goes on from there. */
  readonly until?: number;
}

/**
 * Trains from the last checkpoint of the run, or from the start where there is none, until the epochs are over (or `until` of
 * them, if given) or the metric of validation has stopped getting better; leaves the weights of the best epoch in the learner. A run that was
 * interrupted, anywhere, ends with the same weights and metrics as one that was not. Throws a UserError where training
 * diverges.
 */
export async function train(options: TrainOptions): Promise<TrainingState> {
  const trainer = new Trainer(options);
  trainer.restore();
  await trainer.run();
  if (trainer.state.best === null) {
    throw new UserError(
      "No epoch was kept: in each, logits of validation samples overflow in f16. Train with --precision f32",
    );
  }
  return trainer.state;
}

class Trainer {
  readonly #options: TrainOptions;
  readonly #learner: Learner;
  state: TrainingState;
  /** When the stretch of time that is not yet in the state began. */
  #since = performance.now();
  #isMeasured = false;
  #remaining = new RemainingTime(0);

  constructor(options: TrainOptions) {
    this.#options = options;
    this.#learner = options.learner;
    this.state = beginning(this.#learner.plateau.state);
  }

  /** Takes up the last checkpoint, if there is one. */
  restore(): void {
    const { run } = this.#options;
    const snapshot = run.checkpoints.loadLast();
    if (snapshot !== undefined) {
      this.#learner.writeWeights(snapshot.weights, "last.safetensors");
      this.#learner.writeOptimizer(snapshot.optimizer, snapshot.state, "last.optimizer.safetensors");
      this.#learner.plateau.state = snapshot.state.plateau;
      this.state = snapshot.state;
    }
    run.mustHaveRecords(this.state.records);
    run.writeTensorBoard();
    this.#remaining = new RemainingTime(this.#fractionDone());
  }

  async run(): Promise<void> {
    const { training } = this.#learner.config;
    const { run, observer, until = Infinity } = this.#options;
    // The configuration may have been given more or fewer epochs since.
    if (this.state.ended !== "early stopping") {
      this.state.ended = this.state.epoch < training.epochs ? null : "all epochs";
    }
    if (this.state.ended === null && this.state.best !== null && !run.checkpoints.hasBest) {
      observer.note(
        `${run.checkpoints.best} is gone: the best of the epochs to come takes its place`,
      );
      this.state.best = null;
    }
    await this.#learner.rankSums?.begin();
    while (this.state.ended === null && this.state.epoch < until) {
      await this.#trainEpoch();
      if (this.state.ended !== null) break;
      await this.#record(true, isValidatedAtEnd(this.#learner.config, this.state));
    }
  }

  /** What is left of the training part of an epoch, with the validations within it; training may end in one. */
  async #trainEpoch(): Promise<void> {
    const { data, signal } = this.#options;
    const learner = this.#learner;
    const { config, trainingSamples: samples } = learner;
    const skipped = this.state.batch;
    if (skipped < this.#microBatches) await this.#validateIfDue(); // one that was interrupted
    if (this.state.ended !== null) return;
    const pace = new ReadingPace(skipped);
    const together = (wish: boolean) =>
      any(learner.collective, wish, `deciding on step ${this.state.step + 1}`);
    const source = microBatches(data, config, samples, this.state.epoch, skipped, learner.collective);
    for await (const microBatch of source) {
      this.state.epoch_input_wait += microBatch.waited;
      const { batch, weight, number } = microBatch;
      learner.accumulate(batch, weight, number, { ...microBatch, withDropout: this.#hasDropout });
      await learner.rankSums?.exchange(this.state.step, microBatch);
      if (!microBatch.endsStep) {
        if (microBatch.endsEpoch) this.state.batch = microBatch.done;
        continue;
      }
      const isRead = await together(pace.step());
      learner.step(this.state.step, isRead || microBatch.endsEpoch);
      // The device works on this step while the next batch is made.
      learner.gpu.flush();
      if (!this.#isMeasured) await this.#endFirstStep();
      this.state.step++;
      this.state.batch = microBatch.done;
      if (isRead) await this.#report(microBatch.done, pace);
      if (!microBatch.endsEpoch && (await this.#validateIfDue() || await this.#saveIfDue())) {
        if (this.state.ended !== null) return;
        pace.paused(microBatch.done);
      }
      await pause();
      if (await together(signal?.aborted === true)) await this.#interrupt();
    }
  }

  /** As published, validation switches dropout off and nothing switches it on again. */
  get #hasDropout(): boolean {
    const { semantics } = this.#learner.config;
    return !(semantics.dropout_until_validation && this.state.validations > 0);
  }

  async #endFirstStep(): Promise<void> {
    this.#isMeasured = true;
    await this.#learner.gpu.finish();
    this.#options.started?.();
    this.#options.observer.measured(this.#learner.peakActivations);
  }

  /** True where a validation within the epoch was due, which then was made. */
  async #validateIfDue(): Promise<boolean> {
    const isDue = isValidatedWithin(this.#learner.config, this.state);
    if (isDue) await this.#record(false, true);
    return isDue;
  }

  /** True where a checkpoint between two records was due, which then was saved. */
  async #saveIfDue(): Promise<boolean> {
    const { checkpoint_every: every } = this.#learner.config.training;
    const isDue = every !== null && this.state.step % every === 0;
    if (isDue) await this.#saveNow();
    return isDue;
  }

  /**
   * At the end of an epoch, or within one: validates, writes the record, lowers the rates, saves, and decides whether
   * training is over. Nothing is saved of a model that is not finite, nor kept as the best that overflows in validation.
   */
  async #record(endsEpoch: boolean, isValidated: boolean): Promise<void> {
    const { run, observer } = this.#options;
    const learner = this.#learner;
    const { optimizer, plateau, semantics, training } = learner.config;
    const reading = await this.#read();
    const epoch = endsEpoch
      ? this.state.epoch + 1
      : Number((this.state.epoch + this.state.batch / this.#microBatches).toFixed(4));
    const { validation, overflow, fitted } = isValidated ? await this.#validate(epoch) : {};
    if (overflow !== undefined) observer.note(overflow);
    this.#takeTime();
    const record = epochRecord(epoch, this.state, learner, { ...reading, validation });
    const { keep, metric } = training;
    const score = validation?.[metric]?.[learner.mainHead];
    const isBest = score !== undefined && overflow === undefined &&
      (keep === "last" || isBetter(metric, score, this.state.best?.score));
    // As published, the scheduler is told the accuracy in training of the epoch, with its dropout.
    const watched = semantics.plateau_on_training
      ? endsEpoch ? reading.means.training_accuracy[learner.mainHead]! : undefined
      : score;
    const isWatched = optimizer.schedule === "plateau" || plateau.with_schedule;
    if (isWatched && watched !== undefined) learner.plateau.step(watched);
    if (score !== undefined) this.state.validations++;
    if (isBest) this.state.best = { epoch, validation: this.state.validations, score };
    this.state.records++;
    this.state.recorded_step = this.state.step;
    this.state.epoch_seconds = 0;
    this.state.epoch_input_wait = 0;
    if (endsEpoch) {
      learner.resetMeans();
      this.state.epoch++;
      this.state.batch = 0;
    }
    if (this.state.epoch >= training.epochs) this.state.ended = "all epochs";
    else if (this.state.validations - (this.state.best?.validation ?? 0) >= training.early_stopping) {
      this.state.ended = "early stopping";
    }
    const weights = await learner.readWeights();
    await learner.rankSums?.mustAgree(weights);
    const kept = isBest ? await learner.kept(weights) : undefined;
    const snapshot = await this.#snapshot(weights);
    run.files.together(() => {
      if (kept) run.checkpoints.saveBest(kept, epoch, score!, metric, fitted?.());
      run.appendRecord(record);
      run.checkpoints.saveLast(snapshot);
      run.writeTensorBoard({ record, number: this.state.records });
    });
    observer.epochEnded(record, isBest);
  }

  /** `fitted` gives the temperatures by which these answers are calibrated. */
  async #validate(epoch: number) {
    const { data, signal } = this.#options;
    const learner = this.#learner;
    try {
      const predictions = await learner.withAverage(() => predict(learner, data, "validation", signal));
      const validation = evaluate(predictions, epoch, learner.pairs, learner.config.training.metric);
      const overflow = mustNotDivergeInValidation(
        predictions.notFinite,
        validation.samples,
        momentOf(learner, this.state),
      );
      return { validation, overflow, fitted: () => temperaturesOf(predictions) };
    } catch (error) {
      if (error instanceof Interrupted) await this.#interrupt();
      throw error;
    }
  }

  async #interrupt(): Promise<never> {
    await this.#saveNow();
    throw new Interrupted(
      `Stopped in epoch ${this.state.epoch + 1} after ${this.state.step} steps; all is saved`,
    );
  }

  /** Saves between two records. Throws a UserError where training has diverged. */
  async #saveNow(): Promise<void> {
    await this.#read();
    const snapshot = await this.#snapshot(await this.#learner.readWeights());
    this.#options.run.checkpoints.saveLast(snapshot);
  }

  /** What is to be saved now, with these weights. */
  async #snapshot(weights: Arrays): Promise<Snapshot> {
    this.#takeTime();
    this.state.plateau = this.#learner.plateau.state;
    const { arrays, state } = await this.#learner.readOptimizer();
    Object.assign(this.state, state);
    return { weights, optimizer: arrays, state: this.state };
  }

  /** Reads the sums of the epoch so far and tells the observer. */
  async #report(done: number, pace: ReadingPace): Promise<void> {
    const { means } = await this.#read();
    const remaining = this.#remaining.at(this.#fractionDone());
    this.#options.observer.progressed({
      ...progressOf(this.#learner, this.state.epoch, means, done, pace.read(done)),
      remaining,
    });
  }

  /** Reads how training goes; throws a UserError where it has diverged. */
  async #read(): Promise<Reading> {
    const reading = await this.#learner.read();
    mustNotDiverge(reading, momentOf(this.#learner, this.state));
    return reading;
  }

  #fractionDone(): number {
    return (this.state.epoch + this.state.batch / this.#microBatches) / this.#learner.config.training.epochs;
  }

  /** Of an epoch. */
  get #microBatches(): number {
    return Math.ceil(this.#learner.trainingSamples / this.#learner.config.training.micro_batch);
  }

  #takeTime(): void {
    const now = performance.now();
    this.state.seconds += (now - this.#since) / 1000;
    this.state.epoch_seconds += (now - this.#since) / 1000;
    this.#since = now;
  }
}
