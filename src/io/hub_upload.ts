/**
 * Puts a folder into a repository of a Hugging Face hub. The package `@huggingface/hub` knows the steps (which files are
 * large, where they go, what a commit is); how requests are sent, repeated and refused is here.
 */
import { pathToFileURL } from "node:url";
import { Interrupted, throwIfInterrupted } from "../base/interrupt.ts";
import { UserError } from "../base/user_error.ts";
import { reason } from "./file_bytes.ts";
import type { Environment } from "./hub_cache.ts";
import { type Clock, readRetryAfter, TemporaryFailure, Watchdog, withRetries } from "./hub_retry.ts";
import { hubEndpoint, isOffline, keptToken, webAddress } from "./hub_settings.ts";
import { shortQuote } from "./strict_json.ts";

const RETRIED = new Set([408, 425, 429, 500, 502, 503, 504]);
const MAX_REDIRECTS = 5;
const MAX_ANSWER_BYTES = 50_000_000;
/** Of what a hub says of a refusal, so much is shown. */
const MAX_WORDS = 300;

export interface Upload {
  readonly folder: string;
  /** The message of the commit. */
  readonly title: string;
  readonly isPrivate: boolean;
  /** True: a repository that is there already gets another commit, in which files of other names stay. */
  readonly mayExist: boolean;
}

export interface Uploaded {
  /** The page of the repository. */
  readonly url: string;
  readonly commit: string;
  /** Whether the repository has been made for it. */
  readonly isNew: boolean;
}

/** Sends what the package asks for, each request to the hub with the token, those to other hosts without. */
export class HubUploader {
  readonly endpoint: string;
  readonly #id: string;
  readonly #token: string;
  readonly #clock: Clock;
  readonly #note: (message: string) => void;
  readonly #signal: AbortSignal | undefined;

  /**
   * Takes `HF_ENDPOINT`, and the token of `HF_TOKEN` or of `hf auth login`; `note` hears of waits, and
   * `signal` ends an upload early by an `Interrupted`. Throws a UserError where address or token is lacking or unusable, or
   * `id` has no owner.
   */
  constructor(
    id: string,
    { env, clock, note, signal }: {
      readonly env: Environment;
      readonly clock: Clock;
      readonly note: (message: string) => void;
      readonly signal?: AbortSignal;
    },
  ) {
    const part = "[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?";
    if (!new RegExp(`^${part}/${part}$`).test(id) || id.length > 96 || /--|\.\.|\.git$/.test(id)) {
      const hint = id.includes("/")
        ? "letters, digits, ., - and _ make up both, as in someone/flowers"
        : `name its owner too, you or an organisation of yours, as in someone/${id}`;
      throw new UserError(`Cannot push to ${shortQuote(id)}: ${hint}`);
    }
    this.#id = id;
    this.endpoint = hubEndpoint(env);
    if (isOffline(env)) throw this.#refusal("HF_HUB_OFFLINE says that there is no network. Unset it");
    const token = keptToken(env);
    if (token === undefined) {
      const otherwise = env.HF_ENDPOINT ? "" : ", or log in by: hf auth login";
      throw this.#refusal(`there is no token. ${this.#makeOne} and set HF_TOKEN to it${otherwise}`);
    }
    this.#token = token;
    this.#clock = clock;
    this.#note = note;
    this.#signal = signal;
  }

