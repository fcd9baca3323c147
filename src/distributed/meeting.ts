/** How processes of one host that `unis launch` started come to know each other. */
import { Link, LOOPBACK } from "./link.ts";

/** Where a rank meets the others. `key` proves that it is one of them, as anybody on the host may connect. */
export interface Place {
  readonly rank: number;
  readonly size: number;
  readonly port: number;
  readonly key: string;
}

/** The first message of a rank, to its launcher and to other ranks. */
interface Introduction {
  readonly key: string;
  readonly rank: number;
  /** Where it listens. */
  readonly port: number;
}

/** Of a first message, which may be a stranger's, in bytes. */
const LONGEST_INTRODUCTION = 1024;

/** The side of the launcher: it tells the ranks where the others are, and stays connected, so that they see when it is gone. */
export class Meeting implements Disposable {
  readonly #listener = listen();
  readonly #key = crypto.randomUUID();
  readonly #links: Link[] = [];
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
    // It has no end where a rank never comes, which then has ended, or else is missed by the others.
    this.#introduce().catch(() => {});
  }

  /** What a rank is told of it. */
  placeOf(rank: number): Place {
    return { rank, size: this.#size, port: portOf(this.#listener), key: this.#key };
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const link of this.#links) link.close();
  }

  async #introduce(): Promise<void> {
    const ranks = await met(this.#listener, this.#key, this.#size, (link) => this.#links.push(link));
    const ports = Array.from({ length: this.#size }, (_, rank) => ranks.get(rank)!.port);
    await Promise.all(this.#links.map((link) => link.sendValue(ports)));
  }
}

/** The side of a rank: connections to the others, by their ranks, and to the launcher. Throws `LinkClosed` where one is gone. */
export async function meet(
  { rank, size, port, key }: Place,
): Promise<{ links: ReadonlyMap<number, Link>; launcher: Link }> {
  const listener = listen();
  try {
    const introduction: Introduction = { key, rank, port: portOf(listener) };
    const launcher = await Link.to(port);
    await launcher.sendValue(introduction);
    const ports = await launcher.receiveValue() as number[];
    const links = new Map<number, Link>();
    // Ranks connect to those before them, and those after connect to them.
    const later = met(listener, key, size - 1 - rank, (link, { rank }) => links.set(rank, link));
    for (const [other, port] of ports.slice(0, rank).entries()) {
      const link = await Link.to(port);
      links.set(other, link);
      await link.sendValue(introduction);
    }
    await later;
    return { links, launcher };
  } finally {
    listener.close();
  }
}

const listen = () => Deno.listen({ hostname: LOOPBACK, port: 0 });
const portOf = (listener: Deno.TcpListener) => listener.addr.port;

/** Waits for so many that connect and have the key; `greet` is called with each of them. Others are turned away. */
function met(
  listener: Deno.Listener,
  key: string,
  count: number,
  greet: (link: Link, introduction: Introduction) => void,
): Promise<ReadonlyMap<number, Introduction>> {
  const ranks = new Map<number, Introduction>();
  const { promise, resolve, reject } = Promise.withResolvers<typeof ranks>();
  if (count === 0) resolve(ranks);
  const hear = async (link: Link) => {
    const introduction = await link.receiveValue(LONGEST_INTRODUCTION).catch(() => undefined) as
      | Introduction
      | undefined;
    if (introduction?.key !== key) return link.close();
    ranks.set(introduction.rank, introduction);
    greet(link, introduction);
    if (ranks.size === count) resolve(ranks);
  };
  const accept = async () => {
    for (;;) hear(new Link(await listener.accept()));
  };
  accept().catch(reject); // once nobody listens any more
  return promise;
}
