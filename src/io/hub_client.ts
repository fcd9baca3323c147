// Talks to a Hugging Face hub. The package `@huggingface/hub` knows its addresses and answers; how requests are
// sent, repeated and refused is here.
import { reason } from "./file_bytes.ts";
import { type Environment, isCommit } from "./hub_cache.ts";
import { type Clock, readRetryAfter, TemporaryFailure, Watchdog, withRetries } from "./hub_retry.ts";
import { hubEndpoint, hubToken, webAddress } from "./hub_settings.ts";
import { suggestModel } from "./known_models.ts";
import { shortQuote } from "./strict_json.ts";
import { UserError } from "../base/user_error.ts";

const MAX_REDIRECTS = 10;
const MAX_ANSWER_BYTES = 50_000_000;
const MAX_FILES = 100_000;
const NO_ADDRESS = "it leads to what is no address of the web, or to one with a name before its host";
const RETRIED = new Set([408, 425, 429, 500, 502, 503, 504]);

/** A file of a repository; `hash` is the SHA-256 of its content (64 digits) or git's SHA-1 of it (40 digits). */
export interface RemoteFile {
  readonly name: string;
  readonly size: number;
  readonly hash: string;
}

/** Says what a request is for, in words that complete "Cannot fetch ...". */
export interface Subject {
  readonly id: string;
  readonly revision: string;
  readonly file?: string;
}

export class HubClient {
  readonly endpoint: string;
  readonly #isDefault: boolean;
  readonly #token: string | undefined;
  readonly #clock: Clock;
  readonly #note: (message: string) => void;
  /** Whether the endpoint has answered anything yet. */
  #answered = false;

  /** Takes `HF_ENDPOINT` and `HF_TOKEN` from `env`; `note` hears of waits. Throws a UserError if either is unusable. */
  constructor(env: Environment, clock: Clock, note: (message: string) => void) {
    this.#isDefault = !env.HF_ENDPOINT;
    this.endpoint = hubEndpoint(env);
    this.#token = hubToken(env);
    this.#clock = clock;
    this.#note = note;
  }

