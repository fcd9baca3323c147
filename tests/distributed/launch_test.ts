/** `unis launch` itself: what it refuses, what its ranks are allowed, and how they end with it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ownProgram } from "../../src/app/own_program.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { refused } from "../cli/unis.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { withVariables } from "../variables.ts";
import { byLaunch } from "./jobs.ts";
import { longTraining, saved } from "./long_training.ts";
import { isThere } from "./processes.ts";

const isUnix = Deno.build.os !== "windows";

Deno.test("unis launch is not started by another launcher", async () => {
  using _ = withVariables({ PMI_SIZE: "4" });
  assert.match(
    await refused("launch", "-n", "2", "--", "train"),
    /^unis: unis launch is itself one of 4 processes .*\(PMI_SIZE\): start unis train by that launcher, or /,
  );
});

Deno.test("ranks have the permissions of their command's task, and no others", () => {
  const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("../../deno.json", import.meta.url)));
  const flags = (command: string) => ownProgram(command).args.slice(1, -1);
  const own = flags("train");
  for (const flag of own.filter((flag) => !/^--allow-(net|ffi)$/.test(flag))) {
    assert.ok(tasks.unis.includes(` ${flag}`), flag);
  }
  assert.ok(own.includes("--no-prompt") && own.includes("--allow-read"));
  assert.ok(!own.some((flag) => /^(-A|--allow-run)/.test(flag)), own.join(" "));
  assert.deepEqual(flags("doctor"), ["-A"]);
});

Deno.test("a rank that fails before it has met the others ends them, told with its number", async () => {
  // It has its own timeout, by --env.
  const { ended } = await byLaunch(["--env", "UNIS_MPI_TIMEOUT=30,soon"]).start([["doctor"], ["doctor"]]);
  const { code, said } = await ended;
  assert.equal(code, 2, said);
  assert.equal(said, "[rank 1] unis: UNIS_MPI_TIMEOUT must be a number of seconds above 0, got soon\n");
});

Deno.test("ranks log and say what unis launch is told to", async () => {
  using folder = temporaryFolder();
  const wrong = ["train", "--set", "training.nonsense=1"];
  const { ended } = await byLaunch(["--debug", "--log", join(folder.path, "log.txt")]).start([wrong, wrong]);
  const { code, said } = await ended;
  assert.equal(code, 2, said);
  assert.match(said, /unknown key.*\n[^]*^ +at /m);
  const [first, second] = ["log.txt", "log.rank1.txt"].map((name) =>
    Deno.readTextFileSync(join(folder.path, name))
  );
  assert.match(first!, /error {2}unis: --set: unknown key/);
  assert.match(second!, /detail unis .*: unis train --debug --log=.* --set training\.nonsense=1$/m);
});

/** Trains for hours by two ranks, which have saved something. */
async function trains(folder: string) {
  const args = [...longTraining(folder, "run"), "--log", join(folder, "log.txt")];
  const job = await byLaunch().start([args, args]);
  await saved(join(folder, "run"), 1, job);
  return job;
}

Deno.test({
  name: "a signal to unis launch has all ranks save and stop, each with a log of its own",
  ignore: !isUnix,
  async fn() {
    using folder = temporaryFolder();
    const job = await trains(folder.path);
    job.launcher.kill("SIGTERM");
    const { code, said } = await job.ended;
    assert.equal(code, 130, said);
    assert.match(said, /unis: stopped, and all is saved; go on by: unis train --resume/);
    assert.ok(RunFolder.open(join(folder.path, "run")).checkpoints.loadLast()!.state.step > 0);
    const logs = ["log.txt", "log.rank1.txt"].map((name) => Deno.readTextFileSync(join(folder.path, name)));
    for (const log of logs) assert.match(log, /note {3}Stopping after the step under way/);
    assert.match(logs[0]!, /Ended {7}with status 130/);
  },
});

Deno.test({
  name: "ranks end when unis launch is killed",
  ignore: !isUnix,
  async fn() {
    using folder = temporaryFolder();
    const job = await trains(folder.path);
    job.launcher.kill("SIGKILL");
    const { said } = await job.ended; // once nobody has its streams any more
    assert.match(said, /unis: unis launch has ended, in: /);
    for (let tries = 0; job.pids.some(isThere); tries++) {
      assert.ok(tries < 50, "a rank is still there");
      await new Promise((resume) => setTimeout(resume, 100));
    }
  },
});
