// Uploads to a hub on this machine: what arrives, who sees the token, what is said where it is refused.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { dirname, join } from "node:path";
import { Interrupted } from "../../src/base/interrupt.ts";
import { UserError } from "../../src/base/user_error.ts";
import type { Environment } from "../../src/io/hub_cache.ts";
import type { Clock } from "../../src/io/hub_retry.ts";
import { keptToken } from "../../src/io/hub_settings.ts";
import { HubUploader, type Upload } from "../../src/io/hub_upload.ts";
import { temporaryFolder } from "./crafted.ts";
import { bytes, text } from "./hub_server.ts";
import { UploadHub } from "./upload_hub.ts";

const ID = "someone/flowers";
const TOKEN = "hf_averysecretthing";
const FILES: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "README.md": text("---\nlibrary_name: onnx\n---\n"),
  "model.onnx": bytes(300_000),
  "text/tokenizer.json": text("{}"),
  "text/words/größe 1.txt": bytes(5000, 2),
};

/** A hub, a folder to upload, and a clock that notes how long it was to sleep. */
class Setting implements AsyncDisposable {
  readonly hub = new UploadHub();
  readonly notes: string[] = [];
  readonly slept: number[] = [];
  readonly #folder = temporaryFolder();
  readonly env: Record<string, string>;
  stallMs = 5000;

