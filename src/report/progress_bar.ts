/** Shows progress: by a bar that moves on a terminal, by a line now and then elsewhere. */
import cliProgress from "cli-progress";
import type { Progress } from "../runs/records.ts";
import { output } from "./output.ts";
import { formatSeconds } from "./units.ts";

/** The seconds between two lines where there is no bar, and in the log. */
const SECONDS_PER_LINE = 30;

/** The part of the package that is used here; it carries no types. */
interface Bar {
  start(total: number, done: number, payload: object): void;
  update(done: number, payload: object): void;
  stop(): void;
}

const FORMAT =
  "epoch {epoch}/{epochs} [{bar}] {percentage}% | loss {loss} | accuracy {accuracy} | {speed} samples/s | " +
  "ETA {remaining}";

export class ProgressBar {
  readonly #hasBar: boolean;
  readonly #print: (line: string) => void;
  #bar: Bar | undefined;
  #lastLine = performance.now();

  constructor(hasBar: boolean, print: (line: string) => void) {
    this.#hasBar = hasBar;
    this.#print = print;
  }

  update(progress: Progress): void {
    const { epoch, epochs, done, total } = progress;
    const shown = {
      epoch,
      epochs,
      loss: progress.loss.toFixed(3),
      accuracy: progress.accuracy.toFixed(3),
      speed: progress.samplesPerSecond.toFixed(progress.samplesPerSecond < 10 ? 1 : 0),
      remaining: formatSeconds(progress.remaining),
    };
    if (this.#hasBar) {
      if (this.#bar === undefined) {
        this.#bar = new cliProgress.SingleBar({
          format: FORMAT,
          stream: globalThis.process?.stdout,
          clearOnComplete: true,
          hideCursor: true,
          barsize: 20,
          gracefulExit: false, // signals are handled by the command
        }, cliProgress.Presets.legacy) as Bar;
        this.#bar.start(total, done, shown);
      } else this.#bar.update(done, shown);
    }
    if (performance.now() - this.#lastLine < 1000 * SECONDS_PER_LINE) return;
    this.#lastLine = performance.now();
    const print = this.#hasBar ? (line: string) => output.logged(line) : this.#print;
    print(
      `epoch ${epoch}/${epochs}: ${done}/${total} samples, loss ${shown.loss}, accuracy ${shown.accuracy}, ` +
        `${shown.speed} samples/s, ETA ${shown.remaining}`,
    );
  }

  /** Takes the bar off the screen, so that lines can be printed. */
  clear(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    this.#lastLine = performance.now();
  }
}
