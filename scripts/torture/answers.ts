/** What a process tells the one that has started it, a line each among what it prints else. */

import { writeFully } from "../../src/io/file_bytes.ts";

/** Begins the lines that are answers. */
const MARK = "@";

export function answer(value: unknown): void {
  writeFully(Deno.stdout, new TextEncoder().encode(`\n${MARK}${JSON.stringify(value)}\n`));
}

/** Answers as they come; `printed` is told of all other lines that are not empty. */
export async function* answersIn<T>(
  stdout: ReadableStream<Uint8Array<ArrayBuffer>>,
  printed: (line: string) => void = () => {},
): AsyncGenerator<T> {
  let text = "";
  for await (const piece of stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (text + piece).split("\n");
    text = lines.pop()!;
    for (const line of lines) {
      if (line.startsWith(MARK)) yield JSON.parse(line.slice(MARK.length));
      else if (line !== "") printed(line);
    }
  }
}
