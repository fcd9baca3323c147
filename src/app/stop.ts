/** Ctrl-C: the first asks for an orderly end, the second ends at once. */
import { EXIT } from "./errors.ts";

/** From its making until it is disposed, SIGINT and SIGTERM raise `signal` instead of ending the process. */
export class Stop implements Disposable {
  readonly #controller = new AbortController();
  readonly #listener: () => void;
  // Windows knows no SIGTERM.
  readonly #signals: readonly Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];

  /** `say` is told once, with `message`, that the first signal has come. */
  constructor(
    say: (message: string) => void,
    message = "Stopping after the step under way, and saving; press Ctrl-C again to quit at once without",
  ) {
    this.#listener = () => {
      if (this.signal.aborted) Deno.exit(EXIT.interrupted);
      say(message);
      this.#controller.abort();
    };
    for (const signal of this.#signals) Deno.addSignalListener(signal, this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const signal of this.#signals) Deno.removeSignalListener(signal, this.#listener);
  }
}
