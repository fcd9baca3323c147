// Gets over failures of the network that pass: waits, tries again, and notices that nothing arrives any more.
import { reason } from "./file_bytes.ts";
import { UserError } from "../base/user_error.ts";

/** Failures in a row, without any progress between them, after which one gives up. */
const MAX_FAILURES = 5;
/** A server that asks to wait longer than this is not waited for. */
const MAX_WAIT_SECONDS = 300;

/** The clock to wait by; tests have one of their own, so that they need not wait. */
export interface Clock {
  now(): number;
  sleep(ms: number): Promise<void>;
  /** A connection over which nothing comes for so long is dropped. */
  readonly stallMs: number;
}

export const SYSTEM_CLOCK: Clock = {
  now: Date.now,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  stallMs: 30_000,
};

/** A failure after which the same request may succeed, after `waitSeconds` if the server said so. */
export class TemporaryFailure extends Error {
  override name = "TemporaryFailure";

  /** `neverMet`: no connection came about. */
  constructor(message: string, readonly waitSeconds?: number, readonly neverMet = false) {
    super(message);
  }
}

/** What is tried, for messages. */
export interface Attempt {
  /** Completes "Cannot ...". */
  readonly what: string;
  /** Says what need not be done again. */
  readonly kept: string;
  /** Says what to do where there is no network. */
  readonly instead: string;
}

/**
 * Runs `action` again after each TemporaryFailure, with pauses between that the server asks for or that grow longer;
 * `progressed` starts the count of failures anew. Throws a UserError when it gives up.
 */
export async function withRetries<T>(
  attempt: Attempt,
  clock: Clock,
  note: (message: string) => void,
  action: (progressed: () => void) => Promise<T>,
): Promise<T> {
  for (let failures = 0;;) {
    try {
      return await action(() => failures = 0);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw notAllowed(attempt, error);
      if (!(error instanceof TemporaryFailure)) throw error;
      failures++;
      const wait = error.waitSeconds ?? 2 ** (failures - 1);
      if (wait > MAX_WAIT_SECONDS) {
        throw new UserError(
          `Cannot ${attempt.what}: ${error.message} and asks to wait ${wait} s. Try again after that`,
        );
      }
      if (failures === MAX_FAILURES) {
        throw new UserError(
          `Cannot ${attempt.what}: ${error.message}, ${failures} times in a row. Try again later (${attempt.kept}), ` +
            "or check the connection and HF_ENDPOINT",
        );
      }
      note(`${error.message}; trying again in ${wait} s`);
      await clock.sleep(wait * 1000);
    }
  }
}

/** Trying again does not help a program that was started without the network. */
function notAllowed({ what, instead }: Attempt, { message }: Error): UserError {
  const host = message.match(/net access to "([^"]+)"/)?.[1];
  return new UserError(
    `Cannot ${what}: the program was started without access to ${
      host ?? "the network"
    }. Start it with --allow-net, ${instead}`,
  );
}

/** The seconds that a Retry-After header (seconds or a date) asks to wait; undefined if it says nothing. */
export function readRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}

/** Ends a connection over which nothing comes, and makes TemporaryFailures of its errors. */
export class Watchdog implements Disposable {
  readonly #stallMs: number;
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(stallMs: number) {
    this.#stallMs = stallMs;
  }

  /** Waits for something from `host`, not longer than allowed. */
  async guard<T>(host: string, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.progressed();
    try {
      return await start(this.#controller.signal);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      const { aborted } = this.#controller.signal;
      const fault = connectionFault(error);
      const [, whyUnmet] = fault.split("client error (Connect): ");
      const message = aborted
        ? `nothing came from ${host} for ${this.#stallMs / 1000} s`
        : `the connection to ${host} failed (${whyUnmet ?? fault})`;
      throw new TemporaryFailure(
        message,
        undefined,
        aborted || whyUnmet !== undefined || fault.includes("are blocked"),
      );
    } finally {
      clearTimeout(this.#timer);
    }
  }

  /** Gives what is waited for as long again: something has happened. */
  progressed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), this.#stallMs);
  }

  /** The body of a response, piece by piece; a cut or stalled connection is a TemporaryFailure. */
  async *read(response: Response): AsyncGenerator<Uint8Array> {
    if (response.body === null) return;
    const reader = response.body.getReader();
    const host = URL.parse(response.url)?.host ?? "the server";
    try {
      for (;;) {
        const { done, value } = await this.guard(host, () => reader.read());
        if (done) return;
        yield value;
      }
    } finally {
      await reader.cancel().catch(() => {}); // nothing to do if all was read; else the rest is not wanted
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/** Says why a connection failed, without addresses: those of storage hosts are signed and do not belong into messages. */
function connectionFault(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return reason(cause).replace(/ for url \(\S*\)/, "");
}
