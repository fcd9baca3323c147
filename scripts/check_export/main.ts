/**
 * Checks that exports answer as their run does: trains a run of each kind, exports it in each format, gives `predict.py` of
 * the export the raw image files, texts and numbers of the test samples, and compares every probability of every head.
 *
 *     deno run -A scripts/check_export/main.ts [--format NAME ...] [--page] [KIND ...]
 *
 * Nothing is left out: images are transparent in parts and of any size, texts hold words that no training text had and
 * are longer than the model reads. A graph of ONNX is looked at by ONNX's own checker too, and with --page is run in
 * headless Chromium, on samples as the run reads them. PYTHON names the Python to begin with (python3 if not set); what it
 * lacks is installed into virtual environments that are removed afterwards. Ends with status 1 where an answer differs.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { exportRun } from "../../src/app/export_run.ts";
import { openDevice } from "../../src/app/open_device.ts";
import { OpenRun } from "../../src/app/open_run.ts";
import type { ModelData } from "../../src/build/resolve_encoders.ts";
import type { ExportFormat, Precision } from "../../src/export/export_format.ts";
import { FORMATS } from "../../src/export/formats.ts";
import { taskOf } from "../../src/config/task_config.ts";
import { TASK_MEASURES } from "../../src/metrics/tasks/registry.ts";
import { exists } from "../../src/io/files.ts";
import { formatTable } from "../../src/report/table.ts";
import { predict } from "../../src/train/evaluation.ts";
import { Learner } from "../../src/train/learner.ts";
import { freshPython, pythonWith, runProgram } from "../python.ts";
import { KINDS, LATER_KINDS, type Raw } from "./kinds.ts";
import { answersInPage } from "./page.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const CHECKER = new URL("check_onnx.py", import.meta.url).pathname;
/** Test samples that a page is given. */
const IN_PAGE = 64;
/** By sample and head, the calibrated probability of every class or label, or the number in standard deviations. */
type Answers = ReadonlyMap<string, readonly number[]>[];
/** The largest difference of a probability, by the type of the weights. */
const TOLERANCE: Readonly<Record<Precision, number>> = { f32: 1e-4, f16: 1e-2 };

/** What the run itself answers for its test samples: of each, the calibrated probabilities of every head. */
async function answersOf(
  { run, modelData }: OpenRun,
  opened: Awaited<ReturnType<OpenRun["openData"]>>,
): Promise<Answers> {
  const { dataset } = opened;
  const { calibration } = TASK_MEASURES[taskOf(run.config.data)];
  const gpu = await openDevice("auto");
  const learner = new Learner(gpu, run.config, dataset);
  try {
    const { weights, temperatures } = run.checkpoints.loadBest();
    learner.writeWeights(weights, run.checkpoints.best);
    const { probabilities } = await predict(learner, dataset, "test");
    const classes = modelData.classes.length;
    return Array.from(
      { length: dataset.count("test") },
      (_, row) =>
        new Map(
          [...probabilities].map(([head, all]) => {
            const own = all.subarray(row * classes, (row + 1) * classes);
            const answer = calibration?.withTemperature(own, classes, temperatures[head] ?? 1) ?? own;
            return [head, Array.from(answer, (value) => value / unitOf(modelData))];
          }),
        ),
    );
  } finally {
    learner.dispose();
    gpu.destroy();
  }
}

/** What numbers are compared in: standard deviations of training. */
function unitOf({ scale }: { readonly scale?: ModelData["scale"] | undefined }): number {
  return scale?.std ?? 1;
}

