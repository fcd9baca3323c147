/** A run so small that it trains in a second, for attacks on its files. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Work } from "../../src/app/work.ts";
import { chooseConfig } from "../../src/cli/choose_config.ts";
import { run } from "../../src/cli/program.ts";

const WIDTHS = ["text.hidden_size", "text.intermediate_size", "features.hidden_size"];
const LAYERS = ["text.num_hidden_layers", "features.num_hidden_layers"];
/** The settings of a model of a text and a number, on the table that `writeTable` writes. */
export const SETTINGS = [
  ...["data.text=title", "data.features=size", "data.split=split"],
  ...WIDTHS.map((key) => `model.encoders.${key}=8`),
  ...LAYERS.map((key) => `model.encoders.${key}=1`),
  ...["model.encoders.text.num_attention_heads=2", "model.head.hidden_size=8"],
  ...["training.micro_batch=6", "training.batch=12", "training.epochs=4", "optimizer.warmup_steps=0"],
  ...["optimizer.encoder_learning_rate=.01", "optimizer.head_learning_rate=.01"],
];

/** Forty rows of two classes; gives the path. */
export function writeTable(folder: string): string {
  const splits = ["train", "train", "train", "validation", "test"];
  const rows = Array.from({ length: 40 }, (_, i) => {
    const what = `${["warm", "cold"][i % 2]} thing ${i % 7}`;
    return `${what},${(i * 7) % 11},${["red", "green"][(i % 3) % 2]},${splits[Math.floor(i / 2) % 5]}`;
  });
  const path = join(folder, "items.csv");
  Deno.writeTextFileSync(path, ["title,size,label,split", ...rows].join("\n") + "\n");
  return path;
}

const nothing = () => {};

/** Trains a run for two of its four epochs, and leaves it so. */
export async function beginRun(table: string, out: string, seed: number): Promise<void> {
  const flags = {
    ...{ preset: "emoji", data: `table:${table}`, semi: true, negative: true, device: "auto" } as const,
    ...{ seed, set: SETTINGS },
  };
  const downloads = { begin: nothing, advance: nothing, end: nothing, note: nothing };
  const observer = {
    ...{ planned: nothing, measured: nothing, progressed: nothing },
    ...{ epochEnded: nothing, note: nothing },
  };
  const chosen = await chooseConfig(flags, ["data", "seed", "set"], downloads);
  using work = await Work.begin({ ...chosen, out }, { device: "auto", observer, downloads });
  await work.trainUntil(2, new AbortController().signal);
}

/** What a command line printed, on both streams, and its status. */
export async function command(
  ...args: string[]
): Promise<{ status: number; printed: string; error: string }> {
  const printed: string[] = [], errors: string[] = [];
  const { log, warn, error } = console;
  const gather = (into: string[]) => (...parts: unknown[]) => into.push(parts.join(" "));
  Object.assign(console, { log: gather(printed), warn: gather(printed), error: gather(errors) });
  try {
    const status = await run(args);
    return { status, printed: printed.join("\n"), error: errors.join("\n") };
  } finally {
    Object.assign(console, { log, warn, error });
  }
}

export const digest = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

/** What a run leaves behind that must not differ: all but times. */
export function contents(run: string): Record<string, string> {
  const weights = ["best", "last", "last.optimizer", "means"].map((name) =>
    `checkpoints/${name}.safetensors`
  );
  const files = [...weights, "test.json", "predictions.csv"];
  const records = Deno.readTextFileSync(join(run, "metrics.jsonl"))
    .replaceAll(/"(input_wait_)?seconds":[^,}]*/g, "");
  return {
    ...Object.fromEntries(files.map((name) => [name, digest(Deno.readFileSync(join(run, name)))])),
    "metrics.jsonl": digest(records),
  };
}
