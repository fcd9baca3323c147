// The server: the answers of predict, whatever shares their batch; clear refusals; an orderly end.
import assert from "node:assert/strict";
import { join } from "node:path";
import { encodeBase64 } from "hono/utils/encode";
import { encode } from "fast-png";
import { InputReader } from "../../src/app/predict/inputs.ts";
import { answerBatch } from "../../src/app/predict/answers.ts";
import { PredictSession } from "../../src/app/predict/session.ts";
import { BadRequest } from "../../src/app/serve/bad_request.ts";
import { readBody } from "../../src/app/serve/body.ts";
import { Batcher, Closed, QueueFull } from "../../src/app/serve/batcher.ts";
import { PredictServer, type ServeOptions } from "../../src/app/serve/server.ts";
import { decodeBase64 } from "../../src/base/base64.ts";
import { Random } from "../../src/base/random.ts";
import { withTemperature } from "../../src/metrics/calibration.ts";
import type { Answer } from "../../src/app/predict/answers.ts";
import { checkPage, hasChromium } from "../check_page.ts";
import { openTestGpu } from "../open_gpu.ts";
import { withVariables } from "../variables.ts";
import { SMALL_OF_ALL, trainOnTable, writeTable } from "./small_runs.ts";

const folder = Deno.makeTempDirSync({ prefix: "unis-serve-" });
const variables = withVariables({ UNIS_CACHE_DIR: join(folder, "cache") });
const png = (seed: number, width = 8 + seed % 5, height = 8) => {
  const random = new Random(seed);
  return encode({
    width,
    height,
    channels: 3,
    data: Uint8Array.from({ length: width * height * 3 }, () => 255 * random.uniform()),
  });
};
writeTable(join(folder, "items.csv"), [
  ["path", "title", "a", "b", "label", "split"],
  ...Array.from({ length: 36 }, (_, i) => {
    Deno.writeFileSync(join(folder, `${i}.png`), png(i));
    const split = ["train", "train", "validation", "test"][i % 4]!;
    return [
      `${i}.png`,
      `${["red", "green", "blue"][i % 3]} thing`,
      String(i % 3),
      "1",
      ["red", "green", "blue"][i % 3]!,
      split,
    ];
  }),
]);
const run = await trainOnTable(await openTestGpu(), folder, SMALL_OF_ALL);
variables[Symbol.dispose]();
const session = await PredictSession.begin(run, "auto");
Deno.test.afterAll(() => {
  session[Symbol.dispose]();
  Deno.removeSync(folder, { recursive: true });
});

const LIMITS: ServeOptions = {
  maxBatch: 8,
  maxQueue: 16,
  wait: 2,
  maxBody: 200_000,
  maxPixels: 10_000,
  maxText: 500,
  note: (message) => assert.fail(message),
};

function sampleOf(i: number) {
  return {
    image: encodeBase64(png(i).slice().buffer as ArrayBuffer),
    text: `${["red", "green", "blue"][i % 3]} thing`,
    lab: [i % 3, i / 10],
  };
}

