// What the commands do when the device is lost, or has no memory left, in the middle: what is kept, what is said, and how it
// goes on.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { run as unis } from "../../src/cli/program.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { writeTable } from "../app/small_runs.ts";
import { OpenedDevices } from "../gpu/opened_devices.ts";

const folder = Deno.makeTempDirSync({ prefix: "unis-lost-" });
Deno.test.afterAll(() => Deno.removeSync(folder, { recursive: true }));
const table = join(folder, "items.csv");
const COLOURS = ["red", "green", "blue"];
// Numbers and not texts: the model has few kernels, which each of many devices compiles.
writeTable(table, [
  ["a", "b", "label"],
  ...Array.from({ length: 120 }, (_, i) => [`${i % 3}.${i % 7}`, `${i % 5}`, COLOURS[i % 3]!]),
]);

/** Runs a command in this process; gives its status and all that it could print. */
async function command(...args: string[]): Promise<{ status: number; said: string }> {
  const log = join(folder, `${crypto.randomUUID()}.log`);
  const { error, log: print } = console;
  console.error = console.log = () => {};
  try {
    const status = await unis([...args, "--quiet", "--log", log]);
    return { status, said: Deno.readTextFileSync(log) };
  } finally {
    Object.assign(console, { error, log: print });
  }
}

const SETTINGS = [
  ...[
    'data.features=["a","b"]',
    "data.label=label",
    "method=features",
    "model.encoders.features.hidden_size=8",
  ],
  ...["training.epochs=4", "training.validation_every=2", "training.batch=12", "training.micro_batch=12"],
];

/** Trains at `folder/name`, with more settings and then flags. */
function train(name: string, ...more: string[]) {
  return command(
    "train",
    "--data",
    `table:${table}`,
    "--out",
    join(folder, name),
    "--set",
    ...SETTINGS,
    ...more,
  );
}

/** All that a run leaves behind but for times. */
function contents(name: string): unknown {
  const path = join(folder, name);
  const digest = (file: string) =>
    createHash("sha256").update(Deno.readFileSync(join(path, file))).digest("hex");
  const records = RunFolder.open(path).records()
    .map(({ seconds: _, input_wait_seconds: __, ...record }) => record);
  const files = ["best.safetensors", "last.safetensors", "last.optimizer.safetensors"];
  return {
    records,
    files: files.map((file) => digest(join("checkpoints", file))),
    results: ["test.json", "predictions.csv"].map((file) => Deno.readTextFileSync(join(path, file))),
  };
}

const counting = new OpenedDevices();
const reference = await train("reference");
assert.equal(reference.status, 0, reference.said);
const dispatches = counting.dispatches;
const expected = contents("reference");
counting[Symbol.dispose]();

/** The number of the dispatch at a share of a training. */
const place = (share: number) => Math.floor(share * dispatches);

Deno.test("a training whose device is lost ends with 75, says what is kept, and goes on from there, bit for bit", async () => {
  for (const [i, share] of [0.02, 0.6, 0.99].entries()) {
    const name = `lost-${i}`;
    const path = join(folder, name);
    using opened = new OpenedDevices();
    opened.losses = [place(share)];
    const lost = await train(name);
    assert.equal(lost.status, 75, lost.said);
    const run = RunFolder.open(path);
    const step = run.checkpoints.loadLast()?.state.step;
    assert.equal(step === undefined, share === 0.02);
    const kept = step === undefined
      ? `No checkpoint of ${path} was due yet`
      : `Weights, moments and metrics of ${path} are kept up to step ${step}`;
    assert.ok(lost.said.includes(`${kept}; go on by: unis train --resume ${path}\n`), lost.said);
    assert.match(lost.said, /unis: The device was lost: \S/);
    assert.doesNotMatch(lost.said, /\n +at /);
    assert.match(run.environment()!.sessions[0]!.lost!, /device was lost/);
    const resumed = await command("train", "--resume", path);
    assert.equal(resumed.status, 0, resumed.said);
    assert.deepEqual(contents(name), expected, `lost at ${share}`);
  }
});

Deno.test("unis train --restarts opens other devices by itself, as often as it may, and ends the same", async () => {
  using opened = new OpenedDevices();
  // In the self-test, and in the second session.
  opened.losses = [2, place(0.9)];
  const trained = await train("restarted", "--restarts", "2");
  assert.equal(trained.status, 0, trained.said);
  assert.equal(opened.devices.length, 3);
  assert.equal(trained.said.match(/Opening another device: restart \d of 2/g)?.length, 2);
  assert.deepEqual(contents("restarted"), expected);

  opened.losses = [2, 40].map((place) => opened.dispatches + place);
  const given = await train("given-up", "--restarts", "1");
  assert.equal(given.status, 75, given.said);
  assert.match(given.said, /; go on by: unis train --resume|; the same command may be tried again/);
});