/** What the export answers to raw inputs, in another process that knows nothing of unis. */
async function predictAll(
  python: string,
  exported: string,
  raw: readonly Raw[],
  { classes, scale }: ModelData,
): Promise<Answers> {
  const process = new Deno.Command(python, {
    args: [join(exported, "predict.py")],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  // Read while it is written to: neither pipe holds everything.
  const output = process.output();
  const lines = raw.map((one) => JSON.stringify(one) + "\n").join("");
  await new Blob([lines]).stream().pipeTo(process.stdin);
  const { success, stdout } = await output;
  if (!success) throw new Error(`${exported}/predict.py failed`);
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => {
    const heads = Object.entries(JSON.parse(line) as Record<string, Record<string, number> | number>);
    return new Map(
      heads.map(([head, by]) =>
        typeof by === "number"
          ? [head, [by / unitOf({ scale })]]
          : [head, classes.map((name) => by[name] ?? NaN)]
      ),
    );
  });
}

const best = (values: readonly number[]) => values.indexOf(Math.max(...values));

/** One row of the table of results, and whether all is well. */
function compare(own: Answers, theirs: Answers, tolerance: number): [string[], boolean] {
  let largest = 0, differing = 0, answers = 0;
  for (const [row, heads] of own.entries()) {
    for (const [head, probabilities] of heads) {
      const other = theirs[row]!.get(head)!;
      answers++;
      if (best(other) !== best(probabilities)) differing++;
      for (const [i, p] of probabilities.entries()) {
        const difference = Math.abs(p - other[i]!);
        if (!(difference <= largest)) largest = difference;
      }
    }
  }
  const isWell = answers > 0 && largest <= tolerance && (differing === 0 || tolerance > TOLERANCE.f32);
  return [[String(own.length), String(answers), String(differing), largest.toExponential(1)], isWell];
}

/** Trains a run of a kind and checks its exports: a row for each format and type of weights. */
async function check(
  name: string,
  folder: string,
  formats: readonly ExportFormat[],
  pythons: ReadonlyMap<string, string>,
  inPage: boolean,
): Promise<[string[], boolean][]> {
  const run = join(folder, "run");
  await Deno.mkdir(folder);
  const kind = { ...KINDS, ...LATER_KINDS }[name]!;
  const prepared = await kind.prepare(folder, pythons.get("encoders")!);
  await runProgram(Deno.execPath(), "run", "-A", MAIN, "train", "--out", run, ...prepared);
  const open = await OpenRun.open(run);
  const opened = await open.openData("test", console.warn);
  const own = await answersOf(open, opened);
  const inputs = await kind.raw(folder, open);
  const raw = own.map((_, row) => inputs.get(opened.dataset.id("test", row))!);
  const rows: [string[], boolean][] = [];
  for (const format of formats) {
    for (const precision of format.precisions) {
      const to = join(folder, `${format.name}-${precision}`);
      await exportRun(run, to, { format: format.name, precision });
      const python = pythons.get(format.name)!;
      const graph = join(to, "model.onnx");
      if (exists(graph)) await runProgram(python, CHECKER, graph);
      const [cells, isWell] = compare(
        own,
        await predictAll(python, to, raw, open.modelData),
        TOLERANCE[precision],
      );
      rows.push([[name, `${format.name} ${precision}`, ...cells], isWell]);
      // The page makes probabilities of classes.
      if (!inPage || !exists(graph) || taskOf(open.run.config.data) !== "classification") continue;
      const heads = [...own[0]!.keys()];
      const { temperatures } = open.run.checkpoints.loadBest();
      const there = await answersInPage(graph, opened.dataset, heads, temperatures, IN_PAGE);
      const [seen, isWellThere] = compare(own.slice(0, there.length), there, TOLERANCE[precision]);
      rows.push([[name, `${format.name} ${precision}, in a page`, ...seen], isWellThere]);
    }
  }
  opened.dataset.close?.();
  return rows;
}

const { values: { format: wanted, page = false }, positionals } = parseArgs({
  args: Deno.args,
  options: { format: { type: "string", multiple: true }, page: { type: "boolean" } },
  allowPositionals: true,
});
const folder = await Deno.makeTempDir({ prefix: "unis-export-" });
try {
  const formats = FORMATS.filter(({ name }) => wanted?.includes(name) ?? true);
  const encoders = await pythonWith(join(folder, "encoders"));
  const pythons = new Map([["encoders", encoders], ["transformers", encoders]]);
  for (const { name, packages } of formats) {
    if (pythons.has(name)) continue;
    pythons.set(name, await freshPython(join(folder, `python-${name}`), "onnx", ...packages));
  }
  const table = [[
    "run",
    "export",
    "test samples",
    "answers",
    "that differ",
    "largest difference of a probability, or in standard deviations",
  ]];
  for (const name of positionals.length > 0 ? positionals : Object.keys(KINDS)) {
    for (const [row, isWell] of await check(name, join(folder, name), formats, pythons, page)) {
      table.push(row);
      if (!isWell) Deno.exitCode = 1;
    }
  }
  console.log(["", ...formatTable(table)].join("\n"));
} finally {
  await Deno.remove(folder, { recursive: true });
}
