/** Messages between ranks that do not keep step: each works on something of its own. */
import { setTimeout } from "node:timers/promises";
import type { Collective } from "./collective.ts";

/** Milliseconds between two rounds. */
const PAUSE = 100;

/** What a rank gives in a round. */
interface Round<T> {
  readonly letters: readonly (readonly [to: number, message: T])[];
  readonly isLast: boolean;
}

/**
 * Carries messages, which JSON can hold, in rounds that all ranks take part in: so one that is gone, or stands still, is missed as
 * in any other call. No other collective call may be made until the last round is over.
 */
export class Post<T> {
  readonly #collective: Collective;
  readonly #deliver: (message: T, from: number) => void;
  #letters: (readonly [to: number, message: T])[] = [];
  #isLast = false;

  /** `deliver` is called with each message to this rank; those of one rank come in their order. */
  constructor(collective: Collective, deliver: (message: T, from: number) => void) {
    this.#collective = collective;
    this.#deliver = deliver;
  }

  /** Sends a message with the next round. */
  send(to: number, message: T): void {
    this.#letters.push([to, message]);
  }

  /** Has the next round be the last, for all ranks. */
  close(): void {
    this.#isLast = true;
  }

  /** Goes on until a rank closes the post; all ranks call it. Throws `RankMissing`. */
  async run(): Promise<void> {
    for (;;) {
      const own: Round<T> = { letters: this.#letters, isLast: this.#isLast };
      this.#letters = [];
      const round = await this.#collective.gather(own, "messages");
      for (const [from, { letters }] of round.entries()) {
        for (const [to, message] of letters) if (to === this.#collective.rank) this.#deliver(message, from);
      }
      if (round.some(({ isLast }) => isLast)) return;
      await setTimeout(PAUSE);
    }
  }
}
