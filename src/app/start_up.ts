/** How long it took from starting the program to the end of the first training step, and what took it. */

export class StartUp {
  readonly #parts: [name: string, seconds: number][] = [];
  /** When the part under way began; the clock of the process starts with it. */
  #since = 0;

  /** Ends a part; those of one name count together. */
  lap(name: string): void {
    const now = performance.now();
    const seconds = (now - this.#since) / 1000;
    const part = this.#parts.find(([other]) => other === name);
    if (part) part[1] += seconds;
    else this.#parts.push([name, seconds]);
    this.#since = now;
  }

  get seconds(): number {
    return this.#parts.reduce((sum, [, seconds]) => sum + seconds, 0);
  }

  /** `Started     in 9.8 s: program 1.1, device 0.6, ...` */
  get line(): string {
    const parts = this.#parts.map(([name, seconds]) => `${name} ${seconds.toFixed(1)}`);
    return `Started     in ${this.seconds.toFixed(1)} s: ${parts.join(", ")}`;
  }
}
