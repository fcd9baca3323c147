/** Two network namespaces with an address each, joined by a pair of virtual cards: two hosts whose link can be cut. */

/** Of names of namespaces, which all programs of a machine share: one a process. */
const ID = Deno.pid % 100_000;

/** What the card of each host is called. */
export const CARD = "unis0";

export class TwoHosts implements Disposable {
  /** The words before a command that runs it on one of the hosts. */
  readonly on: readonly (readonly string[])[];
  readonly #names = [`unis-a${ID}`, `unis-b${ID}`];

  /** Throws where this process may not make them. */
  constructor() {
    this.on = this.#names.map((name) => ["ip", "netns", "exec", name]);
    const [a, b] = this.#names;
    for (const name of this.#names) ip("netns", "add", name);
    try {
      ip("link", "add", CARD, "netns", a!, "type", "veth", "peer", "name", CARD, "netns", b!);
      for (const [i, name] of this.#names.entries()) {
        ip("-n", name, "address", "add", `10.77.0.${i + 1}/24`, "dev", CARD);
        ip("-n", name, "link", "set", CARD, "up");
        ip("-n", name, "link", "set", "lo", "up");
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  cut(): void {
    ip("-n", this.#names[0]!, "link", "set", CARD, "down");
  }

  join(): void {
    ip("-n", this.#names[0]!, "link", "set", CARD, "up");
  }

  [Symbol.dispose](): void {
    for (const name of this.#names) ip("netns", "delete", name);
  }
}

function ip(...args: string[]): void {
  const { success, stderr } = new Deno.Command("ip", { args, stdout: "null", stderr: "piped" }).outputSync();
  if (!success) throw new Error(`ip ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}
