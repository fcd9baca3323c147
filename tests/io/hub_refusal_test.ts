import assert from "node:assert/strict";
import { join } from "node:path";
import type { ResolveOptions } from "../../src/io/hub.ts";
import { webAddress } from "../../src/io/hub_settings.ts";
import { bytes, modelFiles } from "./hub_server.ts";
import { Setting, TOKEN, WANTED } from "./hub_setting.ts";

const once = (status: number, headers: HeadersInit = {}) => () => new Response("no", { status, headers });

Deno.test("resolveModel() gives up on a hub that stays overloaded", async () => {
  await using setting = new Setting();
  for (let i = 0; i < 5; i++) setting.hub.faults.push(once(503));
  assert.match(await setting.refusal(), /some-org\/tiny-model .* answered 503, 5 times in a row/);
  assert.deepEqual(setting.slept, [1000, 2000, 4000, 8000]);
  setting.hub.faults.push(once(429, { "retry-after": "3600" }));
  assert.match(await setting.refusal(), /answered 429 and asks to wait 3600 s/);
  assert.equal(setting.slept.length, 4);
});

Deno.test("resolveModel() says what to do where the hub refuses", async () => {
  const gated = { "x-error-code": "GatedRepo" };
  const cases: [Partial<ResolveOptions> & { id?: string }, Response | undefined, string, RegExp][] = [
    [
      {},
      new Response(null, { status: 401 }),
      "",
      /no such model, or it is private or gated \(401\).*set HF_TOKEN/,
    ],
    [
      {},
      new Response(null, { status: 401, headers: gated }),
      "",
      /the model is gated \(401\).*accept its terms/,
    ],
    [{}, new Response(null, { status: 401 }), TOKEN, /private or gated for the token in HF_TOKEN \(401\)/],
    [
      {},
      new Response(null, { status: 403, headers: gated }),
      TOKEN,
      /is gated for the token in HF_TOKEN \(403\)/,
    ],
    [
      { id: "some-org/tinny" },
      undefined,
      "",
      /some-org\/tinny .*no such model \(404\).*"organisation\/name"/,
    ],
    [
      { id: "some-org/x", revision: "v1" },
      undefined,
      "",
      /no such model, or it has no revision "v1" \(404\)/,
    ],
    [
      { revision: "v9" },
      undefined,
      "",
      /the model has no revision "v9" \(404\).*some-org\/tiny-model\/tree\/main/,
    ],
    [{ revision: "9".repeat(40) }, undefined, "", /has no revision "9{40}" \(404\)/],
    [{}, new Response(null, { status: 400 }), "", /the hub answered 400/],
    [
      {},
      new Response("<html>\nSign in"),
      "",
      /does not answer as a Hugging Face hub does.*Check HF_ENDPOINT/,
    ],
    [
      {},
      Response.json({ sha: "../../x" }),
      "",
      /does not answer as a Hugging Face hub does: it names no commit/,
    ],
    [
      {},
      new Response(null, { status: 302, headers: { location: "file:///etc/x" } }),
      "",
      /leads to what is no address of the web/,
    ],
  ];
  for (const [options, response, token, message] of cases) {
    await using setting = new Setting();
    setting.env.HF_TOKEN = token;
    if (response) setting.hub.faults.push(() => response);
    assert.match(await setting.refusal(options), message);
    assert.deepEqual(setting.slept, [], "it tried again");
  }
  await using setting = new Setting();
  setting.hub.faults.push((_, url) => /resolve.*config/.test(url.pathname) ? once(404)() : undefined);
  assert.match(await setting.refusal(), /Cannot fetch config\.json of .*does not have the file \(404\)/);
});

const NO_ADDRESS = /leads to what is no address of the web, or to one with a name before its host/;

