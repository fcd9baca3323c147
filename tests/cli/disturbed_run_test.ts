/** Runs that are disturbed while they train: by removed folders, by other processes, and by those who only look. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryOf } from "../../src/io/new_file.ts";
import { RunFiles } from "../../src/runs/run_files.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { SMALL_TEXT, writeTable } from "../app/small_runs.ts";
import { done, refused, unis } from "./unis.ts";

const folder = Deno.makeTempDirSync({ prefix: "unis-disturbed-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
writeTable(at("items.csv"), [
  ["title", "label"],
  ...Array.from({ length: 60 }, (_, i) => [`${["red", "green"][i % 2]} thing`, ["warm", "cold"][i % 2]!]),
]);
const train = (name: string, epochs: number) => [
  ...["train", "--data", `table:${at("items.csv")}`, "--out", at(name), "--epochs", String(epochs)],
  ...["--set", ...SMALL_TEXT, "method=text", "training.early_stopping=100"],
];

/** Looks again and again, until it is done, whether a run has its first record; then calls `body`. */
async function onceBegun(name: string, body: () => void | Promise<void>): Promise<void> {
  while (!new RunFiles(at(name)).has("metrics.jsonl")) await new Promise((resume) => setTimeout(resume, 5));
  await body();
}

const DISTURBANCES: Readonly<Record<string, { disturb: (path: string) => void; told: RegExp }>> = {
  "is removed": {
    disturb: (path) => Deno.removeSync(path, { recursive: true }),
    told: /^unis: Cannot write .+: there is no folder .+$/,
  },
  "loses its list of checksums": {
    disturb: (path) => Deno.removeSync(join(path, "SHA256SUMS")),
    told: /^unis: Cannot write .+SHA256SUMS: it was removed while the run was worked on/,
  },
  "has no room for checkpoints any more": {
    disturb: (path) => {
      Deno.removeSync(join(path, "checkpoints"), { recursive: true });
      Deno.writeTextFileSync(join(path, "checkpoints"), "");
    },
    told: /^unis: Cannot (make|write) .+checkpoints.*: .+$/,
  },
};

for (const [what, { disturb, told }] of Object.entries(DISTURBANCES)) {
  Deno.test(`where the folder of a run ${what} while it trains, that is told, not what came of it`, async () => {
    const [{ status, errors }] = await Promise.all([
      unis(...train(what, 1000)),
      onceBegun(what, () => disturb(at(what))),
    ]);
    assert.equal(status, 2, errors);
    assert.match(errors, told);
  });
}

Deno.test("while a run trains, others read whole checkpoints of it, and none else works on it", async () => {
  let isOver = false, readings = 0;
  const look = async () => {
    const run = RunFolder.open(at("read"));
    while (!isOver) {
      const { weights, epoch } = run.checkpoints.loadBest();
      assert.ok(weights.size > 0 && epoch <= run.checkpoints.lastState()!.epoch);
      assert.ok(run.records().length > 0);
      readings++;
      await new Promise((resume) => setTimeout(resume, 1));
    }
  };
  await Promise.all([
    done(...train("read", 12)).finally(() => isOver = true),
    onceBegun("read", look),
  ]);
  assert.ok(readings > 5, `only ${readings}`);
  using _ = RunFolder.open(at("read")).hold();
  assert.match(
    await refused("train", "--resume", at("read"), "--epochs", "13"),
    /Another process works on \S+read: wait/,
  );
});

Deno.test("a folder in which a run had only begun is used again, and holds nothing of before in the end", async () => {
  const [config, inner] = [
    join(at("begun"), "config.json"),
    join(at("begun"), "preprocessing", "text", "tokenizer.json"),
  ];
  Deno.mkdirSync(join(inner, ".."), { recursive: true });
  for (const path of [config, inner]) Deno.writeTextFileSync(temporaryOf(path), "half");
  Deno.writeTextFileSync(join(at("begun"), "lock"), "");
  await done(...train("begun", 1));
  const { success, stdout } = new Deno.Command("find", {
    args: [at("begun"), "-name", "*.tmp", "-o", "-name", "lock"],
  }).outputSync();
  assert.deepEqual([success, new TextDecoder().decode(stdout)], [true, ""]);
});

Deno.test("a run that was killed with its results made but not in their places has them there once --resume is typed", async () => {
  const path = at("ended"), sums = join(path, "SHA256SUMS");
  await done(...train("ended", 1));
  const [files, results] = [leftIn(path), ["test.json", "predictions.csv"]];
  const list = Deno.readTextFileSync(sums);
  for (const count of [true, false]) {
    for (const name of results) Deno.renameSync(join(path, name), temporaryOf(join(path, name)));
    Deno.writeTextFileSync(join(path, "lock"), "");
    if (count) assert.match(await refused("train", "--resume", path), /has finished/);
    else {
      const others = list.split("\n").filter((line) => !results.some((name) => line.endsWith(`  ${name}`)));
      Deno.writeTextFileSync(sums, others.join("\n"));
      await done("train", "--resume", path);
    }
    assert.deepEqual(leftIn(path), files, count ? "they count" : "they do not count");
  }
});

function leftIn(path: string): string[] {
  return Array.from(Deno.readDirSync(path), ({ name }) => name).sort();
}
