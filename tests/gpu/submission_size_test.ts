// The policy of submissions against devices that only count time: any speed, any mixture of dispatches.
import assert from "node:assert/strict";
import { Random } from "../../src/base/random.ts";
import { MOST_DISPATCHES, SUBMISSION_MILLISECONDS, SubmissionSize } from "../../src/gpu/submission_size.ts";

/** Runs steps of dispatches of such lengths, waits after each; gives sizes and times of the submissions of each step. */
function simulate(lengths: readonly number[], steps: number, idle = 0) {
  let now = 0;
  const size = new SubmissionSize(true, () => now);
  return Array.from({ length: steps }, () => {
    const submissions: { dispatches: number; milliseconds: number }[] = [];
    now += idle; // before the first submission, as a server waits for requests
    let end = now;
    for (let at = 0; at < lengths.length;) {
      const part = lengths.slice(at, at + size.dispatches);
      const milliseconds = part.reduce((sum, one) => sum + one, 0);
      size.submitted(part.length, false);
      submissions.push({ dispatches: part.length, milliseconds });
      end += milliseconds;
      at += part.length;
    }
    now = end;
    size.waited();
    return submissions;
  });
}

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
    const lengths = raw.map((one) => average * Math.min(4, one / mean));
    const steps = simulate(lengths, 12, random.uniform() * 1e5);
    for (const { dispatches, milliseconds } of steps.slice(1).flat()) {
      assert.ok(
        milliseconds <= SUBMISSION_MILLISECONDS || dispatches === 1,
        `${dispatches} dispatches of ${average} ms on the average took ${milliseconds} ms`,
      );
    }
    const largest = Math.max(...steps.at(-1)!.map(({ dispatches }) => dispatches));
    const wanted = Math.min(
      MOST_DISPATCHES,
      lengths.length,
      Math.floor(SUBMISSION_MILLISECONDS / 8 / average),
    );
    assert.ok(largest >= wanted, `only ${largest} dispatches of ${average} ms are submitted at once`);
  }
});

Deno.test("a fast adapter is given the most after four waits, a slow one a dispatch at a time after one", () => {
  const largest = (step: { dispatches: number }[]) => Math.max(...step.map(({ dispatches }) => dispatches));
  assert.deepEqual(simulate(new Array(1000).fill(0.01), 6).map(largest), [16, 32, 64, 128, 256, 256]);
  assert.deepEqual(simulate(new Array(20).fill(300), 3).map(largest), [16, 1, 1]);
});

Deno.test("work that had to be compiled, and waits without work, teach nothing", () => {
  let now = 0;
  const size = new SubmissionSize(true, () => now);
  size.waited();
  size.submitted(1, true);
  size.submitted(100, false);
  now += 5000;
  size.waited();
  size.submitted(0, false);
  now += 5000;
  size.waited();
  assert.equal(size.dispatches, 16);
});

Deno.test("a software adapter, which no driver watches, is given the most however slow it is", () => {
  let now = 0;
  const size = new SubmissionSize(false, () => now);
  for (let step = 0; step < 3; step++) {
    assert.equal(size.dispatches, MOST_DISPATCHES);
    size.submitted(MOST_DISPATCHES, false);
    now += 60_000;
    size.waited();
  }
});