  constructor() {
    this.env = {
      HF_HOME: join(this.#folder.path, "home"),
      HF_ENDPOINT: this.hub.endpoint(),
      HF_TOKEN: TOKEN,
    };
    for (const [name, content] of Object.entries(FILES)) {
      const path = join(this.folder, name);
      Deno.mkdirSync(dirname(path), { recursive: true });
      Deno.writeFileSync(path, content);
    }
  }

  get folder(): string {
    return join(this.#folder.path, "export");
  }

  async upload({ id = ID, env = this.env, signal, ...others }: Partial<Upload> & {
    id?: string;
    env?: Environment;
    signal?: AbortSignal;
  } = {}) {
    const clock: Clock = {
      now: () => Date.UTC(2024, 0, 1),
      sleep: (ms) => Promise.resolve(void this.slept.push(ms)),
      stallMs: this.stallMs,
    };
    const note = (message: string) => void this.notes.push(message);
    const uploader = new HubUploader(id, { env, clock, note, ...(signal && { signal }) });
    const upload = { folder: this.folder, title: "An export", isPrivate: true, mayExist: false };
    return await uploader.upload({ ...upload, ...others });
  }

  /** The message with which it is refused; neither the token nor a signed address may be in it. */
  async refusal(options: Parameters<Setting["upload"]>[0] = {}): Promise<string> {
    const error = await this.upload(options).then(() => assert.fail("it was not refused"), (e) => e);
    assert.ok(error instanceof UserError, String(error.stack));
    assert.doesNotMatch(`${error.message} ${this.notes}`, /averysecret|signature|\n/);
    return error.message;
  }

  /** Asserts that a repository has the files of the folder and no other. */
  check(id = ID): void {
    const { files } = this.hub.repositories.get(id)!;
    assert.deepEqual([...files.keys()].sort(), Object.keys(FILES).sort());
    for (const [name, content] of files) {
      assert.ok(Buffer.from(content).equals(FILES[name]!), `${name} is not what was sent`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}

Deno.test("an upload makes a private repository with every file; only the hub sees the token", async () => {
  await using setting = new Setting();
  const { url, commit } = await setting.upload();
  assert.equal(url, `${setting.hub.endpoint()}/${ID}`);
  assert.equal(commit, "c".repeat(40));
  setting.check();
  const { visibility, titles } = setting.hub.repositories.get(ID)!;
  assert.deepEqual([visibility, titles], ["private", ["An export"]]);
  const tokens = (host: string) =>
    new Set(setting.hub.asked.filter((one) => one.host === host).map(({ token }) => token));
  assert.deepEqual(tokens("hub"), new Set([`Bearer ${TOKEN}`]));
  assert.deepEqual(tokens("storage"), new Set([null]));
  assert.equal(setting.hub.asked.filter(({ host }) => host === "storage").length, 2, "two files are large");
});

Deno.test("a repository that exists is left alone, or gets another commit where that is asked for", async () => {
  await using setting = new Setting();
  await setting.upload({ isPrivate: false });
  assert.equal(setting.hub.repositories.get(ID)!.visibility, "public");
  const before = setting.hub.asked.length;
  assert.match(
    await setting.refusal(),
    /^Cannot push to someone\/flowers: http:\S+\/someone\/flowers exists\. Name another, or .* with --update$/,
  );
  assert.equal(setting.hub.asked.length, before + 1, "it went on");
  await setting.upload({ mayExist: true, title: "Another" });
  setting.check();
  assert.deepEqual(setting.hub.repositories.get(ID)!.titles, ["An export", "Another"]);
});

Deno.test("what cannot be uploaded is told in one line, before anything is asked where that is possible", async () => {
  await using setting = new Setting();
  const { HF_TOKEN: _, ...withoutToken } = setting.env;
  const { endpoint } = setting.hub;
  const cases: [Parameters<Setting["upload"]>[0], RegExp][] = [
    [{ id: "flowers" }, /^Cannot push to "flowers": name its owner too, .* as in someone\/flowers$/],
    [{ id: "some one/flowers" }, /^Cannot push to "some one\/flowers": letters, digits/],
    [{ id: "../flowers" }, /^Cannot push to "\.\.\/flowers": letters, digits/],
    [{ id: "a/b/c" }, /letters, digits/],
    [
      { env: withoutToken },
      /there is no token\. Make one with write permission on http:\S+\/settings\/tokens and set HF_TOKEN to it$/,
    ],
    [
      { env: { ...setting.env, HF_ENDPOINT: "", HF_TOKEN: "" } },
      /there is no token\. .*, or log in by: hf auth login$/,
    ],
    [{ env: { ...setting.env, HF_TOKEN: "a b" } }, /HF_TOKEN holds blanks/],
    [{ env: { ...setting.env, HF_ENDPOINT: "ftp://x" } }, /HF_ENDPOINT is not the address of a hub/],
    [{ env: { ...setting.env, HF_HUB_OFFLINE: "1" } }, /HF_HUB_OFFLINE says that there is no network/],
  ];
  for (const [options, message] of cases) assert.match(await setting.refusal(options), message);
  assert.equal(endpoint.call(setting.hub), setting.env.HF_ENDPOINT);
  assert.deepEqual(setting.hub.asked, []);
});

Deno.test("refusals of the hub say what to do", async () => {
  const on = (path: RegExp, response: () => Response) => (_: Request, url: URL) =>
    path.test(url.pathname) ? response() : undefined;
  const json = (status: number, error: string) => () => Response.json({ error }, { status });
  const cases: [ReturnType<typeof on>, RegExp][] = [
    [
      on(/create/, () => new Response(null, { status: 401 })),
      /the hub does not know the token \(401\)\. Make one with write/,
    ],
    [
      on(/create/, json(403, 'You don\'t have the rights to create a model under the namespace "x"')),
      /the token may not write there \(403: "You don't have the rights.*\. The owner must be you or an organisation/,
    ],
    [on(/create/, json(400, "Name is too rude")), /the hub answered 400: "Name is too rude"/],
    [
      on(/preupload/, () => new Response(null, { status: 403 })),
      /may not write there \(403\)\..* has been made, and is empty: go on with --update$/,
    ],
    [
      on(/commit/, json(400, "Invalid metadata in README.md")),
      /the hub answered 400: "Invalid metadata in README\.md"\. http\S+ has been made/,
    ],
    [
      on(/commit/, () => new Response(null, { status: 409 })),
      /another commit came in between\. Try again with --update/,
    ],
    [
      on(/commit/, () => new Response("<html>")),
      /does not answer as a Hugging Face hub does.*Check HF_ENDPOINT/,
    ],
    [on(/commit/, () => Response.json({})), /does not answer as a Hugging Face hub does: it names no commit/],
    [
      on(/^\/[0-9a-f]{64}$/, () => new Response(null, { status: 403 })),
      /the storage host 127\.0\.0\.1:\d+ answered 403\. Try again with --update/,
    ],
  ];
  for (const [fault, message] of cases) {
    await using setting = new Setting();
    setting.hub.faults.push(fault);
    assert.match(await setting.refusal(), message);
    assert.deepEqual(setting.slept, [], "it tried again");
  }
});

Deno.test("the token goes to no other host, wherever the hub redirects to", async () => {
  for (const status of [301, 302, 307, 308]) {
    await using setting = new Setting();
    const { hub } = setting;
    const to = (host: "elsewhere" | "hub") => (_: Request, url: URL) =>
      /preupload/.test(url.pathname) && !url.search
        ? new Response(null, { status, headers: { location: `${hub.endpoint(host)}${url.pathname}?again` } })
        : undefined;
    hub.faults.push(to("elsewhere"));
    assert.match(await setting.refusal(), /redirects to another host/);
    assert.deepEqual(hub.asked.filter(({ host }) => host === "elsewhere"), []);
    // On the same host, as where a repository was renamed, it is followed.
    hub.faults.push(to("hub"));
    await setting.upload({ mayExist: true });
    setting.check();
  }
  await using setting = new Setting();
  const { hub } = setting;
  hub.faults.push((_, url) =>
    /^\/[0-9a-f]{64}$/.test(url.pathname)
      ? new Response(null, { status: 307, headers: { location: hub.endpoint("elsewhere") } })
      : undefined
  );
  assert.match(await setting.refusal(), /redirects to another host/);
  assert.deepEqual(hub.asked.filter(({ host }) => host === "elsewhere"), []);
});

Deno.test("what passes is waited for; what does not is given up", async () => {
  const busy = (path: RegExp, headers: HeadersInit = {}) => (_: Request, url: URL) =>
    path.test(url.pathname) ? new Response(null, { status: 503, headers }) : undefined;
  await using setting = new Setting();
  const { faults } = setting.hub;
  faults.push(
    busy(/preupload/),
    busy(/batch/, { "retry-after": "7" }),
    busy(/^\/[0-9a-f]{64}$/),
    busy(/commit/),
  );
  await setting.upload();
  setting.check();
  assert.deepEqual(setting.slept, [1000, 7000, 1000, 1000]);
  for (let i = 0; i < 5; i++) faults.push(busy(/create/));
  assert.match(
    await setting.refusal({ id: "someone/others" }),
    /^Cannot push to someone\/others: .* answered 503, 5 times in a row\. Try again later \(large files that have arrived are kept\)/,
  );
});

Deno.test("every status that says of itself that it passes is tried again, and no other", async () => {
  for (const status of [408, 425, 429, 500, 502, 503, 504, 400, 501, 505]) {
    await using setting = new Setting();
    setting.hub.faults.push((_, url) =>
      /create/.test(url.pathname) ? new Response(null, { status }) : undefined
    );
    const isTried = ![400, 501, 505].includes(status);
    if (isTried) await setting.upload();
    else await setting.refusal();
    assert.deepEqual(setting.slept, isTried ? [1000] : [], `${status}`);
  }
});

Deno.test("an upload ends where it is asked to", async () => {
  await using setting = new Setting();
  const controller = new AbortController();
  setting.hub.faults.push((_, url) => void (/preupload/.test(url.pathname) && controller.abort()));
  await assert.rejects(setting.upload({ signal: controller.signal }), Interrupted);
  assert.deepEqual(setting.hub.asked.filter(({ path }) => /batch|commit/.test(path)), [], "it went on");
});

Deno.test("the token that a login left is used for its own hub alone", () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(join(folder.path, "token"), `${TOKEN}\n`);
  const HF_HOME = folder.path;
  assert.equal(keptToken({ HF_HOME }), TOKEN);
  assert.equal(keptToken({ HF_HOME, HF_ENDPOINT: "https://huggingface.co/" }), TOKEN);
  assert.equal(keptToken({ HF_HOME, HF_ENDPOINT: "https://mirror.example" }), undefined);
  assert.equal(keptToken({ HF_HOME, HF_TOKEN: "hf_other" }), "hf_other");
  assert.equal(keptToken({ HF_HOME: join(folder.path, "none") }), undefined);
  Deno.mkdirSync(join(folder.path, "huggingface"));
  Deno.renameSync(join(folder.path, "token"), join(folder.path, "huggingface", "token"));
  assert.equal(keptToken({ XDG_CACHE_HOME: folder.path }), TOKEN);
});
