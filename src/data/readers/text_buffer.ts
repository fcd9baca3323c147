/** Text that is read as far as it is needed. */

export class TextBuffer {
  /** What has been read and not been used. */
  rest = "";
  isOver = false;
  readonly #chunks: AsyncGenerator<string>;

  constructor(chunks: AsyncGenerator<string>) {
    this.#chunks = chunks;
  }

  /** Reads until there are so many characters, or no more. */
  async fill(characters: number): Promise<void> {
    const parts = [this.rest];
    let length = this.rest.length;
    while (length < characters && !this.isOver) {
      const { value, done } = await this.#chunks.next();
      if (done) this.isOver = true;
      else {
        parts.push(value);
        length += value.length;
      }
    }
    this.rest = parts.join("");
  }

  async more(): Promise<void> {
    await this.fill(2 * this.rest.length + 1);
  }
}
