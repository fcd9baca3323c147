/** Ctrl-C and its like: the first asks for an orderly end, the second ends at once. */
import { EXIT } from "./errors.ts";

/** What asks for an end; Windows knows SIGINT alone. (On SIGUSR1, Deno also opens its debugger.) */
export const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2"];
/** Those that end at once when they come again. By the others schedulers of jobs warn before the time is up, as often as they like. */
const INSISTENT: readonly Deno.Signal[] = ["SIGINT", "SIGTERM"];

/**
 * Milliseconds within which one signal may come several times. A scheduler, a container or a terminal sends it to all processes of
 * a group, of which `deno task` passes on to this one what this one has got as well.
 */
const ECHO = 1000;

/** From its making until it is disposed, SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 raise `signal` instead of ending the process. */
export class Stop implements Disposable {
  readonly #controller = new AbortController();
  readonly #listeners: readonly (readonly [Deno.Signal, () => void])[];

  #asked = 0;

  /** `say` is told once, with `message`, that the first signal has come. */
  constructor(
    say: (message: string) => void,
    message = "Stopping after the step under way, and saving; press Ctrl-C again to quit at once without",
  ) {
    this.#listeners = SIGNALS.map((signal) => [signal, () => {
      if (!this.signal.aborted) {
        this.#asked = performance.now();
        say(message);
        this.#controller.abort();
      } else if (INSISTENT.includes(signal) && performance.now() - this.#asked > ECHO) {
        Deno.exit(EXIT.interrupted);
      }
    }]);
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}
