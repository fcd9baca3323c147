import assert from "node:assert/strict";
import { join } from "node:path";
import { CommanderError } from "commander";
import { describeError } from "../../src/app/errors.ts";
import { openForResuming } from "../../src/cli/train.ts";
import { run } from "../../src/cli/program.ts";
import { AdapterError } from "../../src/gpu/adapter.ts";
import { UserError } from "../../src/base/user_error.ts";
import { Interrupted } from "../../src/base/interrupt.ts";
import { beginning, type TrainingState } from "../../src/runs/run_checkpoints.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { tinyConfig } from "../train/tiny.ts";

/** Runs a command line in this process; gives its status and what it printed as an error. */
async function tried(args: readonly string[]): Promise<{ status: number; errors: string[] }> {
  const errors: string[] = [];
  const { error } = console;
  console.error = (...parts: unknown[]) => errors.push(parts.map(String).join(" "));
  try {
    return { status: await run(args), errors };
  } finally {
    console.error = error;
  }
}

Deno.test("run() names what is wrong in one line and gives status 2", async () => {
  const folder = Deno.makeTempDirSync();
  const taken = join(folder, "run");
  RunFolder.create(taken, tinyConfig());
  const cases: [args: string[], ...parts: string[]][] = [
    [["train", "--epochz", "3"], "--epochz", "--epochs"],
    [["train", "--preset", "emojii"], "emojii", "emoji, emoji-large"],
    [
      ["train", "--method", "mmc"],
      '"mmc"',
      "unis-mmc, agg-mm, mt-mml, unsup-mmc, sup-mmc, ",
      ", image, text",
    ],
    [["train", "--method", "agg-mm", "--no-semi"], '"model.semi_positive"', "agg-mm", "unis-mmc"],
    [["train", "--symmetric"], '"model.symmetric"', "unsup-mmc and sup-mmc"],
    [["train", "--semantics", "author"], "author", "paper, authors"],
    [["train", "--device", "tpu"], "tpu", "auto, gpu, cpu"],
    [["train", "--seed", "x"], "--seed", "'x'", "whole number from 0"],
    [["train", "--epochs", "0"], "--epochs", "'0'", "whole number from 1"],
    [["train", "--epochs"], "--epochs", "missing"],
    [["train", "--profile", "0"], "--profile", "'0'", "whole number from 1"],
    [["train", "--set", "optimizer.weight_decai=1"], "optimizer.weight_decai", "optimizer.weight_decay"],
    [["train", "--set", "seed=1", "method=x", "--epochs", "1"], '"method"', "unis-mmc"],
    [["train", "more"], "too many arguments", "more"],
    [["tran"], "tran", "train"],
    [["evaluate"], "missing", "run"],
    [["evaluate", join(folder, "none")], "none", "no folder of a run"],
    [["evaluate", taken, "--split", "tests"], "tests", "test, validation, train"],
    [["train", "--out", taken], taken, "holds a run", "--resume"],
    [["train", "--resume", join(folder, "none")], "none", "no folder of a run"],
    [["train", "--resume", taken, "--seed", "3"], "--seed", "--resume"],
    [["train", "--resume", taken, "--precision", "f16"], "--precision", "--resume"],
    [["train", "--resume", taken, "--no-semi"], "--no-semi", "--resume"],
    [["train", "--resume", taken, "--set", "seed=3"], "--set", "--resume"],
    [["push", taken, "flowers"], '"flowers"', "someone/flowers"],
    [["push", taken, "a/b", "--public", "--private"], "--public", "--private"],
    [["export", taken, "--to", join(folder, "x"), "--format", "tf"], "tf", "transformers, onnx"],
    [["export", taken, "--to", join(folder, "x"), "--precision", "f16"], "f16", "--format onnx"],
  ];
  for (const [args, ...parts] of cases) {
    const { status, errors } = await tried(args);
    const shown = `${args.join(" ")}: ${errors.join("\n")}`;
    assert.equal(status, 2, shown);
    assert.equal(errors.length, 1, shown);
    assert.ok(!errors[0]!.includes("\n") && errors[0]!.startsWith("unis: "), shown);
    for (const part of parts) assert.ok(errors[0]!.includes(part), `${shown}\nlacks ${part}`);
  }
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("run() shows the trace with --debug only", async () => {
  const { status, errors } = await tried(["train", "--set", "x=1", "--debug"]);
  assert.equal(status, 2);
  assert.match(errors.join("\n"), /\n\s+at .*config\.ts/);
});

Deno.test("of ranks that go on with a run the first alone holds it, as the others would be in each other's way", () => {
  const path = join(Deno.makeTempDirSync(), "run");
  const run = RunFolder.create(path, tinyConfig());
  using _ = run.hold();
  assert.throws(() => openForResuming(path, undefined, [], true), /Another process works on/);
  assert.deepEqual(openForResuming(path, undefined, [], false).config, run.config);
});

Deno.test("a finished run is resumed only for more epochs, and one that was given more until it has been tested again", async () => {
  const folder = Deno.makeTempDirSync();
  const of = (epoch: number, best: number, ended: TrainingState["ended"]): TrainingState => ({
    ...beginning({ best: 0, bad: 0, cooldown: 0 }),
    ...{ epoch, ended, best: { epoch: best, validation: best, score: 1 } },
  });
  const cases: [TrainingState | undefined, string[], RegExp | undefined][] = [
    [undefined, [], /no checkpoint to go on from/],
    [of(3, 1, "early stopping"), ["--epochs", "4"], /accuracy of its validation had stopped getting better/],
    [of(3, 1, "all epochs"), [], /--epochs, with more than 3,/],
    [of(3, 1, "all epochs"), ["--epochs", "3"], /--epochs, with more than 3,/],
    [of(3, 1, "all epochs"), ["--epochs", "2"], /--epochs, with more than 3,/],
    [of(3, 1, "all epochs"), ["--epochs", "4"], undefined],
    // Of three epochs, two were planned at first.
    [of(2, 1, "all epochs"), [], undefined],
    [of(2, 1, null), [], undefined],
    [of(3, 2, "all epochs"), [], undefined],
  ];
  for (const [i, [state, args, finished]] of cases.entries()) {
    const path = join(folder, `run${i}`);
    const run = RunFolder.create(path, tinyConfig("training.epochs=3"));
    const nothing = { accuracy: {}, macro_f1: {}, loss: {}, pairs: {} };
    run.writeResults({ split: "test", samples: 0, epoch: 1, ...nothing }, "");
    if (state !== undefined) run.checkpoints.saveLast({ weights: new Map(), optimizer: new Map(), state });
    const { status, errors } = await tried(["train", "--resume", path, ...args]);
    assert.equal(status, 2);
    if (finished === undefined) assert.doesNotMatch(errors[0]!, /has finished/, `${i}`);
    else assert.match(errors[0]!, finished, `${i}`);
  }
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("describeError() gives 2 for what the user can mend, 130 for an interruption, 1 for the rest", () => {
  const cases: [unknown, number, RegExp | undefined][] = [
    [new UserError("no such\n  file"), 2, /^no such file$/],
    [new AdapterError("install a driver"), 2, /^install a driver$/],
    [
      new Deno.errors.NotCapable("Requires net access"),
      2,
      /^Requires net access; sh scripts\/run\.sh grants/,
    ],
    [new Interrupted("stopped"), 130, /^stopped$/],
    [
      new CommanderError(1, "commander.unknownOption", "error: unknown option '--x'"),
      2,
      /^unknown option '--x'$/,
    ],
    [new CommanderError(0, "commander.helpDisplayed", "(outputHelp)"), 0, undefined],
    [new TypeError("Cannot add"), 1, /^TypeError: Cannot add \(unexpected; --debug shows the trace\)$/],
    ["thrown text", 1, /^thrown text \(unexpected/],
  ];
  for (const [error, status, line] of cases) {
    const described = describeError(error);
    assert.equal(described.status, status, String(error));
    if (line === undefined) assert.equal(described.line, undefined);
    else assert.match(described.line!, line);
  }
});
