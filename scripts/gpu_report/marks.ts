/** Marks on standard error, by which a process tells its parent what the lines between them, of others, are about. */

export type Mark =
  | { readonly adapter: string }
  | { readonly kernel: { readonly name: string; readonly operations: number } }
  | { readonly end: true }
  /** Of the kernel last named. */
  | { readonly error: string };

const SIGN = "\u00a7unis ";

export function writeMark(mark: Mark): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`\n${SIGN}${JSON.stringify(mark)}\n`));
}

/** The marks of a stream, each with the text since the one before it. */
export async function* readMarks(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<{ mark: Mark | undefined; before: string }> {
  let text = "";
  let searched = 0;
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (;;) {
      const start = text.indexOf(`\n${SIGN}`, searched);
      const end = start < 0 ? -1 : text.indexOf("\n", start + 1);
      if (end < 0) {
        searched = Math.max(0, start < 0 ? text.length - SIGN.length - 1 : start);
        break;
      }
      yield {
        mark: JSON.parse(text.slice(start + 1 + SIGN.length, end)) as Mark,
        before: text.slice(0, start),
      };
      text = text.slice(end + 1);
      searched = 0;
    }
  }
  yield { mark: undefined, before: text };
}
