// Mistakes that users make, each answered by one line that says what to do, status 2, and a suggestion where one is near.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Command } from "commander";
import { hintFor, OURS } from "../../src/cli/foreign_flags.ts";
import { program, run } from "../../src/cli/program.ts";
import { PRESETS } from "../../src/config/presets.ts";
import { withSettings } from "../../src/config/run_config.ts";
import { UserError } from "../../src/base/user_error.ts";
import { temporaryFolder } from "../io/crafted.ts";
import { FakeHub } from "../io/hub_server.ts";
import { layOut } from "./mistakes_fixture.ts";

/** What is typed in the folder of the fixture, and the line that comes back after "unis: ". */
const MISTAKES: Readonly<Record<string, readonly (readonly [typed: string, line: RegExp])[]>> = {
  "commands": [
    ["trian", /^unknown command 'trian' \(Did you mean train\?\)$/],
    ["fit", /^unknown command 'fit': here it is unis train$/],
    ["test run", /here it is unis evaluate$/],
    ["version", /here it is unis --version$/],
    ["data verfy", /^unknown command 'verfy' \(Did you mean verify\?\)$/],
    ["config shwo", /Did you mean show\?/],
    ["help trian", /'trian' is invalid .*Did you mean train\?$/],
    ["completion", /^missing required argument 'shell'$/],
    ["completion bsh", /'bsh' is invalid .*bash, zsh, fish\. Did you mean bash\?$/],
    ["doctor --jsno", /Did you mean --json\?/],
    ["doctor now", /^too many arguments for 'doctor'.*: now\.$/],
  ],
  "flags and values of train": [
    ["train --epochz 3", /^unknown option '--epochz' \(Did you mean --epochs\?\)$/],
    ["train --epochs 0", /--epochs .*'0' is invalid\. It must be a whole number from 1\.$/],
    ["train --epochs three", /'three' is invalid\. It must be a whole number from 1\.$/],
    ["train --epochs", /--epochs <number>' argument missing$/],
    ["train --seed -1", /'-1' is invalid\. It must be a whole number from 0\.$/],
    ["train --preset emojii", /emoji, emoji-large\. Did you mean emoji\?$/],
    ["train --semantics author", /paper, authors\. Did you mean authors\?$/],
    ["train --device cuda:0", /auto, gpu, cpu\. Did you mean gpu\?$/],
    ["train --precision fp16", /f32, f16\. Did you mean f16\?$/],
    ["train --micro-batch many", /^--micro-batch: "training\.micro_batch" must be .*"auto", got "many"$/],
    ["train --method unis-mcc", /^--method: "method" must be one of .*did you mean "unis-mmc"\?$/],
    [
      "train --method agg-mm --no-semi",
      /^--no-semi: "model\.semi_positive" must be true where "method" is agg-mm/,
    ],
    ["train more", /^too many arguments for 'train'.*: more\.$/],
    ["train --quiet --verbose", /'--quiet' cannot be used with option '--verbose'$/],
    ["train --log full", /^Cannot write full: it is a folder$/],
    ["train --out full", /^Cannot use --out full: it is not empty\. Name another folder$/],
    ["train --out run", /it holds a run\. Go on with it by --resume run/],
    ["train --resume rnu", /^rnu is no folder of a run: it is missing; did you mean run\?$/],
    ["train --resume run", /has finished: --epochs, with more than 2/],
    ["train --resume begun --seed 3", /^--seed cannot be used with --resume/],
    ["train --resume begun --config typo.yaml", /^--config cannot be used with --resume/],
    ["train --accept-changed-data", /goes with --resume/],
  ],
  "keys": [
    [
      "train --set training.epoch=3",
      /^--set: unknown key "training\.epoch": did you mean "training\.epochs"\?/,
    ],
    ["train --set epochs=3", /^--set: unknown key "epochs": did you mean "training\.epochs"\?/],
    ["train --set training.epochs=many", /^--set: "training\.epochs" must be a number, got "many"$/],
    ["train --set training.epochs=0", /must be at least 1, got 0$/],
    ["train --set training.epochs", /^--set takes key=value, such as training\.epochs=5/],
    ["train --set seed.x=1", /"seed" is a setting itself and has no "x"$/],
    [
      "train --set training.batch=100",
      /"training\.batch" must be a multiple of "training\.micro_batch", got 100 and 128$/,
    ],
    ["train --set optimizer.schedule=cosin", /one of plateau, cosine, constant.*did you mean "cosine"\?$/],
    ["train --config typo.yml", /^Cannot read typo\.yml: it is missing; did you mean typo\.yaml\?$/],
    [
      "train --config typo.yaml",
      /^typo\.yaml: unknown key "training\.epoch": did you mean "training\.epochs"\?/,
    ],
    ["train --config value.yaml", /^value\.yaml: "training\.epochs" must be a number, got "many"$/],
    ["train --config syntax.yaml", /^Cannot read syntax\.yaml, line 3: /],
    ["train --config twice.yaml", /^Cannot read twice\.yaml, line 2: Map keys must be unique$/],
    ["train --config list.yaml", /^list\.yaml must hold keys of a configuration/],
    [
      "train --config typo.json",
      /^typo\.json: unknown key "optimizer\.weight_decai": did you mean "optimizer\.weight_decay"\?/,
    ],
    ["train --config cut.json", /^Cannot read cut\.json, line \d+: /],
    ["train --config empty", /^Cannot read empty: it is a folder$/],
    ["train --config run/config.json --preset emoji", /^--preset cannot be used with run\/config\.json/],
    [
      "train --config run/config.json --data emoji",
      /^--data emoji cannot be used with .*"data\.name" is table$/,
    ],
    ["tune --config typo.yaml", /^typo\.yaml: unknown key "training\.epoch"/],
    ["config show --set trainig.epochs=3", /did you mean "training"\?/],
    ["config show --config typo.yaml", /^typo\.yaml: .*did you mean "training\.epochs"\?/],
    ["config show run --seed 3", /^--seed cannot be used with a run/],
    ["config show rnu", /did you mean run\?$/],
  ],
  "data": [
    ["train --data table", /^--data table needs a path: --data table:PATH$/],
    ["train --data tabel:items.csv", /got "tabel"; did you mean "table:items\.csv"\?$/],
    ["train --data items.csv", /did you mean "table:items\.csv"\?$/],
    ["train --data emoji:here", /takes no path/],
    [
      "train --data table:itmes.csv --set data.text=title",
      /itmes\.csv: it is missing; did you mean .*\/items\.csv\?$/,
    ],
    ["train --data table:items.csv", /say which columns to use, such as --set data\.image=path/],
    ["train --data table:items.csv --set data.text=titel", /no column "titel".*did you mean "title"\?/],
    [
      "train --data table:items.csv --set data.text=title data.label=labl",
      /no column "labl" for "data\.label".*did you mean "label"\?/,
    ],
    [
      "train --data table:items.csv --set data.txt=title",
      /^--set: unknown key "data\.txt": did you mean "data\.text"\?/,
    ],
    ["train --data table:empty.csv --set data.text=title", /empty\.csv has no samples$/],
    [
      "train --data table:latin1.csv --set data.text=title",
      /line 2 is not valid UTF-8: save the file as UTF-8$/,
    ],
    ["train --data table:dot.png --set data.text=title", /must be a \.csv, \.tsv or \.jsonl file$/],
    ["train --data food101:nowhere", /nowhere is no folder of UPMC-Food-101/],
    ["train --data features:empty", /empty is no folder of feature matrices: it has no 1_tr\.csv$/],
    ["data verify", /^required option '--data <name:path>' not specified$/],
    ["data verify --dat table:items.csv", /^unknown option '--dat' \(Did you mean --data\?\)$/],
    ["data verify --data emoji", /nothing to verify$/],
    ["data verify --data table:items.csv --set data.text=titel", /did you mean "title"\?/],
  ],
  "encoders": [
    [
      "train --text-encoder google-bert/bert-base-uncasd",
      /no such model \(404\).*did you mean "google-bert\/bert-base-uncased"\?$/,
    ],
    ["train --image-encoder nobody/nothing", /no such model \(404\).*a local folder is given by its path$/],
    ["train --text-encoder ./bert", /there is no such folder, and it is no id of a hub/],
    ["train --text-encoder empty", /empty: it lacks config\.json, model\.safetensors/],
  ],
  "flags of other tools": [
    [
      "train --lr 3e-5",
      /: here it is --set optimizer\.encoder_learning_rate=… optimizer\.head_learning_rate=…$/,
    ],
    ["train --learning_rate=3e-5", /optimizer\.encoder_learning_rate=…/],
    ["train --batch-size 32", /: here it is --set training\.batch=…$/],
    ["train --bs 32", /: here it is --set training\.batch=…$/],
    ["predict run --batch-size 3", /: here it is --batch$/],
    ["evaluate run --batch-size 3", /: a run has its batch$/],
    ["train --gpus 1", /: here it is --device gpu$/],
    ["train --num-workers 4", /every core decodes images/],
    ["train --fp16", /: here it is --precision f16$/],
    ["train --bf16", /: here it is --precision f16$/],
    ["train --lr-scheduler cosine", /: here it is --set optimizer\.schedule=…$/],
    ["train --weight-decay 0", /: here it is --set optimizer\.weight_decay=…$/],
    ["tune --seed 3", /: here it is --set seed=…$/],
    ["evaluate run --seed 3", /: nothing is drawn by chance here$/],
    ["experiment experiment.yaml --seed 3", /: the file lists its seeds$/],
    ["experiment experiment.yaml --config typo.yaml", /: the file says it, under set$/],
    ["train --output there", /: here it is --out$/],
    ["export run --output there", /: here it is --to$/],
    ["report run -o page.html", /: here it is --out$/],
    ["train --model vit", /: here it is --image-encoder and --text-encoder$/],
    ["predict --model run --text x", /: here it is an argument: unis predict <run>$/],
    ["train --dataset items.csv", /: here it is --data$/],
    ["train -v", /: here it is --verbose$/],
  ],
  "evaluate": [
    ["evaluate", /^missing required argument 'run'$/],
    ["evaluate rnu", /^rnu is no folder of a run: it is missing; did you mean run\?$/],
    ["evaluate full", /^full is no folder of a run: it has no config\.json$/],
    ["evaluate run --splitt test", /Did you mean --split\?/],
    ["evaluate run --split val", /test, validation, train\. Did you mean validation\?$/],
    ["evaluate old", /train it anew, or use the version that made it$/],
    ["evaluate cut", /best\.safetensors is damaged: .*Restore it from a copy, or train again$/],
    ["evaluate run --data item.csv", /^Cannot read item\.csv: it is missing; did you mean items\.csv\?$/],
    ["evaluate run --data others.csv", /no row with a label that the run knows: blue, green, red$/],
    ["evaluate run --predictions full", /^Cannot write full: it is a folder$/],
    [
      "evaluate run --predictions nowhere/x.csv",
      /^Cannot write nowhere\/x\.csv: there is no folder nowhere$/,
    ],
  ],
  "predict": [
    ["predict run", /^Say what to predict, in one way: --data FILE/],
    ["predict run items.csv", /give a table as --data items\.csv, or - for standard input$/],
    ["predict run --data items.csv --text x", /^Say what to predict, in one way/],
    ["predict run --data dot.png", /must be a \.csv, \.tsv or \.jsonl file$/],
    ["predict run --data items.csv --format cvs", /csv, jsonl, table\. Did you mean csv\?$/],
    ["predict run --data items.csv --top 0", /whole number from 1\.$/],
    ["predict run --data items.csv --out there.xlsx", /must be a \.csv or \.jsonl file, or say --format$/],
    ["predict run --data items.csv --out nowhere/x.csv", /there is no folder nowhere$/],
    ["predict run --data items.csv --embeddings e.txt", /takes a \.safetensors or \.npy file, got e\.txt$/],
    ["predict run --data items.csv --column text", /^--column takes name=value, got "text"$/],
    ["predict run --data renamed.csv", /row 2: has no "title" for the modality "text"/],
    ["predict run --data items.csv --column text=titel", /\(did you mean "title"\?\)/],
    ["predict run --data items.csv --column txt=title", /reads no "txt", but text$/],
    [
      "predict run --data items.csv --label labl",
      /items\.csv has no column "labl": did you mean "label"\? it has title, label$/,
    ],
    ["predict run --data items.csv --id nam", /items\.csv has no column "nam": it has title, label$/],
    [
      "predict run --data bad.jsonl",
      /bad\.jsonl, row 2: is not valid JSON; --skip-bad leaves such rows out$/,
    ],
    ["predict run --data empty.csv", /^empty\.csv has no rows$/],
    ["predict run --image dot.png", /this one reads text \(text\)/],
    ["predict run --input titel=x", /reads no "titel", but text$/],
  ],
  "experiment": [
    ["experiment", /^missing required argument 'file'$/],
    ["experiment experiment.yml", /it is missing; did you mean experiment\.yaml\?$/],
    ["experiment syntax.yaml", /^Cannot read syntax\.yaml, line 3: /],
    ["experiment mistyped.yaml", /^mistyped\.yaml: unknown key "seed": did you mean "seeds"\?/],
    ["experiment no_variants.yaml", /"variants" must be a list of at least 1, got \[\]$/],
    ["experiment method.yaml", /^method\.yaml, variant text: .*did you mean "text"\?$/],
    [
      "experiment key.yaml",
      /^key\.yaml, variant text: unknown key "training\.epoch": did you mean "training\.epochs"\?/,
    ],
    ["experiment baseline.yaml", /"baseline" names "texts".*did you mean "text"\?$/],
    ["experiment experiment.yaml --set training.epoch=1", /^--set: .*did you mean "training\.epochs"\?/],
    ["experiment experiment.yaml --dry-run --out there", /^--out cannot be used with --dry-run/],
    ["experiment run", /^Cannot read run: it is a folder$/],
  ],
  "push": [
    ["push", /^missing required argument 'run'$/],
    ["push run", /^missing required argument 'owner\/name'$/],
    ["push run name", /^Cannot push to "name": name its owner too/],
    ["push run me/na/me", /^Cannot push to "me\/na\/me"/],
    ["push run me/name", /there is no token\..*set HF_TOKEN to it$/],
    ["push run me/name --formt onnx", /^unknown option '--formt' \(Did you mean --format\?\)$/],
    ["push run me/name --token x", /: a token is taken from HF_TOKEN/],
    ["train --push_to_hub", /: unis push does it/],
  ],
  "report, export, serve, tune": [
    ["report rnu", /did you mean run\?$/],
    ["report run --point 20", /Did you mean --points\?/],
    ["report run --points 2", /whole number from 4\.$/],
    ["report run --out full", /^Cannot write full: it is a folder$/],
    ["report run cut", /^Say by --out where/],
    ["export run", /^required option '--to <folder>' not specified$/],
    ["export run --too there", /^unknown option '--too' \(Did you mean --to\?\)$/],
    ["export run --to there --format onxn", /transformers, onnx.*Did you mean onnx\?$/],
    ["export run --to full", /it is not empty; name another folder$/],
    ["export rnu --to there", /did you mean run\?$/],
    ["serve rnu", /did you mean run\?$/],
    ["serve run --hots 0.0.0.0", /Did you mean --host\?/],
    ["serve run --port 70000", /whole number from 0 to 65535\.$/],
    ["serve run --max-queue 1", /^--max-queue must be at least --max-batch, got 1 and 32$/],
    ["tune --run rnu", /did you mean run\?$/],
    ["tune --run run --preset emoji", /^--preset cannot be used with --run/],
  ],
};

/** Nothing listens here any more. */
const NOWHERE = (() => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `http://127.0.0.1:${listener.addr.port}`;
})();
const folder = temporaryFolder();
const hub = new FakeHub(new Map());
const ENVIRONMENT = {
  UNIS_CACHE_DIR: join(folder.path, "cache"),
  HF_HOME: join(folder.path, "hf"),
  HF_ENDPOINT: hub.endpoint,
  HF_TOKEN: "",
};
await inFolder(() => layOut(folder.path));
Deno.test.afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** Runs `action` in the folder of the fixture, with caches and a hub of its own; all is as before afterwards. */
async function inFolder<T>(action: () => Promise<T>, changes: Record<string, string> = {}): Promise<T> {
  const [before, values] = [Deno.cwd(), { ...ENVIRONMENT, ...changes }];
  const old = Object.keys(values).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(values)) Deno.env.set(name, value);
  Deno.chdir(folder.path);
  try {
    return await action();
  } finally {
    Deno.chdir(before);
    for (const [name, value] of old) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  }
}