  /** The commit that a branch, tag or shortened commit of a model stands for. */
  async commitOf(id: string, revision: string): Promise<string> {
    if (isCommit(revision)) return revision;
    const { modelInfo } = await import("@huggingface/hub");
    const info = await this.#ask(
      { id, revision },
      (fetch) => modelInfo({ name: id, revision, hubUrl: this.endpoint, additionalFields: ["sha"], fetch }),
    );
    if (typeof info.sha === "string" && isCommit(info.sha)) return info.sha;
    throw this.#notAHub("it names no commit");
  }

  /** The files at the top of a model's repository, by name. */
  async filesOf(id: string, commit: string): Promise<Map<string, RemoteFile>> {
    const { listFiles } = await import("@huggingface/hub");
    return await this.#ask({ id, revision: commit }, async (fetch) => {
      const files = new Map<string, RemoteFile>();
      const repo = { type: "model", name: id } as const;
      for await (const entry of listFiles({ repo, revision: commit, hubUrl: this.endpoint, fetch })) {
        if (entry.type !== "file") continue;
        const { path: name, size } = entry;
        const hash = entry.lfs?.oid ?? entry.oid;
        // Hashes become file names, so they must be nothing else.
        const sound = typeof name === "string" && Number.isSafeInteger(size) && size >= 0 &&
          typeof hash === "string" && (entry.lfs ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/).test(hash);
        if (!sound) throw this.#notAHub(`it gives no size and hash for ${shortQuote(String(name))}`);
        files.set(name, { name, size, hash });
        if (files.size > MAX_FILES) throw this.#notAHub(`it lists more than ${MAX_FILES} files`);
      }
      return files;
    });
  }

  /** The address from which a file of a commit is downloaded. */
  fileUrl(id: string, commit: string, name: string): string {
    return `${this.endpoint}/${id}/resolve/${commit}/${encodeURIComponent(name)}`;
  }

  /** Repeats `action` after temporary failures of the network; it calls `progressed` when it got somewhere. */
  retrying<T>(subject: Subject, action: (progressed: () => void) => Promise<T>): Promise<T> {
    const attempt = {
      what: `fetch ${this.#describe(subject)}`,
      kept: "what has arrived is kept",
      instead: "set HF_HOME to a cache that has the model, or give the path of a folder",
    };
    return withRetries(attempt, this.#clock, this.#note, action);
  }

  /**
   * Sends one GET and hands the answer (of status 200, 206 or 416) with its body to `use`. The token goes to the
   * endpoint only, wherever the hub redirects to. Throws a TemporaryFailure if trying again may help, else a UserError.
   */
  async request<T>(
    subject: Subject,
    url: string,
    headers: HeadersInit,
    use: (response: Response, body: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    using watchdog = new Watchdog(this.#clock.stallMs);
    const response = await this.#follow(url, headers, watchdog).catch((error) => {
      const isOffline = error instanceof TemporaryFailure && error.neverMet && !this.#answered;
      throw isOffline ? this.#unreachable(subject, error) : error;
    });
    try {
      await this.#checkStatus(subject, response);
      return await use(response, watchdog.read(response));
    } finally {
      if (response.body !== null && !response.body.locked) await response.body.cancel().catch(() => {});
    }
  }

  async #follow(url: string, headers: HeadersInit, watchdog: Watchdog): Promise<Response> {
    const home = new URL(this.endpoint).origin;
    let at = webAddress(url);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      if (at === undefined) throw this.#notAHub(NO_ADDRESS);
      const sent = new Headers(headers);
      sent.set("accept-encoding", "identity"); // offsets and sizes are those of the file
      if (this.#token !== undefined && at.origin === home) sent.set("authorization", `Bearer ${this.#token}`);
      const asked = at;
      const response = await watchdog.guard(
        at.host,
        (signal) => fetch(asked, { headers: sent, redirect: "manual", signal }),
      );
      this.#answered = true;
      const location = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || location === null) {
        // A storage host refuses when the address the hub signed has expired; a new try gets a new address.
        const refused = at.origin !== home && response.status >= 400 && response.status !== 416;
        if (!refused) return response;
        await response.body?.cancel();
        throw new TemporaryFailure(
          `the storage host ${at.host} answered ${response.status}`,
          this.#told(response),
        );
      }
      await response.body?.cancel();
      at = webAddress(location, at);
    }
    throw this.#notAHub(`it redirects more than ${MAX_REDIRECTS} times`);
  }

  /** Sends a request of the package: read whole, tried again where that may help, without its own error handling. */
  async #ask<T>(subject: Subject, call: (send: typeof fetch) => Promise<T>): Promise<T> {
    const send = async (input: string | URL | Request, init?: RequestInit) => {
      const url = input instanceof Request ? input.url : String(input);
      return await this.retrying(
        subject,
        () =>
          this.request(subject, url, init?.headers ?? {}, async (response, body) => {
            const parts: Uint8Array<ArrayBuffer>[] = [];
            let size = 0;
            for await (const part of body) {
              parts.push(part.slice());
              if ((size += part.length) > MAX_ANSWER_BYTES) throw this.#notAHub("its answer is endless");
            }
            return new Response(new Blob(parts), { headers: response.headers });
          }),
      );
    };
    try {
      return await call(send);
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw this.#notAHub(shortQuote(reason(error))); // the package could not make sense of the answer
    }
  }

  async #checkStatus(subject: Subject, response: Response): Promise<void> {
    const { status, headers } = response;
    if (status === 200 || status === 206 || status === 416) return;
    await response.body?.cancel();
    if (RETRIED.has(status)) {
      throw new TemporaryFailure(`${this.endpoint} answered ${status}`, this.#told(response));
    }
    throw new UserError(
      `Cannot fetch ${this.#describe(subject)}: ${
        this.#refusal(subject, status, headers.get("x-error-code"))
      }`,
    );
  }

  /** Says why the hub refuses and what to do. The hub answers 401 as well for what it does not have. */
  #refusal({ id, revision, file }: Subject, status: number, code: string | null): string {
    const page = `${this.endpoint}/${id}`;
    const spelling = `"organisation/name", as in google-bert/bert-base-uncased`;
    const access = `accept its terms on ${page}, make a token on ${this.endpoint}/settings/tokens`;
    if (status === 401 || status === 403) {
      const gated = code === "GatedRepo";
      const what = gated ? "the model is gated" : "there is no such model, or it is private or gated";
      const check = gated ? "" : `Check the spelling (${spelling})${suggestModel(id) || "."} `;
      return this.#token === undefined
        ? `${what} (${status}). ${check}To be let in, ${access} and set HF_TOKEN to it`
        : `${what} for the token in HF_TOKEN (${status}). ${check}To be let in, ${access} that may read it, and ` +
          "set HF_TOKEN to that";
    }
    if (status === 404 && file !== undefined) return `commit ${revision} does not have the file (404)`;
    if (status === 404 && code === "RevisionNotFound") {
      return `the model has no revision ${
        shortQuote(revision)
      } (404). Its branches, tags and commits are listed ` +
        `on ${page}/tree/main`;
    }
    if (status === 404) {
      const also = revision === "main" ? "" : `, or it has no revision ${shortQuote(revision)}`;
      return `there is no such model${also} (404). Check the spelling (${spelling}); a local folder is given by ` +
        `its path${suggestModel(id)}`;
    }
    return `the hub answered ${status}. Check the id and HF_ENDPOINT`;
  }

  /** Trying again does not help where not even the first request gets through: most often, the machine has no network. */
  #unreachable(subject: Subject, { message }: TemporaryFailure): UserError {
    const which = this.#isDefault ? "set HF_ENDPOINT to a hub that can be reached" : "check HF_ENDPOINT";
    return new UserError(
      `Cannot fetch ${
        this.#describe(subject)
      }, for it cannot be reached: ${message}. Check the network or ${which}; ` +
        "without a network, set HF_HOME to a cache that has the model, or give the path of a local folder",
    );
  }

  #describe({ id, revision, file }: Subject): string {
    return file === undefined
      ? `${id} (revision ${revision}) from ${this.endpoint}`
      : `${file} of ${id} from ${this.endpoint}`;
  }

  #told(response: Response): number | undefined {
    return readRetryAfter(response.headers.get("retry-after"), this.#clock.now());
  }

  #notAHub(why: string): UserError {
    return new UserError(
      `${this.endpoint} does not answer as a Hugging Face hub does: ${why}. Check HF_ENDPOINT`,
    );
  }
}