Deno.test("resolveModel() asks no address with a name before its host, whoever gives it, and none but of the web", async () => {
  const schemes = [
    "file:///etc/passwd",
    "data:text/plain,x",
    "ftp://127.0.0.1/x",
    "blob:null/x",
    "javascript:1",
  ];
  for (const given of ["//name:word@HOST/x", "http://name@HOST/x", "//:word@HOST/x", ...schemes]) {
    await using setting = new Setting();
    const { hub } = setting;
    const location = given.replace("HOST", new URL(hub.endpoint).host);
    const redirect = () => new Response(null, { status: 302, headers: { location } });
    const faults: [RegExp, (url: URL) => Response | undefined][] = [
      [NO_ADDRESS, redirect],
      [NO_ADDRESS, (url) => /resolve.*safetensors/.test(url.pathname) ? redirect() : undefined],
      // The package passes over links that are no address.
      [/leads to|it lacks/, (url) => {
        const headers = { link: `<${location}>; rel="next"` };
        return /tree/.test(url.pathname) ? Response.json([], { headers }) : undefined;
      }],
    ];
    for (const [message, fault] of faults) {
      hub.faults.push((_, url) => fault(url));
      assert.match(await setting.refusal(), message);
      hub.faults.length = 0;
    }
    assert.deepEqual(hub.seen.filter(({ path, token }) => path === "/x" || /Basic/.test(token ?? "")), []);
  }
});

Deno.test("what can be read on the way is no answer of a hub that cannot", () => {
  const from = new URL("https://huggingface.co/a");
  assert.equal(webAddress("http://huggingface.co/b", from), undefined);
  assert.equal(webAddress("/b", from)?.href, "https://huggingface.co/b");
  assert.equal(webAddress("https://cdn.example/b", from)?.href, "https://cdn.example/b");
});

