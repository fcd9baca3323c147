/** Flags that several commands have, and how their values are checked. */
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { BACKENDS } from "../app/backend.ts";
import { nearest } from "../base/nearest.ts";
import { describeMethods, describeSwitch } from "../config/method_config.ts";
import { PRESETS } from "../config/presets.ts";
import { SEMANTICS } from "../config/semantics.ts";
import { FORMATS } from "../export/formats.ts";
import type { InputKind } from "../models/encoders/inputs.ts";
import { pretrainedTypes } from "../models/encoders/registry.ts";
import { methods } from "../models/methods/registry.ts";

/** Describes the values that `--data` takes. */
export const DATA = "emoji, or food101:, n24news:, features: or table: with the path of the folder or file";

/** The names of the flags that were typed. */
export function typed(flags: object, command: Command): string[] {
  return Object.keys(flags).filter((name) => command.getOptionValueSource(name) === "cli");
}

/** Adds the flags that say what is trained. */
export function withConfigFlags(command: Command): Command {
  return command
    .addHelpText("after", () => `\nMethods learn from:\n${describeMethods()}`)
    .addOption(
      choice("--preset <name>", "hyper-parameters to begin with", Object.keys(PRESETS)).default("emoji"),
    )
    .option(
      "--config <file>",
      "YAML or JSON with any keys of a configuration, or all, as config.json of a run",
    )
    .option("--data <name[:path]>", DATA)
    .option(
      "--image-encoder <model>",
      `${pretrained(["image"])}: a folder, or an id of the Hugging Face hub (id@revision)`,
    )
    .option("--text-encoder <model>", `${pretrained(["text"])}: a folder or an id, as above`)
    .option(
      "--joint-encoder <model>",
      `${pretrained(["image", "text"])}, for images and texts together: a folder or an id, as above`,
    )
    .option(
      "--method <name>",
      `${
        methods().map(({ name }) => name).join(", ")
      }; or the name of a modality, to learn from that alone (see below)`,
    )
    .option("--no-semi", describeSwitch("semi_positive"))
    .option("--no-negative", describeSwitch("negative"))
    .option("--symmetric", describeSwitch("symmetric"))
    .addOption(
      choice(
        "--semantics <name>",
        "losses and training as in the paper, or as in its authors' code",
        Object.keys(SEMANTICS),
      ),
    )
    .addOption(device())
    .addOption(backend())
    .option(
      "--micro-batch <number|auto>",
      "samples that go through the model at once; auto: what memory allows",
    )
    .addOption(
      choice("--precision <type>", "of activations and matrix products; f16 takes half the memory", [
        "f32",
        "f16",
      ], {
        half: "f16",
        float: "f32",
        full: "f32",
      }),
    )
    .option("--checkpointing", "compute activations twice, and keep few of them")
    .option("--set <key=value...>", "change single settings, such as optimizer.weight_decay=0")
    .addHelpText(
      "after",
      "\nWhere a setting is said twice, --set wins over the other flags, these over --config, and that over --preset\n" +
        "or what suits the data. A --config that holds all of a configuration takes the place of both.",
    );
}

/** Adds those of a run that is to be made. */
export function withRunFlags(command: Command): Command {
  return withConfigFlags(command)
    .option("--seed <number>", "of weights, order, augmentation and dropout", wholeNumber(0))
    .option("--epochs <number>", "passes over the training samples, at most", wholeNumber(1));
}

/** Adds those of a command that makes all runs of a file. */
export function withRunsFlags(command: Command): Command {
  const encoders = ["image", "text", "joint"].map((kind) => `--${kind}-encoder <model>`);
  command
    .option("--dry-run", "try all runs on a few samples, in a folder that is removed")
    .option("--out <folder>", "where the runs are kept (default: runs/<name of the file>)")
    .addOption(device())
    .addOption(restarts())
    .addOption(backend())
    .addOption(jobs())
    .option("--data <name[:path]>", "instead of the data of the file, as for train");
  for (const flags of encoders) command.option(flags, "instead of those of the file, as for train");
  return command.option("--set <key=value...>", "change settings of all runs, as for train");
}

