// Work on many items at once: their order, how many at a time, and what happens when one fails.
import assert from "node:assert/strict";
import { eachOf } from "../../src/cli/side_by_side.ts";

const soon = () => new Promise((resume) => setTimeout(resume, 1));

Deno.test("eachOf() begins items in their order, as many at once as it may, and does all", async () => {
  for (const [count, jobs, expected] of [[7, 3, 3], [2, 5, 2], [4, 1, 1], [0, 2, 0]] as const) {
    const begun: number[] = [], done: number[] = [];
    let underWay = 0, most = 0;
    await eachOf(Array.from({ length: count }, (_, i) => 10 + i), jobs, async (item, index) => {
      assert.equal(item, 10 + index);
      begun.push(index);
      most = Math.max(most, ++underWay);
      for (let i = index % 3; i >= 0; i--) await soon();
      underWay--;
      done.push(index);
    });
    assert.deepEqual(begun, Array.from({ length: count }, (_, i) => i));
    assert.deepEqual(done.toSorted(), begun);
    assert.equal(most, expected, `${count} items, ${jobs} at once`);
  }
});

Deno.test("eachOf() begins nothing after one has failed, waits for what is under way, and rejects by the first failure", async () => {
  const done: number[] = [];
  const work = eachOf([0, 1, 2, 3, 4], 2, async (item) => {
    await soon();
    if (item === 1) throw new Error("one");
    await soon();
    done.push(item);
  });
  await assert.rejects(work, /^Error: one$/);
  assert.deepEqual(done, [0]);
});
