/** Puts samples that arrive together into one batch. */
import { reason } from "../../io/file_bytes.ts";
import type { Answer } from "../predict/answers.ts";
import type { PreparedSample } from "../predict/growing_batch.ts";

/** Thrown where there is no room for more samples. */
export class QueueFull extends Error {
  override name = "QueueFull";
}

/** Thrown where the server no longer takes samples. */
export class Closed extends Error {
  override name = "Closed";
}

/** Thrown where a batch could not be computed; `cause` says why. */
export class BatchFailed extends Error {
  override name = "BatchFailed";
}

export interface BatcherOptions {
  /** Samples of a batch, and samples that wait for one, at most. */
  readonly maxBatch: number;
  readonly maxQueue: number;
  /** Milliseconds for which the first sample of a batch waits for others. */
  readonly wait: number;
  /** The answers to a batch, in its order. */
  readonly answer: (samples: readonly PreparedSample[]) => Promise<Answer[]>;
  /** Told how large each batch was. */
  readonly batched?: (size: number) => void;
}

interface Waiting {
  readonly sample: PreparedSample;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export class Batcher {
  readonly #options: BatcherOptions;
  #waiting: Waiting[] = [];
  /** Samples that have been promised an answer and have none yet. */
  #open = 0;
  #isClosed = false;
  #work: Promise<void> | undefined;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Samples that wait or are computed. */
  get open(): number {
    return this.#open;
  }

  /** Throws QueueFull, before anything is taken, unless so many more samples may come; Closed after `drain`. */
  mustHaveRoom(samples: number): void {
    if (this.#isClosed) throw new Closed("the server is stopping");
    if (this.#open + samples > this.#options.maxQueue) throw new QueueFull("too many samples are waiting");
  }

  /** The answer to a sample. Rejects with QueueFull, Closed or BatchFailed. */
  submit(sample: PreparedSample): Promise<Answer> {
    this.mustHaveRoom(1);
    this.#open++;
    const answered = new Promise<Answer>((resolve, reject) =>
      this.#waiting.push({ sample, resolve, reject })
    );
    this.#work ??= this.#run().finally(() => this.#work = undefined);
    return answered.finally(() => this.#open--);
  }

  /** Takes no more samples, and waits until those that are here have their answers. */
  async drain(): Promise<void> {
    this.#isClosed = true;
    while (this.#work) await this.#work;
  }

  async #run(): Promise<void> {
    const { maxBatch, wait, answer, batched } = this.#options;
    while (this.#waiting.length > 0) {
      if (this.#waiting.length < maxBatch && !this.#isClosed) {
        await new Promise((done) => setTimeout(done, wait));
      }
      const batch = this.#waiting.splice(0, maxBatch);
      try {
        const answers = await answer(batch.map(({ sample }) => sample));
        batched?.(batch.length);
        batch.forEach(({ resolve }, i) => resolve(answers[i]!));
      } catch (cause) {
        for (const { reject } of batch) reject(new BatchFailed(reason(cause), { cause }));
      }
    }
  }
}
