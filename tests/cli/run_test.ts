// The program itself, as a process of its own, on the real data with a tiny model.
import assert from "node:assert/strict";
import { join } from "node:path";
import { openSafetensors } from "../../src/io/safetensors.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { VERSION } from "../../src/base/version.ts";
import { TINY_MODEL } from "../train/tiny.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const SETTINGS = [...TINY_MODEL, "data.image_size=16", "model.encoders.image.patch_size=8"];

/** Decoded images, so that only the first process decodes them. */
const CACHE = Deno.makeTempDirSync();
globalThis.addEventListener("unload", () => Deno.removeSync(CACHE, { recursive: true }));

class Unis {
  readonly process: Deno.ChildProcess;
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #errors: Promise<string>;
  readonly #output: Promise<void>;
  output = "";

  constructor(args: readonly string[]) {
    this.process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "main.ts", ...args],
      cwd: ROOT,
      env: { NO_COLOR: "1", UNIS_CACHE_DIR: CACHE },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#errors = new Response(this.process.stderr).text();
    this.#output = this.#gather();
    this.ended = this.process.status;
  }

  async #gather(): Promise<void> {
    for await (const text of this.process.stdout.pipeThrough(new TextDecoderStream())) this.output += text;
  }

  /** Waits until the process has printed something. */
  async printed(text: string): Promise<void> {
    let isOver = false;
    this.ended.then(() => isOver = true);
    while (!this.output.includes(text)) {
      assert.ok(!isOver, `ended without printing "${text}": ${this.output}`);
      await new Promise((resume) => setTimeout(resume, 50));
    }
  }

  async result(): Promise<{ code: number; output: string; errors: string }> {
    const { code } = await this.ended;
    await this.#output;
    return { code, output: this.output, errors: await this.#errors };
  }
}

Deno.test("unis tells its version and how it is used", async () => {
  const [version, help] = await Promise.all([
    new Unis(["--version"]).result(),
    new Unis(["train", "--help"]).result(),
  ]);
  assert.deepEqual([version.code, version.output.trim()], [0, VERSION]);
  assert.equal(help.code, 0);
  for (const flag of ["preset", "method", "seed", "epochs", "device", "out", "set", "resume", "debug"]) {
    assert.match(help.output, new RegExp(`^ +--${flag}\\b`, "m"));
  }
});

Deno.test("unis train stops on Ctrl-C with status 130, goes on with --resume, and evaluate agrees", async () => {
  const folder = Deno.makeTempDirSync();
  const path = join(folder, "run");
  const begun = new Unis(["train", "--epochs", "30", "--seed", "5", "--out", path, "--set", ...SETTINGS]);
  await begun.printed("Measured"); // after the first step
  begun.process.kill("SIGINT");
  const { code, output, errors } = await begun.result();
  assert.equal(code, 130, errors);
  for (
    const line of [
      /^Run +.*run$/m,
      /^Adapter +\S/m,
      /^Samples +[\d,]+ training/m,
      /^Parameters +[\d,]+: image/m,
    ]
  ) {
    assert.match(output, line);
  }
  assert.match(output, /^Memory .*weights .*gradients .*moments .*activations/m);
  assert.match(errors, /^unis: stopped, .*--resume .*run$/m);
  assert.ok(!errors.includes("    at "), errors);
  const run = RunFolder.open(path);
  const state = run.checkpoints.lastState()!;
  assert.ok(state.step > 0 && state.epoch < 30);
  using weights = openSafetensors(join(path, "checkpoints", "last.safetensors"));
  assert.ok(weights.tensors.has("heads.fusion.2.weight"));

  const epochs = String(state.epoch + 1);
  const resumed = await new Unis(["train", "--resume", path, "--epochs", epochs]).result();
  assert.equal(resumed.code, 0, resumed.errors);
  assert.match(resumed.output, new RegExp(`^epoch ${epochs}\\*? \\| loss .*P/S/N .*lr `, "m"));
  const table = /^test split, [\s\S]*$/m.exec(resumed.output)![0];
  assert.match(table, /^fusion( +\.\d{3}){5}$/m);
  assert.match(table, /^image-text +[.\d]+ +[.\d]+ +[.\d]+$/m);

  const files = Array.from(Deno.readDirSync(path), ({ name }) => name).sort();
  assert.deepEqual(files, [
    "SHA256SUMS",
    "checkpoints",
    "config.json",
    "environment.json",
    "metrics.jsonl",
    "predictions.csv",
    "preprocessing",
    "tensorboard",
    "test.json",
  ]);
  assert.equal(run.records().length, Number(epochs));
  const test = JSON.parse(Deno.readTextFileSync(join(path, "test.json")));
  assert.equal(
    Deno.readTextFileSync(join(path, "predictions.csv")).trim().split("\n").length,
    1 + test.samples,
  );
  const { sessions } = JSON.parse(Deno.readTextFileSync(join(path, "environment.json")));
  assert.equal(sessions.length, 2);
  assert.ok(
    sessions.every(({ seconds, adapter }: { seconds: number; adapter: string }) => seconds > 0 && adapter),
  );

  const evaluated = await new Unis(["evaluate", path]).result();
  assert.equal(evaluated.code, 0, evaluated.errors);
  assert.equal(/^test split, [\s\S]*$/m.exec(evaluated.output)![0], table);

  const [page, figures] = [join(folder, "page.html"), join(folder, "figures")];
  const reported = await new Unis(["report", path, "--out", page, "--figures", figures, "--points", "20"])
    .result();
  assert.equal(reported.code, 0, reported.errors);
  assert.match(reported.output, /^Report +.*page\.html \([\d.]+ [KM]iB\)$/m);
  const html = Deno.readTextFileSync(page);
  assert.equal(html.match(/<figure /g)?.length, 9);
  assert.ok(html.includes("data-sample=") && html.includes("data:image/png"), "no maps");
  assert.equal([...Deno.readDirSync(figures)].length, 18);
  Deno.truncateSync(run.checkpoints.best, 9);
  const { errors: told } = await new Unis(["report", path, "--out", page]).result();
  assert.equal(told.match(/Maps of .* left out: .*best\.safetensors is damaged/g)?.length, 1, told);
  Deno.removeSync(folder, { recursive: true });
});
