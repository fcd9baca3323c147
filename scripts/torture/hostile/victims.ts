/** Processes that read files, and are killed where they take too long. */
import { answersIn } from "../answers.ts";
import type { Outcome } from "../attack.ts";
import type { Answer } from "./measured.ts";

/** Of one file: processor time, and memory above that before. */
export interface Bounds {
  readonly milliseconds: number;
  readonly bytes: number;
}

/** After so many times as long as it may take, by the clock, a file is given up. */
const GIVEN_UP = 20;
/** What a process that fails has printed last. */
const LAST_WORDS = 2000;

/**
 * Makes tries by their keys in one process after the other: what goes over its bounds is tried again in a fresh one, for what
 * others left behind, or another program that took the time, is no fault of the file.
 */
export async function inVictims(name: string, folder: string) {
  let victim = await Victim.start(name, folder);
  const attempt = async (key: number, bounds: Bounds): Promise<Outcome> => {
    const first = await victim.attack(key, bounds);
    if (!("over" in first)) return first;
    await victim.end();
    victim = await Victim.start(name, folder);
    const second = await victim.attack(key, bounds);
    return "over" in second ? { failed: second.over } : second;
  };
  return { attempt, end: () => victim.end() };
}

/** A process that reads files of one format, or bombs. */
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
  async attack(
    key: number,
    { milliseconds: most, bytes: room }: Bounds,
  ): Promise<Outcome | { readonly over: string }> {
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), GIVEN_UP * most);
    try {
      await this.#requests.write(new TextEncoder().encode(`${key}\n`));
      const { value } = await this.#answers.next();
      if (value === undefined) return { over: `the process ended: ${await this.#lastWords()}` };
      const { milliseconds, bytes, ...outcome } = value;
      if ("failed" in outcome) return outcome;
      const { how } = outcome;
      if (milliseconds > most) return { over: `${how} in ${Math.round(milliseconds)} ms` };
      return bytes > room ? { over: `${how} with ${Math.round(bytes / 2 ** 20)} MiB` } : { how };
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
