/** Small changes to the bytes of a file, of the kinds that find what readers take for granted. */
import { joinedBytes } from "../../../src/base/joined_bytes.ts";
import type { Random } from "../../../src/base/random.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Numbers at which lengths, counts and offsets turn over. */
const EDGES = [0, 1, -1, 0x7f, 0xff, 0x7fff, 0xffff, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53, 2 ** 63];

const utf8 = new TextEncoder();

/** What means something to texts of several formats. */
const TEXTS: readonly Bytes[] = [
  ...[
    "\0",
    '"',
    "'",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\n",
    "\r",
    "\u2028",
    "\ufeff",
    "é",
    "😀",
    "\u202e",
  ],
  ...["null", "true", "-0", "1e999", "NaN", "9007199254740993", "-1", '""', "[]", "{}", "../../x", "C:\\x"],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "length",
    '"__proto__":',
    "\\u0000",
    "\\ud800",
  ],
  ...["&a [*a,*a]", "<<: *a", "!!js/function", "=1+1", "<script>", "\x1b[2J", "a".repeat(5000)],
  ...'[ { "a": ( ,'.split(" ").map((one) => one.repeat(3000)),
].map((text) => utf8.encode(text));
const NO_TEXT: readonly Bytes[] = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8, 0x88], [0xe2, 0x82]]
  .map((bytes) => Uint8Array.from(bytes));

/**
 * One to four edits of a file: bits and bytes changed, pieces cut off, left out, doubled and swapped, numbers set to edges,
 * and in texts a word in place of another. `words` mean something to the format, such as the signatures of its chunks.
 */
export function mutate(seed: Uint8Array, random: Random, words: readonly Uint8Array[] = []): Bytes {
  let file: Bytes = new Uint8Array(seed);
  const below = (count: number) => Math.floor(random.uniform() * count);
  const edits = below(2) === 0 ? 1 : 2 + below(3);
  for (let i = 0; i < edits; i++) file = EDITS[below(EDITS.length)]!(file, below, words);
  return file;
}

type Edit = (file: Bytes, below: (count: number) => number, words: readonly Uint8Array[]) => Bytes;

const EDITS: readonly Edit[] = [
  (file, below) => changed(file, below(file.length), (byte) => byte ^ 1 << below(8)),
  (file, below) => changed(file, below(file.length), () => below(256)),
  // Most formats say first what they are going to do.
  (file, below) => changed(file, below(Math.min(64, file.length)), () => below(256)),
  (file, below) => file.slice(0, below(file.length + 1)),
  (file, below) => {
    const [start, end] = piece(file, below);
    return joinedBytes([file.subarray(0, start), file.subarray(end)]);
  },
  (file, below) => {
    const [start, end] = piece(file, below);
    return joinedBytes([file.subarray(0, end), file.subarray(start)]);
  },
  (file, below) => {
    const [a, b, c, d] = [...piece(file, below), ...piece(file, below)].sort((one, other) => one - other);
    const part = (from: number, to: number) => file.subarray(from, to);
    return joinedBytes([part(0, a!), part(c!, d!), part(b!, c!), part(a!, b!), part(d!, file.length)]);
  },
  (file, below) => {
    const bytes = new Uint8Array(2 ** (1 + below(3)));
    const view = new DataView(bytes.buffer), edge = EDGES[below(EDGES.length)]!, little = below(2) === 0;
    if (bytes.length === 2) view.setUint16(0, edge, little);
    else if (bytes.length === 4) view.setUint32(0, edge, little);
    else view.setBigUint64(0, BigInt(edge), little);
    return written(file, below(file.length), bytes);
  },
  (file, below, words) => {
    const all = [...TEXTS, ...NO_TEXT, ...words, ...words];
    const word = all[below(all.length)]!, at = below(file.length + 1);
    return below(2) === 0
      ? written(file, at, word)
      : joinedBytes([file.subarray(0, at), word, file.subarray(at)]);
  },
  // A number or a word of a text in the place of another, or of something else.
  (file, below) => {
    const found = wordsOf(file);
    if (found.length === 0) return file;
    const [start, end] = found[below(found.length)]!, [from, to] = found[below(found.length)]!;
    const word = below(2) === 0
      ? file.subarray(from, to)
      : below(2) === 0
      ? utf8.encode(String(EDGES[below(EDGES.length)]))
      : TEXTS[below(TEXTS.length)]!;
    return joinedBytes([file.subarray(0, start), word, file.subarray(end)]);
  },
];

function changed(file: Bytes, at: number, change: (byte: number) => number): Bytes {
  if (at < file.length) file[at] = change(file[at]!);
  return file;
}

function written(file: Bytes, at: number, bytes: Uint8Array): Bytes {
  return joinedBytes([file.subarray(0, at), bytes, file.subarray(at + bytes.length)]);
}

/** Where a piece begins and ends, mostly a short one. */
function piece(file: Bytes, below: (count: number) => number): [start: number, end: number] {
  const start = below(file.length + 1);
  const most = below(3) === 0 ? file.length : 16;
  return [start, Math.min(file.length, start + 1 + below(most))];
}

/** The places of what looks like a word, a number or a quoted text. */
function wordsOf(file: Bytes): [start: number, end: number][] {
  const text = new TextDecoder("latin1").decode(file.subarray(0, 1 << 16));
  return Array.from(text.matchAll(/"[^"\n]{0,80}"|[\w.+-]{1,40}/g), ({ 0: { length }, index }) => [
    index,
    index + length,
  ]);
}
