/** What flags and commands of other tools are called here, for whoever types them from habit. */
import type { Command } from "commander";

/**
 * Names of flags of other tools; what they are here, best first; and what to say where the command has none of these. A
 * flag counts where the command has it, `<run>` where it has that argument, keys where it has --set, and a sentence about a
 * command there.
 */
const FLAGS: readonly (readonly [names: string, ours: readonly string[], otherwise?: string])[] = [
  ["lr learning-rate", ["optimizer.encoder_learning_rate optimizer.head_learning_rate"]],
  [
    "batch-size bs b batch train-batch-size per-device-train-batch-size",
    ["--batch", "training.batch"],
    "a run has its batch",
  ],
  [
    "eval-batch-size per-device-eval-batch-size",
    ["--batch", "training.evaluation_batch"],
    "a run has its batch",
  ],
  ["gradient-accumulation-steps accumulate-grad-batches", ["--micro-batch"]],
  ["gpus gpu gpu-ids cuda use-gpu accelerator devices", ["--device=gpu"]],
  [
    "nproc-per-node num-processes nproc np world-size",
    ["--ranks"],
    "unis launch --ranks N starts several processes of one host",
  ],
  ["cpu use-cpu no-cuda", ["--device=cpu"]],
  ["num-workers workers j jobs threads", [], "every core decodes images: there is nothing to set"],
  ["fp16 half amp mixed-precision dtype bf16", ["--precision=f16"], "a run has its precision"],
  ["lr-scheduler lr-scheduler-type scheduler sched", ["optimizer.schedule"]],
  ["weight-decay wd", ["optimizer.weight_decay"]],
  ["warmup warmup-steps num-warmup-steps", ["optimizer.warmup_steps"]],
  ["warmup-ratio warmup-proportion", ["optimizer.warmup_share"]],
  ["momentum", ["optimizer.momentum"]],
  ["eval-steps valid-step val-check-interval", ["training.validation_every"]],
  ["save-steps save-freq every-n-train-steps checkpoint-interval", ["training.checkpoint_every"]],
  ["max-grad-norm clip-grad-norm clip-grad grad-clip gradient-clip-val", ["optimizer.max_gradient_norm"]],
  ["optim optimizer opt", ["optimizer.name"]],
  ["dropout drop", ["model.head.dropout"]],
  ["metric metric-for-best-model monitor", ["training.metric"], "a run has its metric"],
  ["lora lora-r lora-rank use-lora peft", ["model.lora.rank"]],
  ["ema ema-decay model-ema", ["optimizer.ema_decay"]],
  ["layer-decay llrd layerwise-lr-decay", ["optimizer.layer_decay"]],
  ["class-weights class-weight", ["training.class_weights"]],
  ["label-smoothing label-smoothing-factor smoothing", ["training.label_smoothing"]],
  ["focal-gamma focal-loss focal", ["training.focal_gamma"]],
  ["aa auto-augment rand-augment randaugment", ["data.rand_augment"]],
  ["mixup mixup-alpha", ["data.mixup"]],
  ["cutmix cutmix-alpha", ["data.cutmix"]],
  ["random-resized-crop crop-scale", ["data.random_resized_crop"]],
  ["hflip horizontal-flip", ["data.flip"]],
  ["temperature tau", ["model.contrast_temperature"]],
  ["freeze", ["model.encoders.NAME.frozen"]],
  ["gradient-checkpointing", ["--checkpointing"]],
  ["patience early-stopping", ["training.early_stopping"]],
  ["image-size img-size imgsz", ["data.image_size"]],
  ["max-length max-len max-seq-length", ["data.max_tokens"]],
  ["epochs num-epochs n-epochs num-train-epochs max-epochs", ["--epochs", "training.epochs"]],
  [
    "seed random-seed random-state",
    ["experiment: the file lists its seeds", "sweep: the file lists its seeds", "--seed", "seed"],
    "nothing is drawn by chance here",
  ],
  [
    "output output-dir out-dir save-dir outdir out o",
    ["--out", "--to", "--predictions", "--log"],
    "it is printed: > FILE keeps it",
  ],
  ["run-name exp-name name", ["--out"]],
  ["model model-name-or-path arch backbone", ["<run>", "--image-encoder --text-encoder", "--run"]],
  ["checkpoint ckpt weights resume-from-checkpoint", ["<run>", "--resume", "--run"]],
  ["run run-dir", ["<run>", "<run|experiment>", "--resume"]],
  ["dataset data-dir data-path train-file test-file input-file csv", ["--data"], "a run knows its data"],
  [
    "config config-file cfg c",
    ["experiment: the file says it, under set", "sweep: the file says it, as config", "--config"],
    "a run has its configuration",
  ],
  ["top-k topk k", ["--top"]],
  ["probs probabilities", ["--proba"]],
  ["v", ["--verbose"], "--verbose, or --version"],
  ["q silent", ["--quiet"]],
  ["token hf-token api-key", [], "a token is taken from HF_TOKEN, where no list of processes shows it"],
  ["push-to-hub hub-model-id", [], "unis push does it, when the run has finished"],
  ["force overwrite f yes y", [], "what is there is never overwritten: name another place"],
];