  /** Makes the repository and puts the files of the folder into it; gives its page, and the commit. */
  async upload({ folder, title, isPrivate, mayExist }: Upload): Promise<Uploaded> {
    const { commit, createRepo } = await import("@huggingface/hub");
    const repo = { type: "model", name: this.#id } as const;
    const url = `${this.endpoint}/${this.#id}`;
    const common = { repo, hubUrl: this.endpoint };
    // The package wants a token; `#send` puts the right one in its place.
    const credentials = { accessToken: "hf_" };
    const visibility = isPrivate ? "private" : "public";
    const made = await this.#ask((fetch) => createRepo({ ...common, ...credentials, visibility, fetch }), {
      conflict: mayExist ? undefined : `${url} exists. Name another, or put the files into it with --update`,
    });
    try {
      const done = await this.#ask((fetch) =>
        commit({
          ...common,
          title,
          operations: [{ operation: "addOrUpdate", path: "", content: pathToFileURL(folder) }],
          useXet: false, // its chunks go to a third host, by a protocol of its own
          fetch,
        })
      );
      if (typeof done?.commit?.oid !== "string") throw this.#notAHub("it names no commit");
      return { url, commit: done.commit.oid, isNew: made !== undefined };
    } catch (error) {
      if (made === undefined || !(error instanceof UserError)) throw error;
      throw new UserError(`${error.message}. ${url} has been made, and is empty: go on with --update`);
    }
  }

  /** Does a step of the package; undefined where the hub says by 409 that it is done already, and that may be. */
  async #ask<T>(
    step: (send: typeof fetch) => Promise<T>,
    { conflict }: { readonly conflict?: string | undefined } = {
      conflict: "another commit came in between. Try again with --update",
    },
  ): Promise<T | undefined> {
    try {
      return await step(async (input, init) =>
        await withRetries(
          {
            what: `push to ${this.#id}`,
            kept: "large files that have arrived are kept",
            instead: "or push from a machine that has it",
          },
          this.#clock,
          this.#note,
          async () => {
            throwIfInterrupted(this.#signal);
            try {
              return await this.#send(input instanceof Request ? input.url : String(input), init ?? {});
            } catch (error) {
              throwIfInterrupted(this.#signal); // which may be why it failed
              throw error;
            }
          },
        )
      );
    } catch (error) {
      if (error instanceof UserError || error instanceof Interrupted) throw error;
      if (error instanceof Conflict) {
        if (conflict === undefined) return undefined;
        throw this.#refusal(conflict);
      }
      throw this.#notAHub(shortQuote(reason(error))); // the package could not make sense of the answer
    }
  }

  /** One request and its answer, of a status below 300. */
  async #send(url: string, { method = "GET", headers, body }: RequestInit): Promise<Response> {
    const home = new URL(this.endpoint).origin;
    const sent = new Headers(headers);
    using watchdog = new Watchdog(this.#clock.stallMs);
    let at = webAddress(url);
    if (at === undefined) throw this.#notAHub("it gives an address that is none of the web");
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      sent.delete("authorization");
      if (at.origin === home) sent.set("authorization", `Bearer ${this.#token}`);
      const watched = body instanceof Blob ? new WatchedBlob(body, () => watchdog.progressed()) : body;
      const asked: URL = at;
      const response = await watchdog.guard(
        at.host,
        (signal) =>
          fetch(asked, {
            method,
            headers: sent,
            body: watched ?? null,
            redirect: "manual",
            signal: AbortSignal.any([signal, ...this.#signal ? [this.#signal] : []]),
          }),
      );
      if (response.status < 300) return await this.#whole(response, watchdog);
      if (response.status > 399) throw await this.#refused(response, at, at.origin === home);
      await response.body?.cancel();
      const next = webAddress(response.headers.get("location") ?? "", at);
      // A repository that was renamed is elsewhere on the same hub; to another host, nothing is sent again.
      if (next?.origin !== at.origin) throw this.#notAHub(`${at.host} redirects to another host`);
      at = next;
    }
    throw this.#notAHub(`it redirects more than ${MAX_REDIRECTS} times`);
  }

  /** An answer of which all has come. */
  async #whole(response: Response, watchdog: Watchdog): Promise<Response> {
    const { status, headers } = response;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for await (const part of watchdog.read(response)) {
      parts.push(part.slice());
      if ((size += part.length) > MAX_ANSWER_BYTES) throw this.#notAHub("its answer is endless");
    }
    return new Response(size === 0 ? null : new Blob(parts), { status, headers });
  }

  /** What to throw for an answer that is none. */
  async #refused(response: Response, { host }: URL, isHub: boolean): Promise<Error> {
    const { status, headers } = response;
    const words = isHub ? await wordsOf(response) : "";
    if (response.body !== null && !response.bodyUsed) await response.body.cancel();
    if (RETRIED.has(status)) {
      const wait = readRetryAfter(headers.get("retry-after"), this.#clock.now());
      return new TemporaryFailure(`${host} answered ${status}`, wait);
    }
    // Addresses of storage hosts are signed for a time, and do not belong into messages.
    if (!isHub) return this.#refusal(`the storage host ${host} answered ${status}. Try again with --update`);
    if (status === 409) return new Conflict();
    if (status === 401) {
      return this.#refusal(`the hub does not know the token (401). ${this.#makeOne} and set HF_TOKEN to it`);
    }
    if (status === 403) {
      return this.#refusal(
        `the token may not write there (403${words}). The owner must be you or an organisation of yours, and the token have ` +
          `write permission: ${this.endpoint}/settings/tokens`,
      );
    }
    return this.#refusal(`the hub answered ${status}${words}`);
  }

  get #makeOne(): string {
    return `Make one with write permission on ${this.endpoint}/settings/tokens`;
  }

  #refusal(why: string): UserError {
    return new UserError(`Cannot push to ${this.#id}: ${why}`);
  }

  #notAHub(why: string): UserError {
    return new UserError(
      `${this.endpoint} does not answer as a Hugging Face hub does: ${why}. Check HF_ENDPOINT`,
    );
  }
}

/** The hub says that something is there already. */
class Conflict extends Error {}

/** The reason that a hub gives in its answer, `: "..."`, or nothing. */
async function wordsOf(response: Response): Promise<string> {
  try {
    const { error } = await response.json();
    return typeof error === "string" ? `: ${shortQuote(error.slice(0, MAX_WORDS))}` : "";
  } catch {
    return "";
  }
}

/** A body that tells when a part of it is taken, so that a long upload is not held for a connection that stands still. */
class WatchedBlob extends Blob {
  readonly #content: Blob;
  readonly #taken: () => void;

  constructor(content: Blob, taken: () => void) {
    super();
    this.#content = content;
    this.#taken = taken;
  }

  override get size(): number {
    return this.#content.size;
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#content.stream().pipeThrough(
      new TransformStream({
        transform: (part, controller) => {
          this.#taken();
          controller.enqueue(part);
        },
      }),
    );
  }
}
