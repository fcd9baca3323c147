/** The pool of workers: how many it starts, what it answers, and when it lets them go. */
import assert from "node:assert/strict";
import { PoolClosed, WorkerPool } from "../../../src/data/workers/worker_pool.ts";

const MODULE = new URL("test_worker.ts", import.meta.url);

class Pool extends WorkerPool<number, { readonly milliseconds: number }> {
  constructor(size: number, mostMilliseconds?: number) {
    super(MODULE, size, mostMilliseconds);
  }

  async ask(milliseconds: number): Promise<number> {
    return (await this.run(milliseconds)).milliseconds;
  }
}

/** Counts workers started and ended, and holds timers of the pool's idle time until they are asked to fire. */
class Watch {
  started = 0;
  ended = 0;
  readonly timers = new Map<number, () => void>();
  readonly #worker = globalThis.Worker;
  readonly #setTimeout = globalThis.setTimeout;
  readonly #clearTimeout = globalThis.clearTimeout;

  constructor() {
    // deno-lint-ignore no-this-alias
    const watch = this;
    globalThis.Worker = class extends this.#worker {
      constructor(...given: ConstructorParameters<typeof Worker>) {
        super(...given);
        watch.started++;
      }
      override terminate() {
        watch.ended++;
        super.terminate();
      }
    };
    let next = 1e9;
    globalThis.setTimeout = ((body: () => void, after?: number) => {
      if (after !== 5000) return this.#setTimeout(body, after);
      this.timers.set(next, body);
      return next++;
    }) as typeof setTimeout;
    globalThis.clearTimeout = (id) => {
      if (id !== undefined && !this.timers.delete(id as number)) this.#clearTimeout(id as number);
    };
  }

  [Symbol.dispose](): void {
    globalThis.Worker = this.#worker;
    globalThis.setTimeout = this.#setTimeout;
    globalThis.clearTimeout = this.#clearTimeout;
  }
}

Deno.test("workers are let go after a while without work, never while one is at work, and start anew", async () => {
  using watch = new Watch();
  const pool = new Pool(2);
  await Promise.all([pool.ask(1), pool.ask(1)]); // both workers are there
  const [slow, quick] = [pool.ask(1000), pool.ask(1)];
  assert.equal(await quick, 1);
  assert.equal(watch.timers.size, 0, "one is at work");
  assert.equal(await slow, 1000);
  assert.equal(watch.timers.size, 1);
  assert.equal(await pool.ask(2), 2);
  assert.deepEqual([watch.timers.size, watch.started, watch.ended], [1, 2, 0], "work puts it off");
  for (const fire of watch.timers.values()) fire();
  assert.equal(watch.ended, 2);
  assert.equal(await pool.ask(3), 3);
  assert.deepEqual([watch.started, watch.ended], [3, 2]);
  pool.close();
  assert.deepEqual([watch.timers.size, watch.ended], [0, 3]);
});

Deno.test("no more workers start than there is work for, or than the pool may have", async () => {
  using watch = new Watch();
  const alone = new Pool(3);
  for (const job of [1, 2, 3]) assert.equal(await alone.ask(job), job);
  assert.equal(watch.started, 1);
  alone.close();
  const pool = new Pool(3);
  const jobs = [5, 4, 3, 2, 1, 6, 7];
  assert.deepEqual(await Promise.all(jobs.map((job) => pool.ask(job))), jobs);
  assert.equal(watch.started, 4);
  pool.close();
  assert.deepEqual([new Pool(0).size, new Pool(99).size], [1, 32]);
});

Deno.test("a job that fails is rejected alone; of a worker that dies, the job that kills another too", async () => {
  using watch = new Watch();
  const pool = new Pool(1);
  const [bad, good] = [pool.ask(-1), pool.ask(2)];
  await assert.rejects(bad, /no -1/);
  assert.equal(await good, 2);
  assert.equal(watch.started, 1);
  const [held, dead, later] = [pool.ask(500), pool.ask(0.5), pool.ask(4)];
  await assert.rejects(dead, /the worker failed: .*dead/);
  assert.deepEqual(await Promise.all([held, later]), [500, 4]);
  assert.deepEqual([watch.started, watch.ended], [3, 2]);
  pool.close();
});

Deno.test("a worker that takes too long is replaced; the job is tried once more, and what waits behind it is done", async () => {
  using watch = new Watch();
  const pool = new Pool(2, 1000), patient = new Pool(1, 1000);
  // In all they take longer than one may.
  const long = Promise.all(Array.from({ length: 8 }, () => patient.ask(300)));
  const endless = pool.ask(0.25);
  const others = [1, 2, 3, 4, 5, 6].map((job) => pool.ask(job));
  await assert.rejects(endless, /it took more than 1 s, and was given up/);
  assert.deepEqual(await Promise.all(others), [1, 2, 3, 4, 5, 6]);
  await long;
  assert.equal(watch.ended, 2);
  pool.close();
  patient.close();
});

Deno.test("of a pool that is closed while a job is made, nothing goes on", async () => {
  using watch = new Watch();
  const pool = new Pool(1, 50);
  const { promise, resolve } = Promise.withResolvers<{ job: number }>();
  let made = 0;
  const answer = pool.runMade(() => {
    made++;
    return promise;
  });
  pool.close();
  await assert.rejects(answer, PoolClosed);
  resolve({ job: 1 });
  await new Promise((done) => setTimeout(done, 100));
  assert.deepEqual([made, watch.started, watch.ended], [1, 1, 1]);
});

Deno.test("a worker is not given up over a job that could not be made", async () => {
  using watch = new Watch();
  const pool = new Pool(1, 700);
  assert.equal(await pool.ask(1), 1); // the worker is there
  const { promise, reject } = Promise.withResolvers<{ job: number }>();
  const [first, second] = [pool.ask(100), pool.runMade(() => promise)];
  await first;
  reject(new Error("it is gone"));
  await assert.rejects(second, /it is gone/);
  await new Promise((done) => setTimeout(done, 800));
  assert.equal(await pool.ask(2), 2);
  assert.deepEqual([watch.started, watch.ended], [1, 0]);
  pool.close();
});
