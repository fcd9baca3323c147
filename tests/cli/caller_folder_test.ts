// Paths on the command line count from the caller's folder, whether unis is started by scripts/run.sh or as a task.
import assert from "node:assert/strict";
import { delimiter, dirname, join } from "node:path";
import { VERSION } from "../../src/base/version.ts";
import { temporaryFolder } from "../io/crafted.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const WORDS = ["red", "green", "blue"];
const TABLE = ["--data", "table:items.csv", "--set", "data.text=title"];
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

const STARTS: Record<string, Start> = {
  "scripts/run.sh": (folder, ...args) => start("sh", [join(ROOT, "scripts/run.sh"), ...args], folder),
  "deno task": (folder, ...args) =>
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
function place(unis: Start) {
  const temporary = temporaryFolder();
  const folder = join(Deno.realPathSync(temporary.path), "my data");
  layOut(folder);
  const succeeds = (...args: string[]) => {
    const { code, output, errors } = unis(folder, ...args);
    assert.equal(code, 0, `${args.join(" ")}: ${output}${errors}`);
    return output;
  };
  return { folder, succeeds, [Symbol.dispose]: () => temporary[Symbol.dispose]() };
}

const TRAIN = ["train", "--method", "text", "--epochs", "1", "--text-encoder", "encoder", ...TABLE, ...TINY];

for (const [name, unis] of Object.entries(STARTS)) {
  Deno.test(`${name} counts paths from the caller's folder`, () => {
    using here = place(unis);
    const { folder, succeeds } = here;
    assert.match(succeeds("data", "verify", ...TABLE), /Nothing is wrong/);
    succeeds(...TRAIN, "--out", "run");
    there(folder, "run/test.json");
    const { data, model } = JSON.parse(Deno.readTextFileSync(join(folder, "run/config.json")));
    assert.equal(data.file, join(folder, "items.csv"), "a run finds its table from anywhere");
    assert.equal(model.encoders.text.pretrained.source, join(folder, "encoder"), "and its encoder");
    succeeds("train", "--resume", "run", "--epochs", "2");
    assert.match(succeeds("evaluate", "run"), /^test split/m);
  });
}

// The tasks of the other commands are reached by scripts/run.sh, which ends in them.
Deno.test("scripts/run.sh counts paths from the caller's folder, whatever the command makes", () => {
  using here = place(STARTS["scripts/run.sh"]!);
  const { folder, succeeds } = here;
  succeeds(...TRAIN);
  const runs = [...Deno.readDirSync(join(folder, "runs"))];
  assert.equal(runs.length, 1, "runs go to runs/ here if not told");
  const run = `runs/${runs[0]!.name}`;
  succeeds("report", run, "--out", "page.html", "--figures", "figures");
  succeeds("export", run, "--to", "exported");
  succeeds("experiment", "seeds.yaml");
  succeeds("tune", "--run", run);
  assert.equal([...Deno.readDirSync(join(folder, "../cache"))].length, 1, "tuned plans");
  there(folder, "page.html", "figures", "exported", "runs/seeds/results.md");
});

Deno.test("scripts/run.sh answers as unis does, and passes its status on", () => {
  using folder = temporaryFolder();
  const run = STARTS["scripts/run.sh"]!;
  const cases: [args: string[], code: number, output: RegExp, errors: RegExp][] = [
    [[], 2, /^$/, /^Usage: unis /],
    [["--help"], 0, /^Usage: unis [\s\S]*\n {2}train /, /^$/],
    [["--version"], 0, new RegExp(`^${VERSION.replaceAll(".", "\\.")}\n$`), /^$/],
    [["train", "--help"], 0, /^Usage: unis train /, /^$/],
    [["help", "data", "verify"], 0, /^Usage: unis data verify /, /^$/],
    [["trian"], 2, /^$/, /^unis: unknown command 'trian' \(Did you mean train\?\)\n$/],
    [["yaml"], 2, /^$/, /^unis: unknown command 'yaml'/],
    [["data", "verify", "--data", "table:none.csv"], 2, /^$/, /^unis: .*none\.csv/],
    [["config", "show", "--seed", "7"], 0, /^{\n {2}"seed": 7,/, /^$/],
    [["completion", "bash"], 0, /\ncomplete -F _unis unis\n$/, /^$/],
  ];
  for (const [args, code, output, errors] of cases) {
    const found = run(folder.path, ...args);
    assert.equal(found.code, code, `${args}: ${found.errors}`);
    assert.match(found.output, output, `${args}`);
    assert.match(found.errors, errors, `${args}`);
  }
});
