import assert from "node:assert/strict";
import { join } from "node:path";
import { bytes, cutAfter, ID, modelFiles } from "./hub_server.ts";
import { Setting, TOKEN, WANTED } from "./hub_setting.ts";

const isStorage = (url: URL) => url.search.includes("signature");
const once = (status: number, headers: HeadersInit = {}) => () => new Response("no", { status, headers });

Deno.test("resolveModel() sends the token to the hub and to no other host", async () => {
  await using setting = new Setting();
  await setting.resolve();
  const byHost = Object.groupBy(setting.hub.seen, ({ host }) => host);
  assert.ok(byHost.hub!.length > 5 && byHost.storage!.length === 1);
  assert.ok(byHost.hub!.every(({ token }) => token === `Bearer ${TOKEN}`));
  assert.ok(byHost.storage!.every(({ token }) => token === null));
});

Deno.test("resolveModel() goes on where the connection was cut", async () => {
  await using setting = new Setting();
  const weights = setting.hub.files.get("model.safetensors")!;
  setting.hub.faults.push(
    (_, url) => isStorage(url) ? cutAfter(weights.slice(0, 100_000), {}, weights.length) : undefined,
    (request, url) => {
      if (!isStorage(url)) return undefined;
      assert.equal(request.headers.get("range"), "bytes=100000-");
      const headers = { "content-range": `bytes 100000-299999/300000` };
      return cutAfter(weights.slice(100_000, 150_000), { status: 206, headers }, 200_000);
    },
  );
  const { folder } = await setting.resolve();
  setting.checkFiles(folder, WANTED);
  const ranges = setting.hub.seen.filter(({ host }) => host === "storage").map(({ range }) => range);
  assert.deepEqual(ranges, [null, "bytes=100000-", "bytes=150000-"]);
  assert.deepEqual(setting.slept, [1000, 2000]);
  assert.match(setting.notes[0]!, /connection to 127\.0\.0\.1:\d+ failed.*trying again in 1 s/);
  assert.ok(setting.notes.every((note) => !note.includes("signature")), "a signed address is in a message");
});

Deno.test("resolveModel() fetches a file that is empty", async () => {
  await using setting = new Setting(new Map([...modelFiles(), ["vocab.txt", new Uint8Array()]]));
  setting.checkFiles((await setting.resolve()).folder, WANTED);
});

Deno.test("resolveModel() tries again after every status that says of itself that it passes, and no other", async () => {
  for (const status of [408, 425, 429, 500, 502, 503, 504, 400, 424, 501, 505]) {
    await using setting = new Setting();
    setting.hub.faults.push(once(status));
    const isTried = ![400, 424, 501, 505].includes(status);
    if (isTried) await setting.resolve();
    else await setting.refusal();
    assert.deepEqual(setting.slept, isTried ? [1000] : [], `${status}`);
  }
});

Deno.test("resolveModel() goes on from an earlier process's part, also where the server cannot", async () => {
  for (const serverResumes of [true, false]) {
    await using setting = new Setting();
    const weights = setting.hub.files.get("model.safetensors")!;
    await setting.resolve({ kinds: [] });
    Deno.writeFileSync(setting.part, weights.subarray(0, 1234));
    if (!serverResumes) {
      setting.hub.faults.push((_, url) => isStorage(url) ? new Response(weights) : undefined);
    }
    setting.checkFiles((await setting.resolve()).folder, WANTED);
    assert.ok(setting.events.includes("begin model.safetensors 1234/300000"));
    assert.equal(setting.hub.seen.find(({ host }) => host === "storage")!.range, "bytes=1234-");
    assert.deepEqual(setting.notes, []);
  }
});

Deno.test("resolveModel() drops a part that is too long or not of this file", async () => {
  for (const part of [bytes(300_001), bytes(300_000, 9), bytes(1000, 9)]) {
    await using setting = new Setting();
    await setting.resolve({ kinds: [] });
    Deno.writeFileSync(setting.part, part);
    setting.checkFiles((await setting.resolve()).folder, WANTED);
    assert.equal(setting.notes.length, 1);
    assert.match(setting.notes[0]!, /(longer than|SHA-256 is not).*fetching it anew/);
  }
});

Deno.test("resolveModel() gives up after five cuts in a row and keeps the part", async () => {
  await using setting = new Setting();
  const weights = setting.hub.files.get("model.safetensors")!;
  for (let i = 0; i < 5; i++) {
    setting.hub.faults.push((request, url) => {
      if (!isStorage(url)) return undefined;
      const from = Number(/\d+/.exec(request.headers.get("range") ?? "")?.[0] ?? 0);
      const headers = { "content-range": `bytes ${from}-299999/300000` };
      return cutAfter(
        weights.slice(from, from + 1000),
        { status: from ? 206 : 200, headers },
        300_000 - from,
      );
    });
  }
  assert.match(await setting.refusal(), /model\.safetensors of some-org\/tiny-model .* 5 times in a row/);
  assert.equal(Deno.statSync(setting.part).size, 5000);
  setting.checkFiles((await setting.resolve()).folder, WANTED);
});

