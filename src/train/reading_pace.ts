/** How often the progress of an epoch is read. A read waits for the device, which meanwhile gets nothing new to do. */

/** About this often, in seconds, but never more often than once a step. */
const SECONDS_PER_READ = 2;
const MOST_STEPS_PER_READ = 50;

export class ReadingPace {
  /** Steps since the beginning, and the number of the step that is read next. */
  #step = 0;
  #next = 1;
  #from: { readonly batch: number; readonly step: number; readonly time: number };

  /** `batch`: micro-batches of the epoch that are done. */
  constructor(batch: number) {
    this.#from = { batch, step: 0, time: performance.now() };
  }

  /** Counts a step; true where progress is read after it. */
  step(): boolean {
    return ++this.#step >= this.#next;
  }

  /** It was read after `batch` micro-batches; gives what went by since the last time, or the last pause. */
  read(batch: number): { batches: number; seconds: number } {
    const { batch: from, step, time } = this.#from;
    const seconds = (performance.now() - time) / 1000;
    const fitting = Math.round(SECONDS_PER_READ * Math.max(1, this.#step - step) / seconds);
    this.#next = this.#step + Math.min(MOST_STEPS_PER_READ, Math.max(1, fitting));
    this.paused(batch);
    return { batches: batch - from, seconds };
  }

  /** What went by until now was not spent on training. */
  paused(batch: number): void {
    this.#from = { batch, step: this.#step, time: performance.now() };
  }
}
