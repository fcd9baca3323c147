/** Reads text in chunks, for files that are larger than memory, in any encoding. */
import { UserError } from "../base/user_error.ts";
import { openRegularFile } from "./file_bytes.ts";

/** Bytes read at once. Rows that wait keep all of the text that they were read from in memory, so it is no more than needed. */
const CHUNK = 1 << 16;

/**
 * The text of a file, or of standard input where the path is "-", in pieces that break anywhere between characters,
 * without a byte order mark. `encoding` is a label of the Encoding Standard, such as "utf-16" or "latin1". Throws a
 * UserError where the file cannot be read, and one that names the line where its bytes are not of that encoding.
 */
export async function* textChunks(path: string, encoding = "utf-8"): AsyncGenerator<string> {
  using file = path === "-" ? undefined : openRegularFile(path);
  file?.seekSync(0, Deno.SeekMode.Start); // short files have been looked into
  const source = file ?? Deno.stdin;
  const bytes = new Uint8Array(CHUNK);
  let decoder: ChunkDecoder | undefined;
  for (;;) {
    const count = await source.read(bytes);
    if (count === null) break;
    const chunk = bytes.subarray(0, count);
    decoder ??= new ChunkDecoder(path === "-" ? "standard input" : path, encoding, chunk);
    yield decoder.decode(chunk);
  }
  if (decoder !== undefined) yield decoder.end();
}

/** Whether a label names an encoding. */
export function isEncoding(label: string): boolean {
  try {
    return new TextDecoder(label) !== undefined;
  } catch {
    return false;
  }
}

/** Decodes a file chunk by chunk, and knows the line at which it cannot go on. */
class ChunkDecoder {
  readonly #name: string;
  readonly #encoding: string;
  readonly #decoder: TextDecoder;
  #line = 1;
  /** The beginning of a character that the last chunk ended within. */
  #cut = new Uint8Array();

  /** `start` are the first bytes of the file, which may bear the mark of another encoding. */
  constructor(name: string, encoding: string, start: Uint8Array) {
    const { encoding: label } = new TextDecoder(encoding);
    const marked = markOf(start);
    if (marked !== undefined && familyOf(marked) !== familyOf(label)) {
      const other = familyOf(marked);
      throw new UserError(
        `Cannot read ${name}: it is ${other.toUpperCase()}, not ${encoding}: name its encoding (data.encoding=${other}, of predict ` +
          `--encoding ${other}), or save it as UTF-8`,
      );
    }
    // NUL stands in no text, but in UTF-16 without a mark and in binary files.
    if (familyOf(label) !== "utf-16" && start.subarray(0, 4096).includes(0)) {
      throw new UserError(
        `Cannot read ${name}: it is UTF-16 or no text at all: save it as UTF-8, or name its encoding (data.encoding=utf-16, of ` +
          "predict --encoding utf-16)",
      );
    }
    this.#name = name;
    this.#encoding = encoding;
    this.#decoder = new TextDecoder(marked ?? label, { fatal: true });
  }

  decode(chunk: Uint8Array<ArrayBuffer>): string {
    try {
      const text = this.#decoder.decode(chunk, { stream: true });
      for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#line++;
      this.#cut = beginningAtEnd(chunk);
      return text;
    } catch {
      throw this.#invalid(chunk);
    }
  }

  /** What is left, which is a character cut short if anything. */
  end(): string {
    try {
      return this.#decoder.decode();
    } catch {
      throw this.#invalid(new Uint8Array());
    }
  }

  #invalid(chunk: Uint8Array): UserError {
    const decoder = new TextDecoder(this.#decoder.encoding, { fatal: true });
    let line = this.#line;
    try {
      for (const bytes of [this.#cut, chunk]) {
        for (const byte of bytes) if (decoder.decode(Uint8Array.of(byte), { stream: true }) === "\n") line++;
      }
    } catch {
      // This is the line.
    }
    const isUtf8 = this.#decoder.encoding === "utf-8";
    const advice = isUtf8
      ? "save the file as UTF-8, or name its encoding, such as data.encoding=latin1 (of predict --encoding latin1)"
      : "name the encoding that it has by data.encoding (of predict --encoding), or save it as UTF-8";
    return new UserError(
      `Cannot read ${this.#name}: line ${line} is not valid ${isUtf8 ? "UTF-8" : this.#encoding}: ${advice}`,
    );
  }
}

/** The encoding that a byte order mark tells of. */
function markOf([first, second, third]: Uint8Array): string | undefined {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  return first === 0xef && second === 0xbb && third === 0xbf ? "utf-8" : undefined;
}

function familyOf(label: string): string {
  return label.startsWith("utf-16") ? "utf-16" : label;
}

/** The bytes at the end of a chunk that begin a character of UTF-8 that may go on in the next. */
function beginningAtEnd(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  const at = chunk.findLastIndex((byte) => (byte & 0xc0) !== 0x80);
  return at < 0 || chunk[at]! < 0xc0 ? new Uint8Array() : chunk.slice(at);
}
