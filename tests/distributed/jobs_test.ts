/**
 * `unis train` as ranks that a launcher started: as one process, and how a job ends. scripts/test_mpi.sh runs these by MPI; else
 * they are of `unis launch`.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { byLaunch, byMpi } from "./jobs.ts";
import { longTraining, saved } from "./long_training.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { SMALL_TEXT, writeTable } from "../app/small_runs.ts";
import { done } from "../cli/unis.ts";
import { largestDifference } from "../train/trained.ts";

const mpiexec = Deno.env.get("UNIS_TEST_MPIEXEC")?.split(" ");
const form = mpiexec === undefined ? byLaunch() : byMpi(mpiexec);
const folder = Deno.makeTempDirSync({ prefix: "unis-mpi-" });
Deno.test.afterAll(() => Deno.removeSync(folder, { recursive: true }));

const COLOURS = ["red", "green", "blue"];
const table = join(folder, "items.csv");
writeTable(table, [
  ["title", "label"],
  ...Array.from(
    { length: 150 },
    (_, i) => [`${COLOURS[i % 3]} thing ${"very ".repeat(i % 7)}`, COLOURS[i % 3]!],
  ),
]);
const SETTINGS = [...SMALL_TEXT, "method=text", "training.batch=24", "training.micro_batch=6"];

const training = (name: string, settings: readonly string[] = []) => [
  ...["train", "--data", `table:${table}`, "--out", join(folder, name)],
  ...["--set", ...SETTINGS, ...settings],
];
/** Starts so many ranks with the same arguments. */
const start = (ranks: number, args: readonly string[], env = {}) => form.start(Array(ranks).fill(args), env);

async function finished(ranks: number, ...args: string[]): Promise<void> {
  const { code, said } = await (await start(ranks, args)).ended;
  assert.equal(code, 0, said);
}

const last = (name: string) => RunFolder.open(join(folder, name)).checkpoints.loadLast()!;

function jobTest(name: string, body: () => Promise<void>, ignore = Deno.build.os === "windows"): void {
  Deno.test({ name: `${form.name}: ${name}`, ignore, fn: body });
}

/** Numbers of ranks, by the names of runs. Sums by `unis launch` hang on no timing, and are held to the bit by themselves. */
const JOBS: Readonly<Record<string, number>> = form.isAlike ? { two: 2 } : { two: 2, again: 2, four: 4 };

jobTest("ranks make what one process makes, and the same to the bit again", async () => {
  await done(...training("one"));
  const told = (name: string) =>
    new Map([...last(name).weights].filter(([name]) => !name.endsWith("key.bias")));
  for (const [name, ranks] of Object.entries(JOBS)) {
    await finished(ranks, ...training(name));
    assert.ok(largestDifference(told(name), told("one")) < 1e-4, name);
    const [found, expected] = [name, "one"].map((name) => RunFolder.open(join(folder, name)));
    found!.records().forEach(({ training_loss: { total } }, i) =>
      assert.ok(Math.abs(total! - expected!.records()[i]!.training_loss.total!) < 1e-5)
    );
    assert.deepEqual(found!.evaluation()!.accuracy, expected!.evaluation()!.accuracy);
  }
  if ("again" in JOBS) assert.equal(largestDifference(last("two").weights, last("again").weights), 0);
});

jobTest(
  "gradients in half the bytes: two ranks and four make the same again to the bit, near what f32 makes",
  async () => {
    const half = (name: string) => training(name, ["training.wire=f16", "training.epochs=2"]);
    await finished(2, ...training("full", ["training.epochs=2"]));
    for (const ranks of [2, 4]) {
      await finished(ranks, ...half(`half_${ranks}`));
      const told = (name: string) =>
        new Map([...last(name).weights].filter(([name]) => !name.endsWith("key.bias")));
      const difference = largestDifference(told(`half_${ranks}`), told("full"));
      assert.ok(difference > 0 && difference < 1e-2, `${difference}`);
    }
    await finished(2, ...half("half_again"));
    assert.equal(largestDifference(last("half_2").weights, last("half_again").weights), 0);
  },
  form.isAlike, // what differs by form is held to the bit in collective_test.ts
);

jobTest("ranks that were not started alike say what differs, once, and end", async () => {
  const cases = [
    [training("a"), training("a", ["seed=3"]), /"seed" is 1 for rank 0 and 3 for rank 1/],
    [
      training("b"),
      training("b", ["training.batch=48"]),
      /"training.batch" is 24 for rank 0 and 48 for rank 1/,
    ],
  ] as const;
  for (const [first, second, message] of cases) {
    const { code, said } = await (await form.start([first, second])).ended;
    assert.equal(code, 2, said);
    assert.match(said, message);
    assert.equal(said.split("unis: ").length, 2, said);
  }
}, form.isAlike);

jobTest(
  "a rank that is killed ends the job; another number goes on, until one is told to stop and all save",
  async () => {
    const killed = await start(2, longTraining(folder, "killed"));
    const run = join(folder, "killed");
    await saved(run, 3, killed);
    Deno.kill(killed.pids[1]!, "SIGKILL");
    const { code, said } = await killed.ended;
    assert.notEqual(code, 0);
    if (form.isAlike) assert.match(said, /unis: rank \d was ended by SIGKILL, and the others with it\n$/);
    const { step } = last("killed").state;
    assert.ok(step >= 3);

    const stopped = await start(3, ["train", "--resume", run, "--epochs", "6000"]);
    await saved(run, step + 1, stopped);
    Deno.kill(stopped.pids[1]!, "SIGTERM");
    const { code: status, said: more } = await stopped.ended;
    assert.equal(status, 130, more);
    assert.match(more, /unis: stopped, and all is saved; go on by: unis train --resume/);
    assert.equal(RunFolder.open(run).config.training.epochs, 6000);
    const { epoch } = last("killed").state;
    await done("train", "--resume", run, "--epochs", `${epoch + 2}`);
  },
);

jobTest("a rank that stands still is named by those that wait for it", async () => {
  const job = await start(3, longTraining(folder, "still"), { UNIS_MPI_TIMEOUT: "4" });
  await saved(join(folder, "still"), 3, job);
  Deno.kill(job.pids[1]!, "SIGSTOP");
  const { code, said } = await job.ended;
  assert.equal(code, 75, said);
  assert.match(said, /unis: Waited 4 s for rank \d \(UNIS_MPI_TIMEOUT\) in: \w+/);
});

jobTest("a rank that stands still before it has joined the others ends them, too", async () => {
  const job = await start(2, training("early"), { UNIS_MPI_TIMEOUT: "3" });
  Deno.kill(job.pids[1]!, "SIGSTOP");
  const { code, said } = await job.ended;
  assert.equal(code, 75, said);
  assert.match(said, /unis: Waited 3 s for other ranks \(UNIS_MPI_TIMEOUT\) in: \w+/);
});

jobTest("an error of one rank ends all, told with its number", async () => {
  const job = await form.start(
    [training("one_wrong"), ["train", "--resume", join(folder, "nothing")]],
    { UNIS_MPI_TIMEOUT: "30" },
  );
  const { code, said } = await job.ended;
  assert.equal(code, 2, said);
  assert.match(said, /\[rank 1\] unis: .*nothing is no folder of a run/);
}, form.isAlike);
