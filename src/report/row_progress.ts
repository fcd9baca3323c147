/** How far a stream of rows is, of which nobody knows the end: one line that changes on a terminal, or one now and then. */
import { output } from "./output.ts";
import { formatCount } from "./units.ts";

/** Milliseconds between two looks at a terminal, and between two lines elsewhere. */
const INTERVAL = { terminal: 200, lines: 10_000 };

export class RowProgress implements Disposable {
  readonly #print: (line: string) => void;
  readonly #hasBar: boolean;
  readonly #start = performance.now();
  #shown = performance.now();

  constructor(print: (line: string) => void, hasBar = output.hasBars("stderr")) {
    this.#print = print;
    this.#hasBar = hasBar;
  }

  update(rows: number): void {
    const now = performance.now();
    if (now - this.#shown < (this.#hasBar ? INTERVAL.terminal : INTERVAL.lines)) return;
    this.#shown = now;
    const speed = Math.round(1000 * rows / (now - this.#start));
    const line = `Predicted   ${formatCount(rows)} rows, ${formatCount(speed)} a second`;
    if (this.#hasBar) this.#write(`\r${line}\x1b[K`);
    else this.#print(line);
  }

  /** Takes the line off the screen. */
  clear(): void {
    if (this.#hasBar) this.#write("\r\x1b[K");
  }

  #write(text: string): void {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
