/** Shows how downloads go: by a bar on a terminal, by a line a file elsewhere. */
import cliProgress from "cli-progress";
import type { DownloadProgress } from "../io/hub.ts";
import { output } from "./output.ts";
import { formatBytes } from "./units.ts";

/** The part of the package that is used here; it carries no types. */
interface Bar {
  start(total: number, done: number, payload: object): void;
  update(done: number): void;
  stop(): void;
}

export class DownloadBar implements DownloadProgress {
  readonly #print: (line: string) => void;
  readonly #hasBar: boolean;
  #bar: Bar | undefined;

  constructor(print: (line: string) => void, hasBar = output.hasBars("stderr")) {
    this.#print = print;
    this.#hasBar = hasBar;
  }

  begin(file: string, total: number, done: number): void {
    const rest = done > 0 ? `, ${formatBytes(done)} of it are here` : "";
    const line = `Downloading ${file} (${formatBytes(total)}${rest})`;
    if (!this.#hasBar) this.#print(line);
    else {
      output.logged(line);
      this.#bar = new cliProgress.SingleBar({ format: "{file} [{bar}] {percentage}% | ETA {eta_formatted}" });
      this.#bar!.start(total, done, { file });
    }
  }

  advance(_file: string, done: number): void {
    this.#bar?.update(done);
  }

  end(_file: string): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  note(message: string): void {
    this.#print(message);
  }
}
