/** Failures of the network that pass are waited out, and those that do not are told. */
import assert from "node:assert/strict";
import { readRetryAfter, TemporaryFailure, Watchdog, withRetries } from "../../src/io/hub_retry.ts";

const ATTEMPT = { what: "fetch it", kept: "what is here is kept", instead: "or stay at home" };

/** What came of it, how long was waited, and what was said. */
async function tried(action: (progressed: () => void, tries: number) => Promise<string>) {
  const slept: number[] = [], notes: string[] = [];
  const clock = { now: () => 0, sleep: (ms: number) => Promise.resolve(void slept.push(ms)), stallMs: 1 };
  let tries = 0;
  const result = await withRetries(
    ATTEMPT,
    clock,
    (note) => notes.push(note),
    (progressed) => action(progressed, tries++),
  )
    .catch((error: Error) => `${error.name}: ${error.message}`);
  return { result, slept, notes };
}

Deno.test("withRetries() waits longer each time, gives up after five failures in a row, and counts anew after progress", async () => {
  const fail = (seconds?: number) => Promise.reject(new TemporaryFailure("it broke", seconds));
  assert.deepEqual(await tried(() => fail()), {
    result:
      "UserError: Cannot fetch it: it broke, 5 times in a row. Try again later (what is here is kept), or check the " +
      "connection and HF_ENDPOINT",
    slept: [1000, 2000, 4000, 8000],
    notes: [1, 2, 4, 8].map((wait) => `it broke; trying again in ${wait} s`),
  });
  const late = await tried((progressed, tries) => {
    if (tries === 3) progressed();
    return tries < 7 ? fail() : Promise.resolve("done");
  });
  assert.equal(late.result, "done");
  assert.deepEqual(late.slept, [1000, 2000, 4000, 1000, 2000, 4000, 8000]);
  assert.deepEqual((await tried((_, tries) => tries < 1 ? fail(300) : Promise.resolve("done"))).slept, [
    300_000,
  ]);
  assert.deepEqual(await tried(() => fail(301)), {
    result: "UserError: Cannot fetch it: it broke and asks to wait 301 s. Try again after that",
    slept: [],
    notes: [],
  });
});

Deno.test("withRetries() does not try again what cannot become better", async () => {
  assert.deepEqual(await tried(() => Promise.reject(new RangeError("no"))), {
    result: "RangeError: no",
    slept: [],
    notes: [],
  });
  const allowed = async (message: string) =>
    (await tried(() => Promise.reject(new Deno.errors.NotCapable(message)))).result;
  assert.equal(
    await allowed('Requires net access to "example.org:443", run again with the --allow-net flag'),
    "UserError: Cannot fetch it: the program was started without access to example.org:443. Start it with --allow-net, or " +
      "stay at home",
  );
  assert.match(await allowed("Requires something"), /without access to the network\. Start it/);
});

Deno.test("readRetryAfter() reads seconds and dates", () => {
  const now = Date.UTC(2024, 0, 1);
  const read = (header: string | null) => readRetryAfter(header, now);
  assert.deepEqual([read(null), read(" 7 "), read("0"), read("soon")], [undefined, 7, 0, undefined]);
  assert.equal(read("Mon, 01 Jan 2024 00:00:09 GMT"), 9);
  assert.equal(read("Sun, 31 Dec 2023 00:00:00 GMT"), 0);
  assert.equal(readRetryAfter("Mon, 01 Jan 2024 00:00:09 GMT", now + 1), 9);
});

Deno.test("a watchdog ends what nothing comes of, and says so without the address", async () => {
  using watchdog = new Watchdog(20);
  const failure = (start: (signal: AbortSignal) => Promise<never>) =>
    watchdog.guard("the host", start).then(() => assert.fail(), (error) => error as TemporaryFailure);
  const cut = await failure(() => Promise.reject(new Error("reset for url (http://x/?signature=1)")));
  assert.deepEqual([cut.name, cut.message, cut.neverMet], [
    "TemporaryFailure",
    "the connection to the host failed (reset)",
    false,
  ]);
  const unmet = await failure(() => Promise.reject(new Error("client error (Connect): refused")));
  assert.deepEqual([unmet.message, unmet.neverMet], ["the connection to the host failed (refused)", true]);
  const refused = new Deno.errors.NotCapable("no");
  assert.equal(await failure(() => Promise.reject(refused)), refused);
  assert.equal(await watchdog.guard("the host", () => Promise.resolve("answer")), "answer");
  const late = await failure((signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
  );
  assert.deepEqual([late.message, late.neverMet], ["nothing came from the host for 0.02 s", true]);
});

Deno.test("a watchdog reads a body to its end, and drops one that nobody reads on", async () => {
  using watchdog = new Watchdog(1000);
  let isDropped = false;
  const body = () =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(Uint8Array.of(1));
        controller.enqueue(Uint8Array.of(2, 3));
        controller.close();
      },
    });
  const parts = await Array.fromAsync(watchdog.read(new Response(body())));
  assert.deepEqual(parts, [Uint8Array.of(1), Uint8Array.of(2, 3)]);
  assert.deepEqual(await Array.fromAsync(watchdog.read(new Response(null))), []);
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(Uint8Array.of(1)),
    cancel: () => void (isDropped = true),
  });
  for await (const _ of watchdog.read(new Response(endless))) break;
  assert.ok(isDropped);
  const broken = new ReadableStream<Uint8Array>({ pull: () => Promise.reject(new Error("cut")) });
  await assert.rejects(
    Array.fromAsync(watchdog.read(new Response(broken))),
    /TemporaryFailure: the connection to the server failed \(cut\)/,
  );
});
