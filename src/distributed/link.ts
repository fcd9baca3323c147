/** A connection to another process of this host, by which whole messages come and go. */

/** The other process has closed the connection, or has ended. */
export class LinkClosed extends Error {
  override name = "LinkClosed";
}

/** Each message has its length in bytes before it. Errors are `LinkClosed` where the other side is gone. */
export class Link {
  readonly #connection: Deno.Conn;
  #sent: Promise<void> = Promise.resolve();

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
    if ("setNoDelay" in connection) (connection as Deno.TcpConn).setNoDelay(true);
  }

  /** Connects to a port of this host. Throws `LinkClosed` where nobody listens there, or no longer. */
  static async to(port: number): Promise<Link> {
    try {
      return new Link(await Deno.connect({ hostname: LOOPBACK, port }));
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) closed();
      throw error;
    }
  }

  /** Sends bytes after all that were sent before; they must stay as they are until it is done. */
  send(bytes: Uint8Array): Promise<void> {
    const own = this.#sent.then(async () => {
      await this.#write(new Uint8Array(Uint32Array.of(bytes.length).buffer));
      await this.#write(bytes);
    });
    this.#sent = own.catch(() => {}); // those who wait for it are told
    return own;
  }

  /** The next message. Throws an Error where it is longer than `most` bytes. */
  async receive(most = Infinity): Promise<Uint8Array<ArrayBuffer>> {
    const length = await this.#length();
    if (length > most) throw new Error(`A message of ${length} bytes is too long: at most ${most}`);
    return await this.#read(new Uint8Array(length));
  }

  /** The next message, which has as many bytes as the array that it fills. Throws an Error where it has not. */
  async receiveInto(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const length = await this.#length();
    if (length !== bytes.length) throw new Error(`Expected ${bytes.length} bytes, got ${length}`);
    await this.#read(bytes);
  }

  /** Sends what JSON can hold. */
  sendValue(value: unknown): Promise<void> {
    return this.send(new TextEncoder().encode(JSON.stringify(value)));
  }

  /** A value that was sent. */
  async receiveValue(most?: number): Promise<unknown> {
    return JSON.parse(new TextDecoder().decode(await this.receive(most)));
  }

  close(): void {
    try {
      this.#connection.close();
    } catch {
      // It was closed by the other side.
    }
  }

  async #length(): Promise<number> {
    return new DataView((await this.#read(new Uint8Array(4))).buffer).getUint32(0, LITTLE_ENDIAN);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += await this.#connection.write(bytes.subarray(done)).catch(closed);
    }
  }

  async #read(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    for (let done = 0; done < bytes.length;) {
      done += await this.#connection.read(bytes.subarray(done)).catch(closed) ?? closed();
    }
    return bytes;
  }
}

/** Numbers are those of one machine. */
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
/** No other host reaches what is listened at here. */
export const LOOPBACK = "127.0.0.1";

function closed(): never {
  throw new LinkClosed("The connection was closed");
}