Deno.test("resolveModel() says what a repository lacks before it fetches weights", async () => {
  const cases: [string[], RegExp][] = [
    [
      ["model.safetensors", "pytorch_model.bin"],
      /lacks model\.safetensors; its weights are only there as "tf_model\.h5".*convert/,
    ],
    [["model.safetensors", "pytorch_model.bin", "tf_model.h5"], /lacks model\.safetensors$/],
    [["config.json"], /lacks config\.json$/],
    [["tokenizer.json", "vocab.txt"], /lacks tokenizer\.json \(or vocab\.txt/],
  ];
  for (const [removed, message] of cases) {
    await using setting = new Setting(new Map([...modelFiles(), ["tf_model.h5", bytes(5000)]]));
    for (const name of removed) setting.hub.files.delete(name);
    assert.match(await setting.refusal(), message);
    assert.deepEqual(setting.hub.paths("storage"), []);
  }
});

Deno.test("resolveModel() takes no size or hash from the hub that is none", async () => {
  for (
    const listed of [{ hash: "../../../etc/passwd" }, { size: -1 }, { size: 0.5 }, { hash: "A".repeat(40) }]
  ) {
    await using setting = new Setting();
    setting.hub.listed.set("config.json", listed);
    assert.match(await setting.refusal(), /gives no size and hash for "config\.json"/);
  }
  await using setting = new Setting();
  setting.hub.listed.set("config.json", { path: "../config.json" });
  assert.match(await setting.refusal(), /lacks config\.json/);
});

Deno.test("resolveModel() says where the disk is full or the cache cannot be written", async () => {
  {
    await using setting = new Setting();
    setting.hub.listed.set("model.safetensors", { size: 2 ** 52 });
    assert.match(await setting.refusal(), /its disk has [\d.]+ MB free, with [\d.]+ MB to come.*HF_HOME/);
    assert.deepEqual(setting.hub.paths("storage"), []);
  }
  {
    await using setting = new Setting();
    await setting.resolve({ kinds: [] });
    const here = 100_000;
    Deno.writeFileSync(setting.part, bytes(here));
    const others = WANTED.filter((name) => !["config.json", "model.safetensors"].includes(name))
      .reduce((sum, name) => sum + setting.hub.files.get(name)!.length, 0);
    // Of what is to come, in all, one byte more or less changes the digit that is shown.
    for (const [more, shown] of [[49_999, "0"], [50_001, "1"]] as const) {
      setting.hub.listed.set("model.safetensors", { size: 4e15 + more - others + here });
      assert.ok((await setting.refusal()).includes(`with 4000000000.${shown} MB to come`));
    }
  }
  if (Deno.build.os === "linux") {
    await using setting = new Setting();
    await setting.resolve({ kinds: [] });
    Deno.symlinkSync("/dev/full", setting.part);
    assert.match(await setting.refusal(), /its disk is full, with more to come/);
  }
  await using setting = new Setting();
  Deno.writeTextFileSync(join(setting.home, "file"), "");
  setting.env.HF_HOME = join(setting.home, "file");
  assert.match(await setting.refusal(), /Cannot write to the model cache .*file.hub: .*Set HF_HOME/);
});

Deno.test("resolveModel() says so where the hub cannot be reached", async () => {
  await using setting = new Setting();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const nowhere = `http://127.0.0.1:${listener.addr.port}`;
  listener.close();
  const headers = { location: `${nowhere}/model.safetensors?signature=abc` };
  for (let i = 0; i < 5; i++) {
    setting.hub.faults.push((_, url) =>
      url.pathname.endsWith("/model.safetensors") ? new Response(null, { status: 302, headers }) : undefined
    );
  }
  const storage = await setting.refusal();
  assert.match(
    storage,
    /model\.safetensors of .* the connection to 127\.0\.0\.1:\d+ failed .* 5 times in a row/,
  );
  assert.ok(!storage.includes("signature"), "a signed address is in a message");
});

Deno.test("resolveModel() tells an offline machine at once, apart from a misspelt id", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const nowhere = `http://127.0.0.1:${listener.addr.port}`;
  listener.close();
  const cases: [endpoint: string, message: RegExp][] = [
    [
      nowhere,
      /from http:\/\/127\.0\.0\.1:\d+, for it cannot be reached: .*refused.*check HF_ENDPOINT.*local folder/,
    ],
    [
      "http://no-such-host.invalid",
      /no-such-host\.invalid failed .*dns error.*check HF_ENDPOINT.*HF_HOME.*local folder/,
    ],
  ];
  for (const [endpoint, message] of cases) {
    await using setting = new Setting();
    setting.env.HF_ENDPOINT = endpoint;
    const begin = performance.now();
    assert.match(await setting.refusal(), message);
    assert.ok(performance.now() - begin < 5000, "it took long");
    assert.deepEqual([setting.slept, setting.notes], [[], []], "it tried again");
  }
  // A hub that takes connections and never answers is waited for once.
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  {
    await using setting = new Setting();
    setting.env.HF_ENDPOINT = `http://127.0.0.1:${silent.addr.port}`;
    const clock = { now: Date.now, sleep: () => assert.fail("it tried again"), stallMs: 100 };
    assert.match(await setting.refusal({ clock }), /cannot be reached: nothing came from .* for 0\.1 s/);
  }
  silent.close();
  // Once it has answered, a lost connection is one that passes.
  await using setting = new Setting();
  setting.hub.faults.push(() => new Response(null, { status: 302, headers: { location: `${nowhere}/x` } }));
  await setting.resolve();
  assert.deepEqual(setting.slept, [1000]);
});

Deno.test("resolveModel() suggests a well-known model where the hub has none of that name", async () => {
  const cases: [id: string, status: number, meant: string | undefined][] = [
    ["google-bert/bert-base-uncasd", 404, "google-bert/bert-base-uncased"],
    ["google/bert-base-uncased", 401, "google-bert/bert-base-uncased"],
    ["vit-base-patch16-224", 404, "google/vit-base-patch16-224"],
    ["Google/Vit-base-patch16-224-in21", 401, "google/vit-base-patch16-224-in21k"],
    ["facebook/roberta-base", 404, "FacebookAI/roberta-base"],
    ["google-bert/bert-base-uncased", 404, undefined],
    ["our-lab/whatever", 404, undefined],
  ];
  for (const [id, status, meant] of cases) {
    await using setting = new Setting();
    setting.env.HF_TOKEN = "";
    setting.hub.faults.push(() => new Response(null, { status }));
    const message = await setting.refusal({ id });
    const hint = /did you mean "([^"]*)"\?/.exec(message)?.[1];
    assert.equal(hint, meant, `${id}: ${message}`);
    assert.deepEqual(setting.slept, []);
  }
});