/** Adds those of an export. */
export function withExportFlags(command: Command): Command {
  const formats = FORMATS.map(({ name, description }) => `${name}: ${description}`).join("; ");
  return command
    .addOption(choice("--format <name>", formats, FORMATS.map(({ name }) => name)).default(FORMATS[0].name))
    .addOption(
      choice("--precision <type>", "of weights; f16 takes half the space, for --format onnx", ["f32", "f16"])
        .default("f32"),
    );
}

/** Adds what every command has: how much it says, and where else. */
export function withOutputFlags(command: Command): Command {
  return command
    .addOption(new Option("--quiet", "print results and errors only").conflicts("verbose"))
    .option("--verbose", "print what helps in a report of a fault: adapter, plans, times")
    .option("--log <file>", "add all that could be printed to a file, with times")
    .option("--debug", "show the trace of an error");
}

/** `pretrained BERT or RoBERTa` */
function pretrained(kinds: readonly InputKind[]): string {
  const titles = pretrainedTypes(kinds).map(({ title }) => title.replace(/^an? /, ""));
  return `pretrained ${titles.join(" or ")}`;
}

export function device(): Option {
  const gpu = Object.fromEntries(
    ["cuda", "mps", "rocm", "xpu", "vulkan", "metal", "webgpu"].map((name) => [name, "gpu"]),
  );
  return choice(
    "--device <kind>",
    "gpu refuses a software adapter, cpu asks for one",
    ["auto", "gpu", "cpu"],
    gpu,
  )
    .default("auto");
}

function jobs(): Option {
  return new Option(
    "--jobs <number>",
    "how many runs are made at once, each on a device of its own (1 if not said)",
  )
    .argParser(wholeNumber(1, 64));
}

export function restarts(): Option {
  return new Option(
    "--restarts <number>",
    "where the device is lost, open another and go on from the last checkpoint, so often at most (0 if not said)",
  ).argParser(wholeNumber(0));
}

export function backend(): Option {
  return choice(
    "--backend <name>",
    "WebGPU of Deno, or Dawn's, as in Chrome; auto takes Dawn's where it is at hand",
    BACKENDS,
    { wgpu: "deno", chrome: "dawn" },
  )
    .default("deno");
}

/** A flag whose value is one of `names`; `synonyms` are what other programs call them. */
export function choice(
  flags: string,
  description: string,
  names: readonly string[],
  synonyms: Readonly<Record<string, string>> = {},
): Option {
  return new Option(flags, description).choices(names).argParser(oneOf(names, synonyms));
}

/** An argument whose value is one of `names`. */
export function chosenArgument(name: string, description: string, names: readonly string[]): Argument {
  return new Argument(name, description).choices(names).argParser(oneOf(names, {}));
}

function oneOf(
  names: readonly string[],
  synonyms: Readonly<Record<string, string>>,
): (value: string) => string {
  return (value) => {
    if (names.includes(value)) return value;
    const meant = synonyms[value.toLowerCase().replace(/:\d+$/, "")] ?? nearest(value, names);
    const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
    throw new InvalidArgumentError(`Allowed choices are ${names.join(", ")}.${hint}`);
  };
}

/** Reads a number from 0 to 1. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 1)) {
    throw new InvalidArgumentError("It must be a number from 0 to 1.");
  }
  return value;
}

export function wholeNumber(least: number, most = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least || value > most) {
      const end = most === Infinity ? "" : ` to ${most}`;
      throw new InvalidArgumentError(`It must be a whole number from ${least}${end}.`);
    }
    return value;
  };
}

/** Where files of a data set may lie, besides its own folder. */
export function roots(): Option {
  return new Option("--roots <folder...>", "folders in which images may lie too, by absolute paths or links");
}
