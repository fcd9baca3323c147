/** The bytes of a pickle, taken from the front. */
import { TorchFault } from "./fault.ts";

/** The longest line of the opcodes that are written as text, such as a module and a name. */
const MAX_LINE = 1000;

/** Every method throws a TorchFault where the bytes end before what it takes. */
export class PickleInput {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = position;
  }

  take(length: number): Uint8Array {
    return this.#bytes.subarray(this.#advance(length), this.position);
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** A length of eight bytes, which no whole file has the half of. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  /** A float as pickles have it, the only numbers in big-endian order. */
  f64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  utf8(length: number): string {
    try {
      return UTF8.decode(this.take(length));
    } catch (error) {
      if (error instanceof TorchFault) throw error;
      throw new TorchFault("its pickle has a text that is not valid UTF-8");
    }
  }

  /** The text of Python 2, whose bytes have no encoding; names of tensors are ASCII. */
  latin1(length: number): string {
    return LATIN1.decode(this.take(length));
  }

  /** The text up to a newline, which is taken with it. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position);
    if (end < 0) throw ended();
    if (end - this.position > MAX_LINE) throw new TorchFault("its pickle has a line of over 1000 bytes");
    const line = this.latin1(end - this.position);
    this.position++;
    return line;
  }

  /** A signed integer of `length` bytes in little-endian order; a number where that is exact. */
  long(length: number): number | bigint {
    const bytes = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = value << 8n | BigInt(bytes[i]!);
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  /** The place before what is taken. */
  #advance(length: number): number {
    const from = this.position;
    if (length > this.#bytes.length - from) throw ended();
    this.position += length;
    return from;
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LATIN1 = new TextDecoder("latin1");

const ended = () => new TorchFault("its pickle ends in the middle: the file is damaged");
