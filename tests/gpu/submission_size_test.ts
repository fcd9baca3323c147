// The policy of submissions against devices that only count time: any speed, any mixture of dispatches.
import assert from "node:assert/strict";
import { Random } from "../../src/base/random.ts";
import { MOST_DISPATCHES, SUBMISSION_MILLISECONDS, SubmissionSize } from "../../src/gpu/submission_size.ts";

interface Length {
  readonly milliseconds: number;
  /** Of that it is the policy's guess how long it takes. */
  readonly effort: number;
}

/** Runs steps of dispatches of such lengths, waits after each; gives sizes and times of the submissions of each step. */
function simulate(lengths: readonly Length[], steps: number, idle = 0) {
  let now = 0;
  const size = new SubmissionSize(true, () => now);
  return Array.from({ length: steps }, () => {
    const submissions: { dispatches: number; milliseconds: number }[] = [];
    now += idle; // before the first submission, as a server waits for requests
    let end = now;
    let open = { dispatches: 0, milliseconds: 0 };
    const submit = () => {
      size.submitted(false);
      submissions.push(open);
      end += open.milliseconds;
      open = { dispatches: 0, milliseconds: 0 };
    };
    for (const { milliseconds, effort } of lengths) {
      const pieces = size.piecesFor(effort);
      for (let i = 0; i < pieces; i++) {
        open.dispatches++;
        open.milliseconds += milliseconds / pieces;
        if (size.encoded(effort / pieces)) submit();
      }
    }
    if (open.dispatches > 0) submit();
    now = end;
    size.waited();
    return submissions;
  });
}

/** Dispatches of a length, all of an effort that says nothing. */
const alike = (count: number, milliseconds: number) =>
  new Array<Length>(count).fill({ milliseconds, effort: 0 });
const largest = (step: { dispatches: number }[]) => Math.max(...step.map(({ dispatches }) => dispatches));

Deno.test("submissions of any mixture of dispatches, the longest four times the average, stay below the limit", () => {
  const random = new Random(1);
  for (let trial = 0; trial < 50; trial++) {
    // From a microsecond to fifty milliseconds a dispatch, on the average.
    const average = 10 ** (random.uniform() * 4.7 - 3);
    const raw = Array.from(
      { length: 50 + Math.floor(random.uniform() * 2000) },
      () => random.uniform() ** 3 + 0.05,
    );
    const mean = raw.reduce((sum, one) => sum + one, 0) / raw.length;
    const lengths = raw.map((one) => ({ milliseconds: average * Math.min(4, one / mean), effort: 1 }));
    const steps = simulate(lengths, 12, random.uniform() * 1e5);
    for (const { dispatches, milliseconds } of steps.slice(1).flat()) {
      assert.ok(
        milliseconds <= SUBMISSION_MILLISECONDS || dispatches === 1,
        `${dispatches} dispatches of ${average} ms on the average took ${milliseconds} ms`,
      );
    }
    const wanted = Math.min(
      MOST_DISPATCHES,
      lengths.length,
      Math.floor(SUBMISSION_MILLISECONDS / 8 / average),
    );
    const found = largest(steps.at(-1)!);
    assert.ok(found >= wanted, `only ${found} dispatches of ${average} ms are submitted at once`);
  }
});

Deno.test("a dispatch of any length is cut below the limit, where efforts are up to twice too small or too large", () => {
  const random = new Random(2);
  for (let trial = 0; trial < 20; trial++) {
    const rate = 10 ** (6 + 5 * random.uniform()); // effort in a millisecond: 1 GFLOP/s to 100 TFLOP/s
    const lengths = Array.from({ length: 20 + Math.floor(random.uniform() * 200) }, () => {
      const effort = 10 ** (5 + 6 * random.uniform());
      return { effort, milliseconds: effort / rate * 2 ** (2 * random.uniform() - 1) };
    });
    const steps = simulate(lengths, 4, random.uniform() * 1e5);
    for (const { milliseconds } of steps.slice(1).flat()) {
      assert.ok(milliseconds <= SUBMISSION_MILLISECONDS, `${milliseconds} ms at ${rate} a millisecond`);
    }
    // And no smaller than it must be.
    const all = lengths.reduce((sum, one) => sum + one.milliseconds, 0);
    const most = 2 * lengths.length + all / (SUBMISSION_MILLISECONDS / 16);
    const found = steps.at(-1)!.reduce((sum, { dispatches }) => sum + dispatches, 0);
    assert.ok(found <= most, `${lengths.length} dispatches of ${all} ms were cut into ${found}`);
  }
});

Deno.test("what was too small to be a measure cuts nothing: fast adapters are given long dispatches whole", () => {
  let now = 0;
  const size = new SubmissionSize(true, () => now);
  const long = 3e10;
  assert.equal(size.piecesFor(long), 1, "of an adapter of which nothing is known");
  assert.ok(size.piecesFor(1e12) > 1);
  // A self-test: waits take longer than what is waited for.
  size.encoded(1e5);
  size.submitted(false);
  now += 10;
  size.waited();
  assert.equal(size.piecesFor(long), 1);
  // 600 GFLOP in 30 ms show that twice as much is not too long for a submission.
  for (let i = 0; i < 20; i++) size.encoded(long);
  size.submitted(false);
  now += 30;
  size.waited();
  assert.equal(size.piecesFor(1e12), 1);
});

Deno.test("a fast adapter is given the most after four waits, a slow one a dispatch at a time after one", () => {
  assert.deepEqual(simulate(alike(1000, 0.01), 6).map(largest), [16, 32, 64, 128, 256, 256]);
  assert.deepEqual(simulate(alike(20, 300), 3).map(largest), [16, 1, 1]);
});

Deno.test("work that had to be compiled, and waits without work, teach nothing", () => {
  let now = 0;
  const size = new SubmissionSize(true, () => now);
  const submit = (dispatches: number, isUnusual: boolean) => {
    for (let i = 0; i < dispatches; i++) size.encoded(1e9);
    size.submitted(isUnusual);
  };
  size.waited();
  submit(1, true);
  submit(100, false);
  now += 5000;
  size.waited();
  submit(0, false);
  now += 5000;
  size.waited();
  const untilFull = Array.from({ length: 100 }, () => size.encoded(0)).indexOf(true) + 1;
  assert.equal(untilFull, 16);
  assert.equal(size.piecesFor(4e10), 1);
});

Deno.test("a software adapter, which no driver watches, is given the most however slow it is", () => {
  let now = 0;
  const size = new SubmissionSize(false, () => now);
  for (let step = 0; step < 3; step++) {
    assert.equal(size.piecesFor(1e15), 1);
    const untilFull = Array.from({ length: 500 }, () => size.encoded(1e12)).indexOf(true) + 1;
    assert.equal(untilFull, MOST_DISPATCHES);
    size.submitted(false);
    now += 60_000;
    size.waited();
  }
});
