/**
 * Trains on emoji whose training samples are thinned to a long tail, with and without weights of classes, and prints what
 * each reaches on the whole test split, as mean ± standard deviation over the seeds.
 *
 *     deno run -A scripts/long_tail.ts [--ratio 50] [--seeds 1,2,3] [--set key=value ...]
 *
 * The classes in the order of their training samples keep n · ratio^(-k / (classes - 1)) of them, k from 0 and n being those
 * of the largest; which ones is drawn by a fixed seed. Validation and test stay as they are. All runs keep the epoch that is
 * best by macro F1, so that only the weights differ.
 */
import { parseArgs } from "node:util";
import { openDevice } from "../src/app/open_device.ts";
import { Work } from "../src/app/work.ts";
import { keyOf, Random } from "../src/base/random.ts";
import { PRESETS } from "../src/config/presets.ts";
import { withSettings } from "../src/config/run_config.ts";
import { chosenRows } from "../src/data/chosen_rows.ts";
import type { Dataset } from "../src/data/dataset.ts";
import type { Evaluation } from "../src/runs/records.ts";
import { spreadOf } from "../src/report/html/experiment_report.ts";
import { formatTable } from "../src/report/table.ts";

const { values: flags } = parseArgs({
  options: {
    ratio: { type: "string", default: "50" },
    seeds: { type: "string", default: "1,2,3" },
    set: { type: "string", multiple: true, default: [] },
  },
});
/** Which samples are left is the same in every run. */
const DRAW_SEED = 1;
const VARIANTS = {
  "no weights": [],
  "training.class_weights=balanced": ["training.class_weights=balanced"],
};

/** The data set with a long tail of training samples. */
function longTail(data: Dataset, ratio: number): Dataset {
  const rows = data.classes.map((): number[] => []);
  for (let row = 0; row < data.count("train"); row++) rows[data.label("train", row)]!.push(row);
  const order = rows.toSorted((a, b) => b.length - a.length);
  const kept = order.flatMap((own, k) => {
    const count = Math.round(order[0]!.length * ratio ** (-k / (order.length - 1)));
    const drawn = Uint32Array.from(own);
    new Random(keyOf(DRAW_SEED, k)).shuffle(drawn);
    return [...drawn.subarray(0, Math.max(1, count))];
  }).sort((a, b) => a - b);
  return chosenRows(
    data,
    (split) => split === "train" ? kept.length : data.count(split),
    (split, row) => split === "train" ? kept[row]! : row,
  );
}

const ratio = Number(flags.ratio), seeds = flags.seeds.split(",").map(Number);
const folder = Deno.makeTempDirSync();
const gpu = await openDevice("auto", () => {});
const nothing = () => {};
const observer = {
  planned: nothing,
  measured: nothing,
  progressed: nothing,
  epochEnded: nothing,
  note: nothing,
};
const rows: string[][] = [];
for (const [name, settings] of Object.entries(VARIANTS)) {
  const found: Evaluation[] = [];
  for (const seed of seeds) {
    const config = withSettings(PRESETS.emoji, [
      `seed=${seed}`,
      "training.metric=macro_f1",
      ...flags.set,
      ...settings,
    ]);
    using work = await Work.begin({ config, folders: new Map(), out: `${folder}/${rows.length}-${seed}` }, {
      device: gpu,
      observer,
      downloads: { begin: nothing, advance: nothing, end: nothing, note: nothing },
      limit: (data) => longTail(data, ratio),
    });
    if (found.length + rows.length === 0) {
      const counts = work.data.classes.map(() => 0);
      for (let row = 0; row < work.data.count("train"); row++) counts[work.data.label("train", row)]!++;
      console.log(work.data.classes.map((one, k) => `${one} ${counts[k]}`).join(", "));
    }
    found.push(await work.trainAndTest(new AbortController().signal));
    const { macro_f1, accuracy } = found.at(-1)!;
    console.error(`${name}, seed ${seed}: macro F1 ${macro_f1!.fusion}, accuracy ${accuracy.fusion}`);
  }
  const cell = (key: "macro_f1" | "accuracy") => {
    const { mean, std } = spreadOf(found.map((one) => one[key]!.fusion!));
    return `${mean.toFixed(3)} ± ${(std ?? 0).toFixed(3)}`;
  };
  rows.push([name, cell("macro_f1"), cell("accuracy")]);
}
gpu.destroy();
Deno.removeSync(folder, { recursive: true });
console.log(formatTable([["", "macro F1", "accuracy"], ...rows]).join("\n"));
