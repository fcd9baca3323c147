/** Flags that several commands share. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { PRESETS } from "../config/presets.ts";
import { describeMethods, describeSwitch } from "../config/method_config.ts";
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
      new Option("--preset <name>", "hyper-parameters to begin with").choices(Object.keys(PRESETS)).default(
        "emoji",
      ),
    )
    .option("--data <name[:path]>", DATA)
    .option(
      "--image-encoder <model>",
      `${pretrained("image")}: a folder, or an id of the Hugging Face hub (id@revision)`,
    )
    .option("--text-encoder <model>", `${pretrained("text")}: a folder or an id, as above`)
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
      new Option("--semantics <name>", "losses and training as in the paper, or as in its authors' code")
        .choices([
          "paper",
          "authors",
        ]),
    )
    .addOption(device())
    .option(
      "--micro-batch <number|auto>",
      "samples that go through the model at once; auto: what memory allows",
    )
    .addOption(
      new Option("--precision <type>", "of activations and matrix products; f16 takes half the memory")
        .choices(["f32", "f16"]),
    )
    .option("--checkpointing", "compute activations twice, and keep few of them")
    .option("--set <key=value...>", "change single settings, such as optimizer.weight_decay=0");
}

/** `pretrained BERT or RoBERTa` */
function pretrained(kind: InputKind): string {
  const titles = pretrainedTypes(kind).map(({ title }) => title.replace(/^an? /, ""));
  return `pretrained ${titles.join(" or ")}`;
}

export function device(): Option {
  return new Option("--device <kind>", "gpu refuses a software adapter, cpu asks for one")
    .choices(["auto", "gpu", "cpu"]).default("auto");
}

export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
    }
    return value;
  };
}