/** What a command line says on each stream, and its status. */
async function typed(line: string): Promise<{ status: number; out: string[]; errors: string[] }> {
  const [out, errors]: [string[], string[]] = [[], []];
  const { log, warn, error } = console;
  console.log = (...parts) => void out.push(parts.join(" "));
  console.warn = console.error = (...parts) => void errors.push(parts.join(" "));
  try {
    return { status: await run(line.split(" ")), out, errors };
  } finally {
    Object.assign(console, { log, warn, error });
  }
}

for (const [what, rows] of Object.entries(MISTAKES)) {
  Deno.test(`mistakes: ${what}`, () =>
    inFolder(async () => {
      for (const [line, expected] of rows) {
        const { status, out, errors } = await typed(line);
        const shown = `unis ${line}\n${[...out, ...errors].join("\n")}`;
        assert.deepEqual([status, out, errors.length], [2, [], 1], shown);
        const [, message] = /^unis: (\P{Cc}+)$/u.exec(errors[0]!) ?? assert.fail(shown);
        assert.match(message!, expected, shown);
      }
    }));
}

Deno.test("there are enough mistakes, on every command", () => {
  const lines = Object.values(MISTAKES).flat().map(([line]) => line);
  assert.equal(new Set(lines).size, lines.length);
  assert.ok(lines.length >= 120, `only ${lines.length}`);
  for (const command of program().commands.map((command) => command.name())) {
    assert.ok(lines.some((line) => line.split(" ")[0] === command), `none of ${command}`);
  }
});