Deno.test("resolveModel() counts failures anew after each mebibyte", async () => {
  const files = modelFiles();
  const weights = bytes(8 << 20);
  files.set("model.safetensors", weights);
  await using setting = new Setting(files);
  for (let i = 0; i < 6; i++) {
    setting.hub.faults.push((request, url) => {
      if (!isStorage(url)) return undefined;
      const from = Number(/\d+/.exec(request.headers.get("range") ?? "")?.[0] ?? 0);
      const headers = { "content-range": `bytes ${from}-${weights.length - 1}/${weights.length}` };
      const part = weights.slice(from, from + (5 << 18));
      return cutAfter(part, { status: from ? 206 : 200, headers }, weights.length - from);
    });
  }
  setting.checkFiles((await setting.resolve()).folder, WANTED);
  assert.deepEqual(setting.slept, [1000, 1000, 1000, 1000, 1000, 1000]);
});

Deno.test("resolveModel() refuses a file whose content is not what the hub says, after one fresh try", async () => {
  const wrong: [string, { hash?: string; size?: number }, RegExp][] = [
    ["model.safetensors", { hash: "a".repeat(64) }, /its SHA-256 is not the one the hub states, twice/],
    ["config.json", { hash: "a".repeat(40) }, /its git SHA-1 is not the one the hub states, twice/],
    [
      "model.safetensors",
      { size: 400_000 },
      /it ends after 0\.3 MB of 0\.4 MB, twice/,
    ],
    ["model.safetensors", { size: 200_000 }, /it is longer than the 0\.2 MB it should have, twice/],
  ];
  for (const [name, listed, message] of wrong) {
    await using setting = new Setting();
    setting.hub.listed.set(name, listed);
    const refusal = await setting.refusal();
    assert.match(refusal, message);
    assert.match(refusal, new RegExp(`Cannot fetch ${name} of ${ID}`));
    assert.equal(setting.hub.paths("hub").filter((path) => path.endsWith(`/${name}`)).length, 2);
    const blobs = Array.from(Deno.readDirSync(join(setting.cache, "blobs")), (entry) => entry.name);
    assert.ok(!blobs.some((blob) => blob.endsWith(".incomplete")), "the bad part was kept");
    assert.throws(() => Deno.statSync(join(setting.cache, "refs", "main")), Deno.errors.NotFound);
  }
});

Deno.test("resolveModel() takes the second content if only the first was damaged", async () => {
  await using setting = new Setting();
  setting.hub.faults.push((_, url) => isStorage(url) ? new Response(bytes(300_000, 7)) : undefined);
  setting.checkFiles((await setting.resolve()).folder, WANTED);
  assert.match(setting.notes.join(), /model\.safetensors of .*: its SHA-256 .*; fetching it anew/);
});

Deno.test("resolveModel() waits as told by Retry-After, or ever longer, and says so", async () => {
  const cases: [number, HeadersInit, number][] = [
    [429, { "retry-after": "7" }, 7000],
    [429, { "retry-after": "Mon, 01 Jan 2024 00:01:00 GMT" }, 60_000],
    [429, { "retry-after": "soon" }, 1000],
    [503, {}, 1000],
    [500, { "retry-after": "3" }, 3000],
  ];
  for (const [status, headers, wait] of cases) {
    await using setting = new Setting();
    setting.hub.faults.push(once(status, headers));
    setting.checkFiles((await setting.resolve()).folder, WANTED);
    assert.deepEqual(setting.slept, [wait], `${status} ${JSON.stringify(headers)}`);
    assert.match(setting.notes[0]!, new RegExp(`answered ${status}; trying again in ${wait / 1000} s`));
  }
});

Deno.test("resolveModel() asks the hub for a new address when the storage host refuses the old one", async () => {
  await using setting = new Setting();
  setting.hub.faults.push((_, url) => isStorage(url) ? new Response("expired", { status: 403 }) : undefined);
  setting.checkFiles((await setting.resolve()).folder, WANTED);
  assert.equal(setting.hub.paths("hub").filter((path) => path.endsWith("/model.safetensors")).length, 2);
});

Deno.test("resolveModel() drops a connection over which nothing comes", async () => {
  await using setting = new Setting();
  const clock = { now: Date.now, sleep: () => Promise.resolve(), stallMs: 150 };
  let release = () => {};
  const stalled = new ReadableStream({ start: (c) => void (release = () => c.close()) });
  setting.hub.faults.push((_, url) => isStorage(url) ? new Response(stalled) : undefined);
  const { folder } = await setting.resolve({ clock });
  try {
    release();
  } catch { /* the server knows already that the client has left */ }
  setting.checkFiles(folder, WANTED);
  assert.match(setting.notes[0]!, /nothing came from .* for 0\.15 s/);
});

Deno.test("resolveModel() at the same time twice downloads once", async () => {
  await using setting = new Setting();
  const [one, two] = await Promise.all([setting.resolve(), setting.resolve()]);
  assert.equal(one.folder, two.folder);
  setting.checkFiles(one.folder, WANTED);
  assert.equal(setting.hub.paths("storage").length, 1);
});