Deno.test("with checkpoints within an epoch less is lost with a device, and the end is the same", async () => {
  const oneEpoch = ["training.epochs=1", "training.validation_every=null"];
  using opened = new OpenedDevices();
  assert.equal((await train("plain", ...oneEpoch)).status, 0);
  const half = opened.dispatches / 2;
  opened.losses = [opened.dispatches + half];
  const lost = await train("often", ...oneEpoch, "training.checkpoint_every=1");
  assert.equal(lost.status, 75, lost.said);
  const { epoch, step } = RunFolder.open(join(folder, "often")).checkpoints.lastState()!;
  assert.equal(epoch, 0);
  assert.match(lost.said, new RegExp(`are kept up to step ${step};`));
  opened.losses = [opened.dispatches + half];
  const resumed = await command("train", "--resume", join(folder, "often"), "--restarts", "1");
  assert.equal(resumed.status, 0, resumed.said);
  assert.match(resumed.said, /restart 1 of 1/);
  assert.deepEqual(contents("often"), contents("plain"));
});

Deno.test("a training whose device begins to compute wrong ends with 1 before that is saved, and goes on from what is right", async () => {
  const path = join(folder, "wrong");
  using opened = new OpenedDevices();
  opened.wrongFrom = place(0.6);
  const wrong = await train("wrong", "--restarts", "1");
  assert.equal(wrong.status, 1, wrong.said);
  assert.equal(opened.devices.length, 1, "it is for the user to decide whether the device is used again");
  const step = RunFolder.open(path).checkpoints.loadLast()!.state.step;
  const line = wrong.said.split("\n").find((line) => line.includes("unis: The device"))!;
  assert.match(
    line,
    /unis: The device began to compute wrong, by step \d+: \d+ of the 16384 numbers of a product in f32/,
  );
  const kept = `Weights, moments and metrics of ${path} are kept up to step ${step}, when it was right.`;
  assert.ok(line.includes(`. ${kept} Try the card`), line);
  assert.ok(line.endsWith(`; go on by: unis train --resume ${path}`), line);
  opened.wrongFrom = Infinity;
  const resumed = await command("train", "--resume", path);
  assert.equal(resumed.status, 0, resumed.said);
  assert.deepEqual(contents("wrong"), expected);
});

Deno.test("unis predict ends with 75 and leaves what was there", async () => {
  const out = join(folder, "answers.csv");
  Deno.writeTextFileSync(out, "before");
  using opened = new OpenedDevices();
  const args = ["predict", join(folder, "reference"), "--data", table, "--out", out, "--batch", "4"];
  const before = opened.dispatches;
  assert.equal((await command(...args)).status, 0);
  const answers = Deno.readTextFileSync(out);
  opened.losses = [opened.dispatches + opened.dispatches - before - 1];
  const lost = await command(...args);
  assert.equal(lost.status, 75, lost.said);
  assert.match(lost.said, /unis: The device was lost: .*; nothing was written/);
  assert.equal(Deno.readTextFileSync(out), answers);
  assert.deepEqual(Array.from(Deno.readDirSync(folder)).filter(({ name }) => name.endsWith(".tmp")), []);
});

Deno.test("unis serve answers 503 when the device is lost, and ends with 75", async () => {
  using opened = new OpenedDevices();
  const log = join(folder, "serve.log");
  const { error, log: print } = console;
  console.error = console.log = () => {};
  const served = unis(["serve", join(folder, "reference"), "--port", "0", "--log", log]);
  try {
    let address: string | undefined;
    while (address === undefined) {
      await new Promise((resume) => setTimeout(resume, 20));
      const said = await Deno.readTextFile(log).catch(() => "");
      address = /http:\S+/.exec(said)?.[0];
    }
    const post = () =>
      fetch(`${address}predict`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ features: [1.5, 2] }),
      });
    const good = await post();
    assert.equal(good.status, 200);
    await good.body?.cancel();
    opened.losses = [opened.dispatches];
    const lost = await post();
    assert.equal(lost.status, 503);
    assert.match((await lost.json()).error, /device was lost/);
    assert.ok(Number(lost.headers.get("retry-after")) > 0);
    assert.equal(await served, 75);
    assert.match(Deno.readTextFileSync(log), /unis: The device was lost: .*; start the server again/);
  } finally {
    Object.assign(console, { error, log: print });
  }
});

Deno.test("a training that finds no memory says what was planned and what takes less, and ends with 2", async () => {
  using opened = new OpenedDevices();
  opened.memoryEndsAt = 20;
  const { status, said } = await train("short");
  assert.equal(status, 2, said);
  const line = said.split("\n").find((line) => line.includes("unis: "))!;
  assert.match(
    line,
    /The adapter has no memory left for a buffer of \d+ MiB: \d+ MiB are in use\. Planned for training are/,
  );
  assert.match(
    line,
    /weights \S+ \S+, gradients .*, moments .*, activations .*, with a micro-batch of 12\. /,
  );
  assert.match(line, /Less take --micro-batch 6 \(\S+ \S+\), .*--micro-batch 6 --checkpointing/);
  assert.doesNotMatch(said, /\n +at /);

  const { allocations } = counting;
  opened.memoryEndsAt = opened.allocations + allocations - 2;
  const late = await train("late");
  assert.equal(late.status, 2, late.said);
  const { step } = RunFolder.open(join(folder, "late")).checkpoints.lastState()!;
  assert.ok(late.said.includes(`late are kept up to step ${step}\n`), late.said);

  opened.memoryEndsAt = opened.allocations + 20;
  const predicted = await command("predict", join(folder, "reference"), "--data", table);
  assert.equal(predicted.status, 2);
  assert.match(predicted.said, /no memory left.*; a smaller --batch takes less/);
});