/** Commands of other tools. */
const COMMANDS: Readonly<Record<string, string>> = {
  fit: "train",
  finetune: "train",
  test: "evaluate",
  eval: "evaluate",
  validate: "evaluate",
  infer: "predict",
  inference: "predict",
  search: "sweep",
  hpo: "sweep",
  check: "doctor",
  info: "doctor",
  version: "--version",
};

/** One line on an unknown flag of another tool, as it was typed; undefined for one that is none. */
export function hintFor(command: Command, typed: string): string | undefined {
  const row = FLAGS.find(([names]) => names.split(" ").some((name) => plain(name) === plain(typed)));
  if (row === undefined) return undefined;
  const [, ours, otherwise] = row;
  const sentence = ours.find((one) => one.startsWith(`${command.name()}: `))?.slice(
    command.name().length + 2,
  );
  const found = ours.map((one) => one.split(" ")).find((parts) =>
    parts.every((part) => applies(command, part))
  );
  const hint = sentence ?? (found === undefined ? otherwise : `here it is ${describe(command, found)}`);
  return hint === undefined ? undefined : `unknown option '${typed.split("=")[0]}': ${hint}`;
}

/** What a command of another tool is called here. */
export function commandFor(typed: string): string | undefined {
  return COMMANDS[typed.toLowerCase()];
}

/** All that is named as ours, for a test that these exist. */
export const OURS: readonly string[] = FLAGS.flatMap(([, ours]) =>
  ours.filter((one) => !one.includes(": ")).flatMap((one) => one.split(" "))
);

/** Without dashes, underscores, capitals and a value. */
function plain(flag: string): string {
  return flag.split("=")[0]!.replaceAll(/[-_]/g, "").toLowerCase();
}

function applies(command: Command, part: string): boolean {
  if (part.startsWith("<")) return argumentNames(command).includes(part);
  const flag = part.startsWith("--") ? part.split("=")[0] : /^[a-z_.A-Z]+$/.test(part) ? "--set" : undefined;
  return command.options.some(({ long }) => long === flag);
}

function describe(command: Command, parts: readonly string[]): string {
  const [first] = parts as [string];
  if (first.startsWith("<")) return `an argument: ${pathOf(command)} ${first}`;
  return first.startsWith("--")
    ? parts.join(" and ").replace("=", " ")
    : `--set ${parts.map((key) => `${key}=…`).join(" ")}`;
}

function argumentNames(command: Command): string[] {
  return command.registeredArguments.map((argument) => `<${argument.name()}>`);
}

/** `unis data verify` */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
