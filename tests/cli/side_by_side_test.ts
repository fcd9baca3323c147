// Work on many items at once: their order, how many at a time, and what happens when one fails.
import assert from "node:assert/strict";
import { QuietObserver, type ReadyRun } from "../../src/cli/planned_runs.ts";
import { RankLane } from "../../src/cli/run_lanes.ts";
import { eachOf, makerOf } from "../../src/cli/side_by_side.ts";
import { RankMissing } from "../../src/distributed/collective.ts";
import type { RunsFolder } from "../../src/experiments/experiment_folder.ts";

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

Deno.test("a rank that was lost while it did nothing is told to who has it make a run", async () => {
  const lane = new RankLane(() => {});
  const folder = { path: "runs" } as RunsFolder;
  using maker = makerOf(folder, new QuietObserver(), { device: "cpu" }, [() => lane]);
  lane.lose(new RankMissing("it is gone"));
  const run = { name: "text-seed1", folders: new Map() } as unknown as ReadyRun;
  await assert.rejects(maker.make(run, {}, new AbortController().signal), /^RankMissing: it is gone$/);
});