Deno.test("a fault of the data is no mistake in the command: it has status 1", () =>
  inFolder(async () => {
    for (const file of ["holes.csv", "ragged.csv"]) {
      const { status, errors } = await typed(`data verify --data table:${file} --set data.text=title`);
      assert.deepEqual([status, errors.length], [1, 1], errors.join("\n"));
      assert.match(errors[0]!, /^unis: \d+ things are wrong with table:/);
    }
  }));

Deno.test("a machine without a network is told at once", () =>
  inFolder(async () => {
    const begin = performance.now();
    const { status, errors } = await typed("train --text-encoder google-bert/bert-base-uncased");
    assert.deepEqual([status, errors.length], [2, 1], errors.join("\n"));
    assert.match(errors[0]!, /cannot be reached: .*refused.*HF_ENDPOINT.*HF_HOME.*local folder$/);
    assert.ok(performance.now() - begin < 5000);
  }, { HF_ENDPOINT: NOWHERE }));

Deno.test("flags of other tools are answered by flags and keys that there are", () => {
  const everyone = (command: Command): Command[] => [command, ...command.commands.flatMap(everyone)];
  const commands = everyone(program());
  const flags = new Set(commands.flatMap(({ options }) => options.map(({ long }) => long)));
  const names = new Set(
    commands.flatMap((command) => command.registeredArguments.map((one) => `<${one.name()}>`)),
  );
  for (const ours of OURS) {
    if (ours.startsWith("--")) assert.ok(flags.has(ours.split("=")[0]!), ours);
    else if (ours.startsWith("<")) assert.ok(names.has(ours), ours);
    else {
      const key = ours.replace("NAME", "text");
      assert.throws(
        () => withSettings(PRESETS.emoji, [`${key}=[[]]`]),
        (error: Error) => error instanceof UserError && !/unknown key/.test(error.message),
        ours,
      );
    }
  }
  // No flag of ours is taken for one of another tool.
  for (const command of commands) {
    for (const { long } of command.options) {
      const hint = hintFor(command, long!);
      assert.ok(hint === undefined || hint.includes(long!), `${command.name()} ${long}: ${hint}`);
    }
  }
});
