/** Ranks share out the runs of an experiment, and end together. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { exists, readJson } from "../../src/io/files.ts";
import { done } from "../cli/unis.ts";
import { featuresExperiment, writeFeatures } from "../experiments/features.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { byLaunch, eventually } from "./jobs.ts";

Deno.test({
  name:
    "ranks make the runs of an experiment, save them when one is told to stop, and go on to the results of one process",
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = temporaryFolder();
    const path = (name: string) => join(folder.path, name);
    writeFeatures(path("data"));
    const { set, ...file } = featuresExperiment(path("data"));
    Deno.writeTextFileSync(
      path("file.json"),
      JSON.stringify({
        ...file,
        // Long enough that neither run is over when both have saved something.
        set: { ...set, "training.epochs": 16, "training.early_stopping": 16, "training.checkpoint_every": 1 },
        variants: [{ name: "View 1", method: "view1" }],
      }),
    );
    const args = (out: string) => ["experiment", path("file.json"), "--out", path(out)];
    const runs = ["view-1-seed1", "view-1-seed2"];
    const refused = await (await byLaunch().start(Array(2).fill([...args("ranks"), "--jobs", "2"]))).ended;
    assert.equal(refused.code, 2, refused.said);
    assert.equal(refused.said, "unis: --jobs is for one process, not 2 ranks, each of which makes runs\n");
    const job = await byLaunch().start(Array(2).fill(args("ranks")), { UNIS_MPI_TIMEOUT: "Infinity" });
    await eventually(
      job,
      () => runs.every((run) => exists(join(path("ranks"), run, "checkpoints/last.json"))) || undefined,
    );
    Deno.kill(Math.max(...job.pids), "SIGTERM"); // the last that was started
    const stopped = await job.ended;
    assert.equal(stopped.code, 130, stopped.said);
    assert.match(stopped.said, /unis: stopped, and all is saved; the same command goes on$/m);
    assert.ok(!runs.every((run) => exists(join(path("ranks"), run, "test.json"))), "it was told too late");
    const again = await (await byLaunch().start(Array(2).fill(args("ranks")))).ended;
    assert.equal(again.code, 0, again.said);
    await done(...args("alone"));
    assert.deepEqual(
      readJson(join(path("ranks"), "results.json")),
      readJson(join(path("alone"), "results.json")),
    );
  },
});
