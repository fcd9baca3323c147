/** Answers over HTTP. */
import { basename, resolve } from "node:path";
import { type Context, Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { BadRow } from "../../data/index/index_builder.ts";
import { DeviceLost, OutOfMemory } from "../../gpu/device_errors.ts";
import type { Temperatures } from "../../metrics/calibration.ts";
import { answerBatch, calibrated, whyNoAnswer } from "../predict/answers.ts";
import { InputReader } from "../predict/inputs.ts";
import type { PredictSession } from "../predict/session.ts";
import { saidOf } from "../predict/writers.ts";
import { BadRequest } from "./bad_request.ts";
import { Batcher, BatchFailed, Closed, QueueFull } from "./batcher.ts";
import { Measurements } from "./measurements.ts";
import { openApi } from "./openapi.ts";
import { PAGE_POLICY, servePage } from "./page.ts";
import { readRequest, type RequestSample } from "./requests.ts";

export interface ServeOptions {
  readonly maxBatch: number;
  readonly maxQueue: number;
  /** Milliseconds for which the first sample of a batch waits for others. */
  readonly wait: number;
  /** Bytes of a body, pixels of an image, characters of a text. */
  readonly maxBody: number;
  readonly maxPixels: number;
  readonly maxText: number;
  /** Those that calibrate probabilities; none if not given. */
  readonly temperatures?: Temperatures;
  /** The token that requests must bear; none is asked for if not given. */
  readonly token?: string;
  /** Told of what went wrong here and not with a request. */
  readonly note: (message: string) => void;
}

/** The time in which all of a body must have come. */
const BODY_MILLISECONDS = 60_000;
/** Seconds after which a client may try again. */
const RETRY_AFTER = 1;
/** The same where another server has to start first. */
const RETRY_AFTER_LOSS = 10;
const LOST = "the device was lost, and the server ends; try again when it has been started anew";

export class PredictServer implements Disposable {
  readonly app = new Hono();
  readonly #session: PredictSession;
  readonly #options: ServeOptions;
  readonly #reader: InputReader;
  readonly #batcher: Batcher;
  readonly #measurements: Measurements;
  /** Why no more answers can be had, once the device has failed. */
  #failure: string | undefined;

  constructor(session: PredictSession, options: ServeOptions) {
    const { maxBatch, maxQueue, wait, maxPixels } = options;
    this.#session = session;
    this.#options = options;
    // Requests hold images themselves: a path in one is never followed.
    const never = () => {
      throw new BadRow("image", "must be an image, not a path");
    };
    const { mayLack } = session;
    this.#reader = new InputReader(session.modalities, {}, never, { mostPixels: maxPixels, mayLack });
    this.#measurements = new Measurements(() => this.#batcher.open);
    this.#batcher = new Batcher({
      maxBatch,
      maxQueue,
      wait,
      answer: (samples) => {
        const rows = samples.map((_, i) => ({ line: i + 1, values: {} }));
        return answerBatch(session.model, this.#reader, rows, samples);
      },
      batched: (size) => this.#measurements.batched(size),
    });
    session.gpu.lost.then(({ message }) => this.#failure = message);
    this.#route();
  }

  /** Takes no more samples, and waits until those that are here have their answers. */
  async drain(): Promise<void> {
    await this.#batcher.drain();
  }

  #route(): void {
    const { maxBody, maxText, maxQueue, token, note, temperatures = {} } = this.#options;
    const { app } = this;
    const { modalities, model: { heads }, task, classes, open: { run } } = this.#session;
    const { mayLack } = this.#session;
    const limits = { maxSamples: maxQueue, maxText, mayLack, maxBody, maxWait: BODY_MILLISECONDS };
    app.use(async (context, next) => {
      const start = performance.now();
      await next();
      const path = context.req.routePath === "/*" ? "other" : context.req.routePath;
      this.#measurements.answered(path, context.res.status, (performance.now() - start) / 1000);
    });
    if (token !== undefined) {
      for (const path of ["/predict", "/metrics"]) {
        const noToken = (message: string) => ({ error: message });
        app.use(
          path,
          bearerAuth({
            token,
            noAuthenticationHeaderMessage: noToken("send Authorization: Bearer TOKEN"),
            invalidAuthenticationHeaderMessage: noToken("send Authorization: Bearer TOKEN"),
            invalidTokenMessage: noToken("the token is wrong"),
          }),
        );
      }
    }
    app.post(
      "/predict",
      async (context) => {
        const { samples, top } = await readRequest(context.req.raw, modalities, limits);
        this.#batcher.mustHaveRoom(samples.length);
        const prepared = await Promise.all(
          samples.map((sample, i) => this.#prepare(sample, i, samples.length)),
        );
        // Room may have gone while images were decoded; all or none of a request are taken.
        this.#batcher.mustHaveRoom(samples.length);
        const answers = await Promise.all(prepared.map((sample) => this.#batcher.submit(sample)));
        for (const [i, answer] of answers.entries()) {
          const why = whyNoAnswer(answer);
          if (why !== undefined) {
            throw new BadRequest(422, samples.length > 1 ? `samples[${i}]: ${why}` : why);
          }
        }
        const byHead = <T>(
          all: ReadonlyMap<string, Float64Array>,
          make: (own: Float64Array, head: string) => T,
        ) => Object.fromEntries(Array.from(all, ([head, own]) => [head, make(own, head)]));
        return context.json({
          answers: answers.map((one) => calibrated(one, task, temperatures)).map((
            { probabilities, predicted },
          ) => ({
            predictions: byHead(
              probabilities,
              (own, head) => saidOf({ task, classes, top }, own, predicted.get(head)!),
            ),
            ...(task !== "regression" && {
              probabilities: byHead(
                probabilities,
                (own) => Object.fromEntries(classes.map((name, k) => [name, own[k]])),
              ),
            }),
          })),
        });
      },
    );
    app.get(
      "/healthz",
      (context) =>
        this.#failure === undefined
          ? context.json({ status: "ok", run: basename(resolve(run.path)) })
          : context.json({ status: "failed", error: this.#failure }, 503),
    );
    app.get("/metrics", async (context) => {
      const { body, type } = await this.#measurements.text();
      return context.body(body, 200, { "content-type": type });
    });
    const described = {
      name: basename(resolve(run.path)),
      modalities,
      heads,
      task,
      classes,
      limits,
      hasToken: token !== undefined,
      calibrated: heads.filter((head) => head in temperatures),
    };
    app.get("/openapi.json", (context) => context.json(openApi(described)));
    app.get(
      "/",
      (context) => context.html(servePage(described), 200, { "content-security-policy": PAGE_POLICY }),
    );
    for (const path of ["/healthz", "/metrics", "/openapi.json", "/"]) {
      app.all(path, (context) => notAllowed(context, "GET"));
    }
    app.all("/predict", (context) => notAllowed(context, "POST"));
    app.notFound((context) =>
      context.json({ error: `there is no ${context.req.path}; see /openapi.json` }, 404)
    );
    app.onError((error, context) => this.#describe(error, context, note));
  }

  async #prepare(sample: RequestSample, index: number, count: number) {
    try {
      return await this.#reader.prepare(sample);
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      const kind = this.#session.modalities.find((modality) => modality.kind === error.kind);
      const own = error.kind === "row" ? [] : [kind?.name ?? error.kind];
      const field = [...(count > 1 ? [`samples[${index}]`] : []), ...own].join(".");
      const status = / pixels are more than /.test(error.message) ? 413 : 422;
      throw new BadRequest(
        status,
        `${field === "" ? "the request" : `"${field}"`} ${error.message}`,
        field === "" ? undefined : field,
      );
    }
  }

  #describe(error: Error, context: Context, note: (message: string) => void): Response {
    if (error instanceof BadRequest) {
      const { status, message, field } = error;
      return context.json({ error: message, ...(field !== undefined && { field }) }, status);
    }
    if (error instanceof QueueFull) {
      return context.json({ error: error.message }, 429, { "retry-after": String(RETRY_AFTER) });
    }
    if (error instanceof Closed) return context.json({ error: error.message }, 503);
    // Hono's own, such as those of the bearer token, bring their response.
    if ("getResponse" in error && typeof error.getResponse === "function") return error.getResponse();
    if (!(error instanceof BatchFailed)) {
      note(`A request failed: ${error.message}`); // which says nothing of others
      return context.json({ error: "the request could not be answered" }, 500);
    }
    const { cause } = error;
    if (cause instanceof OutOfMemory) {
      note(`A batch failed: ${cause.message}; a --max-batch below ${this.#options.maxBatch} takes less`);
      return context.json({ error: "the device has no memory left" }, 503, {
        "retry-after": String(RETRY_AFTER),
      });
    }
    this.#failure = error.message;
    if (cause instanceof DeviceLost) {
      return context.json({ error: LOST }, 503, { "retry-after": String(RETRY_AFTER_LOSS) });
    }
    note(`A batch failed: ${error.message}`);
    return context.json({ error: "the model could not answer" }, 500);
  }

  [Symbol.dispose](): void {
    this.#reader.close();
  }
}

function notAllowed(context: Context, method: string): Response {
  return context.json({ error: `use ${method}` }, 405, { allow: method });
}