function post(server: PredictServer, body: unknown, headers: Record<string, string> = {}) {
  return server.app.request("/predict", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

Deno.test("requests that arrive together get the answers of predict, bit for bit", async () => {
  using server = new PredictServer(session, LIMITS);
  using reader = new InputReader(session.modalities, {}, (path) => path);
  const expected = await Promise.all(Array.from({ length: 12 }, async (_, i) => {
    const { image, ...rest } = sampleOf(i);
    const sample = await reader.prepare({ ...rest, image: decodeBase64(image)! });
    const [{ probabilities }] = await answerBatch(session.model, reader, [{ line: 1, values: {} }], [
      sample,
    ]) as [Answer];
    return Object.fromEntries(Array.from(probabilities, ([head, own]) => [head, [...own]]));
  }));
  const inOrder = (probabilities: Record<string, Record<string, number>>) =>
    Object.fromEntries(
      Object.entries(probabilities).map(([head, own]) => [head, session.classes.map((name) => own[name])]),
    );
  const single = await Promise.all(Array.from({ length: 12 }, async (_, i) => {
    const response = await post(server, sampleOf(i));
    assert.equal(response.status, 200);
    const { answers } = await response.json();
    assert.equal(answers.length, 1);
    return inOrder(answers[0].probabilities);
  }));
  assert.deepEqual(single, expected);
  const { answers } = await (await post(server, { samples: [5, 2, 9].map(sampleOf), top: 2 })).json();
  assert.deepEqual(
    answers.map(({ probabilities }: never) => inOrder(probabilities)),
    [5, 2, 9].map((i) => expected[i]),
  );
  for (
    const [head, likely] of Object.entries<{ class: string; probability: number }[]>(answers[0].predictions)
  ) {
    const sorted = expected[5]![head]!.toSorted((a, b) => b - a);
    assert.deepEqual(likely.map(({ probability }) => probability), sorted.slice(0, 2));
  }
  const metrics = await (await server.app.request("/metrics")).text();
  assert.match(metrics, /unis_samples_total 15/);
  assert.match(metrics, /unis_requests_total\{path="\/predict",status="200"\} 13/);
  const batches = Number(metrics.match(/unis_batch_samples_count (\d+)/)![1]);
  assert.ok(batches < 13, `${batches} batches of 13 requests`);
});

Deno.test("probabilities are calibrated by temperatures, and the interface says so", async () => {
  using plain = new PredictServer(session, LIMITS);
  using calibrated = new PredictServer(session, { ...LIMITS, temperatures: { fusion: 3 } });
  const ask = async (server: PredictServer) => (await (await post(server, sampleOf(2))).json()).answers[0];
  const [before, after] = [await ask(plain), await ask(calibrated)];
  assert.deepEqual(after.probabilities.text, before.probabilities.text);
  const own = Float64Array.from(session.classes, (name) => before.probabilities.fusion[name]);
  const expected = withTemperature(own, own.length, 3);
  assert.deepEqual(session.classes.map((name) => after.probabilities.fusion[name]), [...expected]);
  assert.equal(after.predictions.fusion[0].probability, Math.max(...expected));
  const described = async (server: PredictServer) =>
    (await (await server.app.request("/openapi.json")).json()).paths["/predict"].post.description;
  assert.equal(await described(plain), undefined);
  assert.match(await described(calibrated), /validation samples are those of fusion\.$/);
});

Deno.test("a form with a file is a request as well", async () => {
  using server = new PredictServer(session, LIMITS);
  const form = new FormData();
  form.append("image", new Blob([png(3).slice()]), "3.png");
  form.append("text", "red thing");
  form.append("lab", "0, 0.3");
  form.append("top", "3");
  const response = await server.app.request("/predict", { method: "POST", body: form });
  assert.equal(response.status, 200);
  const own = await (await post(server, { ...sampleOf(3), text: "red thing", top: 3 })).json();
  assert.deepEqual(await response.json(), own);
});

/** What is sent, and what comes back: status, field, and words of the reason. */
const REFUSALS: readonly [
  what: string,
  body: unknown,
  status: number,
  field: string | undefined,
  reason: RegExp,
][] = [
  ["no JSON", "{", 400, undefined, /not valid JSON/],
  [
    "JSON that is deep",
    `{"lab": ${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
    400,
    undefined,
    /nests deeper than 8 levels/,
  ],
  ["a key that stands twice", '{"text": "a", "text": "b"}', 400, undefined, /the duplicate name "text"/],
  ["a field of every object", '{"__proto__": {"text": "x"}}', 422, "__proto__", /unknown field "__proto__"/],
  [
    "a field of a very long name",
    { ["x".repeat(10_000)]: 1 },
    422,
    `${"x".repeat(117)}...`,
    /"x{117}\.\.\."/,
  ],
  ["a list", [], 422, undefined, /must be a JSON object/],
  [
    "a field that is unknown",
    { ...sampleOf(1), txet: "x" },
    422,
    "txet",
    /the model reads image, text, lab; did you mean "text"/,
  ],
  ["a field that is missing", { ...sampleOf(1), text: undefined }, 422, "text", /is missing/],
  ["a text that is a number", { ...sampleOf(1), text: 5 }, 422, "text", /must be a text/],
  [
    "a text that is too long",
    { ...sampleOf(1), text: "x".repeat(501) },
    413,
    "text",
    /501 characters, over the limit of 500/,
  ],
  ["an image that is no base64", { ...sampleOf(1), image: "§" }, 422, "image", /not valid base64/],
  ["an image that is a path", { ...sampleOf(1), image: "/etc/passwd" }, 422, "image", /base64|no image/],
  ["an image that is none", { ...sampleOf(1), image: "aGVsbG8=" }, 422, "image", /no image/],
  ["an image that is cut", { ...sampleOf(1), image: sampleOf(1).image.slice(0, 100) }, 422, "image", /image/],
  [
    "an image of too many pixels",
    { ...sampleOf(1), image: encodeBase64(png(1, 200, 200).slice().buffer as ArrayBuffer) },
    413,
    "image",
    /200x200 pixels are more than 10000/,
  ],
  ["too few numbers", { ...sampleOf(1), lab: [1] }, 422, "lab", /a list of 2 numbers, got 1/],
  ["a number that is none", { ...sampleOf(1), lab: [1, "x"] }, 422, "lab", /number 2 is "x"/],
  ["a number beyond f32", { ...sampleOf(1), lab: [1, 1e300] }, 422, "lab", /number 2/],
  ["a top of nothing", { ...sampleOf(1), top: 0 }, 422, "top", /at least 1/],
  ["no samples", { samples: [] }, 422, "samples", /at least one/],
  [
    "too many samples",
    { samples: Array(17).fill(sampleOf(1)) },
    413,
    "samples",
    /has 17, over the limit of 16/,
  ],
  [
    "a fault in one of several",
    { samples: [sampleOf(1), { ...sampleOf(2), image: "aGVsbG8=" }] },
    422,
    "samples[1].image",
    /no image/,
  ],
  [
    "a body that is too large",
    { ...sampleOf(1), text: "x".repeat(300_000) },
    413,
    undefined,
    /over the limit of 200000 bytes/,
  ],
];

Deno.test("what cannot be answered is refused with the field and the reason, and harms nobody else", async () => {
  using server = new PredictServer(session, LIMITS);
  for (const [what, body, status, field, reason] of REFUSALS) {
    const [response, good] = await Promise.all([post(server, body), post(server, sampleOf(4))]);
    const answer = await response.json();
    assert.equal(response.status, status, `${what}: ${JSON.stringify(answer)}`);
    assert.equal(answer.field, field, what);
    assert.match(answer.error, reason, what);
    assert.equal(good.status, 200, what);
    await good.body?.cancel();
  }
  const other: [string, RequestInit, number][] = [
    ["/predict", { method: "GET" }, 405],
    ["/healthz", { method: "POST" }, 405],
    ["/nowhere", {}, 404],
    ["/predict", { method: "POST", body: "x", headers: { "content-type": "text/plain" } }, 415],
    ["/predict", {
      method: "POST",
      body: "x",
      headers: { "content-type": "multipart/form-data; boundary=y" },
    }, 400],
    ["/healthz", {}, 200],
    ["/openapi.json", {}, 200],
    ["/", {}, 200],
  ];
  for (const [path, init, status] of other) {
    const response = await server.app.request(path, init);
    assert.equal(response.status, status, `${init.method ?? "GET"} ${path}`);
    await response.body?.cancel();
  }
});

Deno.test("a body that breaks off is the fault of its request alone", async () => {
  using server = new PredictServer(session, LIMITS);
  for (const type of ["application/json", "multipart/form-data; boundary=edge"]) {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("--edge")),
      pull: (controller) =>
        controller.error(new TypeError("Cannot read body as underlying resource unavailable")),
    });
    const response = await server.app.request("/predict", {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
    assert.equal(response.status, 400);
    assert.equal((await response.json()).error, "the body ends before its end");
  }
  assert.equal((await server.app.request("/healthz")).status, 200);
});

Deno.test("a body that trickles is given up", async () => {
  let timer: ReturnType<typeof setInterval> | undefined;
  const body = new ReadableStream({
    start: (controller) => timer = setInterval(() => controller.enqueue(Uint8Array.of(0x20)), 5),
    cancel: () => clearInterval(timer),
  });
  const request = new Request("http://localhost/", { method: "POST", body });
  await assert.rejects(
    readBody(request, { maxBody: 1e9, maxWait: 50 }),
    (error) =>
      error instanceof BadRequest && error.status === 408 && /did not come in 0\.05 s/.test(error.message),
  );
});

Deno.test("a token, where there is one, is asked for", async () => {
  using server = new PredictServer(session, { ...LIMITS, token: "secret" });
  for (
    const [headers, status] of [[{}, 401], [{ authorization: "Bearer wrong" }, 401], [{
      authorization: "Bearer secret",
    }, 200]] as const
  ) {
    const response = await post(server, sampleOf(1), headers);
    assert.equal(response.status, status);
    assert.deepEqual(Object.keys(await response.json()), [status === 200 ? "answers" : "error"]);
  }
  for (const [path, status] of [["/healthz", 200], ["/", 200], ["/metrics", 401]] as const) {
    const response = await server.app.request(path);
    assert.equal(response.status, status, path);
    await response.body?.cancel();
  }
});

Deno.test("a full queue is told with 429, and the end waits for what is open", async () => {
  const finish: (() => void)[] = [];
  const sizes: number[] = [];
  const batcher = new Batcher({
    maxBatch: 2,
    maxQueue: 5,
    wait: 0,
    answer: (samples) =>
      new Promise((resolve) => finish.push(() => resolve(samples.map(() => ({}) as Answer)))),
    batched: (size) => sizes.push(size),
  });
  const open = Array.from({ length: 5 }, () => batcher.submit({}));
  assert.throws(() => batcher.submit({}), QueueFull);
  const drained = batcher.drain();
  assert.throws(() => batcher.submit({}), Closed);
  for (let i = 0; i < 3; i++) {
    while (finish.length === 0) await new Promise((done) => setTimeout(done, 1));
    finish.shift()!();
  }
  assert.equal((await Promise.all(open)).length, 5);
  await drained;
  assert.deepEqual([sizes, batcher.open], [[2, 2, 1], 0]);

  using server = new PredictServer(session, { ...LIMITS, maxQueue: 2, maxBatch: 2 });
  const responses = await Promise.all(Array.from({ length: 12 }, (_, i) => post(server, sampleOf(i))));
  const statuses = responses.map(({ status }) => status);
  assert.ok(statuses.includes(200) && statuses.includes(429), statuses.join());
  for (const response of responses) {
    if (response.status === 429) assert.equal(response.headers.get("retry-after"), "1");
    await response.body?.cancel();
  }
  await server.drain();
  assert.equal((await post(server, sampleOf(1))).status, 503);
});

Deno.test("a batch that fails is told to its own requests, and the next is computed", async () => {
  let count = 0;
  const batcher = new Batcher({
    maxBatch: 1,
    maxQueue: 9,
    wait: 0,
    answer: (samples) =>
      count++ === 0
        ? Promise.reject(new Error("broken"))
        : Promise.resolve(samples.map(() => ({}) as Answer)),
  });
  const [first, second] = await Promise.allSettled([batcher.submit({}), batcher.submit({})]);
  assert.deepEqual([first!.status, second!.status], ["rejected", "fulfilled"]);
});

Deno.test("the interface is described with the model's own fields", async () => {
  using server = new PredictServer(session, { ...LIMITS, token: "x" });
  const description = await (await server.app.request("/openapi.json")).json();
  const { requestBody, responses } = description.paths["/predict"].post;
  const [one] = requestBody.content["application/json"].schema.oneOf;
  assert.deepEqual(Object.keys(one.properties), ["image", "text", "lab", "top"]);
  assert.deepEqual(one.required, ["image", "text", "lab"]);
  assert.deepEqual(Object.keys(responses), ["200", "400", "401", "408", "413", "415", "422", "429", "503"]);
  const heads =
    responses["200"].content["application/json"].schema.properties.answers.items.properties.predictions
      .properties;
  assert.deepEqual(Object.keys(heads), ["image", "text", "lab", "fusion"]);
});

Deno.test("decodeBase64() reads what encoders write, and nothing else", () => {
  const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
  for (
    const [given, expected] of [
      ["aGk=", "hi"],
      ["aGk", "hi"],
      ["aG\r\nk=", "hi"],
      ["", ""],
      ["a", undefined],
      ["a=Gk", undefined],
      ["AA=", "\0"],
      ["AB", "\0"],
      ["A===", undefined],
      ["=", ""],
      ["aGk= x", undefined],
    ] as const
  ) {
    assert.equal(text(decodeBase64(given)), expected, given);
  }
  assert.deepEqual([...decodeBase64("_-8")!], [...decodeBase64("/+8=")!]);
});

Deno.test({
  name: "the page answers to the keyboard, in every window, with what the server says, and keeps nobody out",
  ignore: !hasChromium,
  fn: async () => {
    const image = join(folder, "0.png");
    const fields = [`image=${image}`, "text=red thing", "lab=0, 1"].flatMap((field) => ["--field", field]);
    const { code, output } = await askPage((body) => body, ...fields);
    assert.match(output, /^4 heads; 0 faults$/m);
    assert.equal(code, 0);

    // The check itself must see what is wrong.
    const broken = await askPage(
      (body) => body.replace("100 * share", "99 * share").replace('<label for="in-text">text</label>', ""),
      "--once",
      ...fields,
    );
    assert.equal(broken.code, 1);
    assert.match(broken.output, /the page shows .* the server says/);
    assert.match(broken.output, /label: Form elements must have labels/);
  },
});

/** What the check of pages says of the server's own, as `change` makes it. */
async function askPage(change: (body: string) => string, ...given: string[]) {
  using server = new PredictServer(session, LIMITS);
  await using listening = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      const response = await server.app.fetch(request);
      if (new URL(request.url).pathname !== "/") return response;
      // Its policy is for the page as it was.
      const headers = { "content-type": response.headers.get("content-type")! };
      return new Response(change(await response.text()), { headers });
    },
  );
  return await checkPage(`http://127.0.0.1:${listening.addr.port}`, ...given);
}
