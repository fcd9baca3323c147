/** Files of every format that is read, mutated: read, or refused in the words of the program, in bounded memory and time. */
import type { Random } from "../../../src/base/random.ts";
import type { AttackClass, Outcome } from "../attack.ts";
import { FORMATS } from "./formats.ts";
import { ANSWER, type Answer } from "./measured.ts";

/** Of one file, in which an image may have 4 Mi pixels; memory is above that before. */
export const MOST_MILLISECONDS = 2000, MOST_BYTES = 512 << 20;
/** After so long without an answer a process is killed. */
const GIVEN_UP = 15_000;
/** What a process that fails has printed last. */
const LAST_WORDS = 2000;

export const MUTATIONS: readonly AttackClass[] = FORMATS.map(({ name }) => ({
  name: `mutated ${name}`,
  what: `Mutated ${name} is read, or refused in one line, in ${MOST_MILLISECONDS / 1000} s and ${
    MOST_BYTES >> 20
  } MiB.`,
  tries: { long: 20_000, short: 200 },
  async prepare(folder) {
    let victim = await Victim.start(name, folder);
    const attack = async (_: number, random: Random) => {
      const key = Math.floor(2 ** 32 * random.uniform());
      const first = await victim.attack(key);
      if (!("over" in first)) return first;
      // What others left behind, or another program that took the time, is no fault of this file.
      await victim.end();
      victim = await Victim.start(name, folder);
      const second = await victim.attack(key);
      return "over" in second ? { failed: second.over } : second;
    };
    return Object.assign(attack, { [Symbol.asyncDispose]: () => victim.end() });
  },
}));

/** A process that reads files of one format. */
class Victim {
  readonly #process: Deno.ChildProcess;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: AsyncGenerator<Answer>;
  readonly #errors: Promise<string>;

  private constructor(format: string, folder: string) {
    const path = new URL("victim.ts", import.meta.url).pathname;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", path, format, folder],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#requests = this.#process.stdin.getWriter();
    this.#answers = answersIn(this.#process.stdout);
    this.#errors = new Response(this.#process.stderr).text();
  }

  static async start(format: string, base: string): Promise<Victim> {
    const victim = new Victim(format, await Deno.makeTempDir({ dir: base }));
    const { value } = await victim.#answers.next();
    if (value !== undefined) return victim;
    throw new Error(`the process ended before the first file: ${await victim.#lastWords()}`);
  }

  /** Reads one file; `over` says which bound it went over. */
  async attack(key: number): Promise<Outcome | { readonly over: string }> {
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), GIVEN_UP);
    try {
      await this.#requests.write(new TextEncoder().encode(`${key}\n`));
      const { value } = await this.#answers.next();
      if (value === undefined) return { over: `the process ended: ${await this.#lastWords()}` };
      const { milliseconds, bytes, ...outcome } = value;
      if ("failed" in outcome) return outcome;
      const { how } = outcome;
      if (milliseconds > MOST_MILLISECONDS) return { over: `${how} in ${Math.round(milliseconds)} ms` };
      return bytes > MOST_BYTES ? { over: `${how} with ${bytes >> 20} MiB` } : { how };
    } catch (error) {
      return { over: `the process ended: ${error} ${await this.#lastWords()}` };
    } finally {
      clearTimeout(timer);
    }
  }

  async end(): Promise<void> {
    await this.#requests.close().catch(() => {});
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#process.status;
  }

  async #lastWords(): Promise<string> {
    const { code, signal } = await this.#process.status;
    return `${signal ?? code} ${(await this.#errors).slice(-LAST_WORDS)}`;
  }
}

async function* answersIn(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<Answer> {
  let text = "";
  for await (const piece of stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (text + piece).split("\n");
    text = lines.pop()!;
    for (const line of lines) if (line.startsWith(ANSWER)) yield JSON.parse(line.slice(ANSWER.length));
  }
}
