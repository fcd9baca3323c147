// Paths on the command line count from the caller's folder, whether unis is started by scripts/run.sh or as a task.
import assert from "node:assert/strict";
import { delimiter, dirname, join } from "node:path";
import { VERSION } from "../../src/base/version.ts";
import { temporaryFolder } from "../io/crafted.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const WORDS = ["red", "green", "blue"];
const TABLE = ["--data", "table:items.csv", "--set", "data.text=title"];
const NUMBERS = [
  "--data",
  "table:numbers.csv",
  "--set",
  'data.features=["size"]',
  "model.encoders.features.hidden_size=8",
];
const TINY = ["training.batch=8", "training.micro_batch=8", "model.head.hidden_size=8"];

type Outcome = { code: number; output: string; errors: string };
type Start = (folder: string, ...args: string[]) => Outcome;

function start(command: string, args: string[], folder: string): Outcome {
  const { INIT_CWD: _, ...env } = Deno.env.toObject(); // set where the tests themselves run as a task
  const { code, stdout, stderr } = new Deno.Command(command, {
    args,
    cwd: folder,
    clearEnv: true,
    // Caches are new, so that all of them are made with the permissions of the tasks.
    env: {
      ...env,
      UNIS_CACHE_DIR: join(folder, "../cache"),
      PATH: `${dirname(Deno.execPath())}${delimiter}${env.PATH ?? ""}`,
      NO_COLOR: "1",
    },
    stdin: "null",
  }).outputSync();
  const [output, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, output: output!, errors: errors! };
}

const STARTS = {
  "scripts/run.sh": (folder: string, ...args: string[]) =>
    start("sh", [join(ROOT, "scripts/run.sh"), ...args], folder),
  "deno task": (folder: string, ...args: string[]) =>
    start(Deno.execPath(), ["task", "--config", join(ROOT, "deno.json"), ...args], folder),
};

/** A folder with a blank in its name, a table, a text encoder, an experiment, and a project of Deno of its own. */
function layOut(folder: string): void {
  Deno.mkdirSync(join(folder, "encoder"), { recursive: true });
  Deno.writeTextFileSync(
    join(folder, "deno.json"),
    '{"tasks": {"data": "exit 9"}, "imports": {"zod": "./none.ts"}}',
  );
  const rows = Array.from({ length: 40 }, (_, i) => `a ${WORDS[i % 3]} dot,${WORDS[i % 3]}\n`);
  Deno.writeTextFileSync(join(folder, "items.csv"), `title,label\n${rows.join("")}`);
  const sizes = Array.from({ length: 40 }, (_, i) => `${i % 3},${WORDS[i % 3]}\n`);
  Deno.writeTextFileSync(join(folder, "numbers.csv"), `size,label\n${sizes.join("")}`);
  for (const file of ["config.json", "model.safetensors"]) {
    Deno.copyFileSync(join(ROOT, "tests/fixtures/encoders/bert", file), join(folder, "encoder", file));
  }
  const pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dot", ...WORDS];
  Deno.writeTextFileSync(join(folder, "encoder/vocab.txt"), pieces.join("\n"));
  Deno.writeTextFileSync(
    join(folder, "seeds.yaml"),
    JSON.stringify({
      name: "Seeds",
      data: "table:items.csv",
      seeds: [1],
      encoders: { text: "encoder" },
      set: { "data.text": "title", "training.epochs": 1 },
      variants: [{ name: "text", method: "text" }],
      tables: [{ title: "Seeds" }],
    }),
  );
}

const there = (folder: string, ...paths: string[]) =>
  paths.forEach((path) => Deno.statSync(join(folder, path)));

/** A folder as above, and a way to type commands in it that must succeed. */
function place() {
  const temporary = temporaryFolder();
  const folder = join(Deno.realPathSync(temporary.path), "my data");
  layOut(folder);
  const succeeds = (unis: Start, ...args: string[]) => {
    const { code, output, errors } = unis(folder, ...args);
    assert.equal(code, 0, `${args.join(" ")}: ${output}${errors}`);
    return output;
  };
  return { folder, succeeds, [Symbol.dispose]: () => temporary[Symbol.dispose]() };
}

Deno.test("scripts/run.sh and deno task count paths from the caller's folder, whatever the command makes", () => {
  using here = place();
  const { folder, succeeds } = here;
  for (const unis of Object.values(STARTS)) {
    assert.match(succeeds(unis, "data", "verify", ...TABLE), /Nothing is wrong/);
  }
  const { "scripts/run.sh": runSh, "deno task": task } = STARTS;
  const training = [
    "train",
    "--method",
    "text",
    "--epochs",
    "1",
    "--text-encoder",
    "encoder",
    ...TABLE,
    ...TINY,
  ];
  succeeds(runSh, ...training);
  const runs = [...Deno.readDirSync(join(folder, "runs"))];
  assert.equal(runs.length, 1, "runs go to runs/ here if not told");
  const run = `runs/${runs[0]!.name}`;
  there(folder, `${run}/test.json`);
  const { data, model } = JSON.parse(Deno.readTextFileSync(join(folder, run, "config.json")));
  assert.equal(data.file, join(folder, "items.csv"), "a run finds its table from anywhere");
  assert.equal(model.encoders.text.pretrained.source, join(folder, "encoder"), "and its encoder");

  // scripts/run.sh ends in the task of the command, whichever it is.
  succeeds(task, "report", run, "--out", "page.html", "--figures", "figures");
  succeeds(task, "export", run, "--to", "exported");
  succeeds(task, "experiment", "seeds.yaml");
  // A model of numbers has few products to tune.
  succeeds(task, "train", "--method", "features", "--epochs", "1", "--out", "small", ...NUMBERS, ...TINY);
  succeeds(task, "train", "--resume", "small", "--epochs", "2");
  assert.match(succeeds(task, "evaluate", "small"), /^test split/m);
  succeeds(task, "tune", "--run", "small");
  assert.equal([...Deno.readDirSync(join(folder, "../cache"))].length, 1, "tuned plans");
  there(folder, "page.html", "figures", "exported", "runs/seeds/results.md");
});

Deno.test("scripts/run.sh answers as unis does, and passes its status on", () => {
  using folder = temporaryFolder();
  const run: Start = STARTS["scripts/run.sh"];
  const cases: [args: string[], code: number, output: RegExp, errors: RegExp][] = [
    [[], 2, /^$/, /^Usage: unis /],
    [["--version"], 0, new RegExp(`^${VERSION.replaceAll(".", "\\.")}\n$`), /^$/],
    [["train", "--help"], 0, /^Usage: unis train /, /^$/],
    [["trian"], 2, /^$/, /^unis: unknown command 'trian' \(Did you mean train\?\)\n$/],
    [["yaml"], 2, /^$/, /^unis: unknown command 'yaml'/],
    [["data", "verify", "--data", "table:none.csv"], 2, /^$/, /^unis: .*none\.csv/],
    [["config", "show", "--seed", "7"], 0, /^{\n {2}"seed": 7,/, /^$/],
  ];
  for (const [args, code, output, errors] of cases) {
    const found = run(folder.path, ...args);
    assert.equal(found.code, code, `${args}: ${found.errors}`);
    assert.match(found.output, output, `${args}`);
    assert.match(found.errors, errors, `${args}`);
  }
});
