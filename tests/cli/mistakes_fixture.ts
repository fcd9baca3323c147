/** A folder with a trained run, one that has only begun, and files with mistakes in them, for command lines to stumble on. */
import { join } from "node:path";
import { encode } from "fast-png";
import { PRESETS } from "../../src/config/presets.ts";
import { withSettings } from "../../src/config/run_config.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { SMALL_TEXT, trainOnTable, writeTable } from "../app/small_runs.ts";
import { copyFolder } from "../io/crafted.ts";

const WORDS = ["red", "green", "blue"];
const EXPERIMENT = {
  name: "Two",
  data: "table:items.csv",
  seeds: [1],
  set: { data: { text: "title" } },
  variants: [{ name: "text", method: "text" }],
  tables: [{ title: "Two" }],
};

/** Fills `folder`, in which the command lines are then typed. */
export async function layOut(folder: string): Promise<void> {
  const rows = Array.from({ length: 36 }, (_, i) => [`a ${WORDS[i % 3]} dot`, WORDS[i % 3]!]);
  writeTable(join(folder, "items.csv"), [["title", "label"], ...rows]);
  {
    const gpu = await Gpu.open();
    await trainOnTable(gpu, folder, [...SMALL_TEXT, "method=text"]);
    gpu.destroy();
  }
  RunFolder.create(join(folder, "begun"), withSettings(PRESETS.emoji, []));
  const copies: [name: string, remove: string][] = [["old", "SHA256SUMS"], ["cut", "checkpoints"]];
  for (const [name, remove] of copies) {
    copyFolder(join(folder, "run"), join(folder, name));
    Deno.removeSync(join(folder, name, remove), { recursive: true });
  }
  Deno.mkdirSync(join(folder, "cut/checkpoints"));
  for (const { name } of Deno.readDirSync(join(folder, "run/checkpoints"))) {
    const bytes = Deno.readFileSync(join(folder, "run/checkpoints", name));
    Deno.writeFileSync(join(folder, "cut/checkpoints", name), bytes.subarray(0, bytes.length - 50));
  }
  Deno.symlinkSync(import.meta.filename!, join(folder, "link.png"));
  Deno.mkdirSync(join(folder, "empty"));
  Deno.mkdirSync(join(folder, "full"));
  const data = new Uint8Array(4 * 4 * 3);
  const config = Deno.readTextFileSync(join(folder, "run/config.json"));
  const experiment = (changes: object) => JSON.stringify({ ...EXPERIMENT, ...changes });
  const sweep = (space: object) => {
    const { variants: _, tables: __, ...common } = EXPERIMENT;
    return JSON.stringify({ ...common, method: "text", space });
  };
  const files: Record<string, string | Uint8Array> = {
    "full/file": "",
    "dot.png": encode({ width: 4, height: 4, channels: 3, data }),
    "broken.png": encode({ width: 4, height: 4, channels: 3, data }).subarray(0, 40),
    "renamed.csv": "headline,label\na red dot,red\n",
    "unlabelled.csv": "title\na red dot\n",
    "others.csv": "title,label\na red dot,violet\n",
    "holes.csv": "title,label\na red dot,red\n,green\n",
    "one_class.csv": "title,label\na,red\nb,red\nc,red\n",
    "outside.csv": "path,label\n/pictures/a.png,red\n",
    "linked.csv": "path,label\nlink.png,red\n",
    "empty.csv": "",
    "ragged.csv": "title,label\na red dot,red\na green dot\n",
    "latin1.csv": Uint8Array.from("title,label\ncaf\xe9,red\n", (char) => char.charCodeAt(0)),
    "bad.jsonl": '{"title": "a red dot"}\n{"title": \n',
    "typo.yaml": "training:\n  epoch: 3\n",
    "value.yaml": "training.epochs: many\n",
    "syntax.yaml": "seed: 1\nmethod: [x\n",
    "twice.yaml": "seed: 1\nseed: 2\n",
    "list.yaml": "- seed\n",
    "typo.json": config.replace('"weight_decay"', '"weight_decai"'),
    "cut.json": config.slice(0, 100),
    "experiment.yaml": experiment({}),
    "sweep.yaml": sweep({ "training.epochs": [1, 2] }),
    "space.yaml": sweep({ "training.epoch": [1, 2] }),
    "no_variants.yaml": experiment({ variants: [] }),
    "mistyped.yaml": experiment({ seed: [1] }),
    "method.yaml": experiment({ variants: [{ name: "text", method: "txet" }] }),
    "key.yaml": experiment({ set: { "data.text": "title", "training.epoch": 1 } }),
    "column.yaml": experiment({ set: { "data.text": "titel" } }),
    "baseline.yaml": experiment({ baseline: "texts" }),
  };
  for (const [name, content] of Object.entries(files)) {
    if (typeof content === "string") Deno.writeTextFileSync(join(folder, name), content);
    else Deno.writeFileSync(join(folder, name), content);
  }
}
