/** The command line: subcommands, flags, exit status. */
import { Command, InvalidArgumentError, Option } from "commander";
import { PRESETS } from "../train/presets.ts";
import { VERSION } from "../train/version.ts";
import { describeError, EXIT } from "./errors.ts";
import type { EvaluateFlags } from "./evaluate.ts";
import type { ExportFlags } from "./export.ts";
import type { TrainFlags } from "./train.ts";

/** Runs a command line, such as `["train", "--epochs", "3"]`, and gives the exit status. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync([...args], { from: "user" });
    return EXIT.ok;
  } catch (error) {
    const { line, status } = describeError(error);
    if (line !== undefined) console.error(`unis: ${line}`);
    if (args.includes("--debug")) console.error(Deno.inspect(error));
    return status;
  }
}

function program(): Command {
  const unis = new Command("unis")
    .description("Multimodal classification by unimodality-supervised contrastive learning, on WebGPU")
    .version(VERSION);
  // Commands inherit both, so they come first; what is wrong is told by `run`, in one line.
  unis.exitOverride().configureOutput({ outputError: () => {} });

  unis.command("train")
    .description("train a model, then test it")
    .addOption(
      new Option("--preset <name>", "hyper-parameters to begin with").choices(Object.keys(PRESETS)).default(
        "emoji",
      ),
    )
    .option(
      "--image-encoder <model>",
      "pretrained ViT: a folder, or an id of the Hugging Face hub (id@revision)",
    )
    .option("--text-encoder <model>", "pretrained BERT or RoBERTa: a folder or an id, as above")
    .addOption(new Option("--method <name>", "what to learn from").choices(["unis-mmc", "agg-mm"]))
    .option("--seed <number>", "of weights, order, augmentation and dropout", wholeNumber(0))
    .option("--epochs <number>", "passes over the training samples, at most", wholeNumber(1))
    .addOption(device())
    .option(
      "--micro-batch <number|auto>",
      "samples that go through the model at once; auto: what memory allows",
    )
    .option("--checkpointing", "compute activations twice, and keep few of them")
    .option("--out <folder>", "folder of the run (default: runs/<preset>-<method>-<seed>-<time>)")
    .option("--set <key=value...>", "change single settings, such as optimizer.weight_decay=0")
    .option("--resume <run>", "go on with a run from its last checkpoint")
    .option("--debug", "show the trace of an error")
    .action(async (flags: TrainFlags, command: Command) => {
      const given = Object.keys(flags).filter((name) => command.getOptionValueSource(name) === "cli");
      const { train } = await import("./train.ts"); // takes a moment to load, which help should not wait for
      await train(flags, given);
    });

  unis.command("evaluate")
    .description("evaluate the best weights of a run")
    .argument("<run>", "folder of the run")
    .addOption(
      new Option("--split <name>", "samples to evaluate on").choices(["test", "validation", "train"]).default(
        "test",
      ),
    )
    .addOption(device())
    .option("--debug", "show the trace of an error")
    .action(async (folder: string, flags: EvaluateFlags) => {
      const { evaluate } = await import("./evaluate.ts");
      await evaluate(folder, flags);
    });

  unis.command("export")
    .description("write the encoders of a run as transformers loads them, and its heads")
    .argument("<run>", "folder of the run")
    .requiredOption("--to <folder>", "folder to write into, new or empty")
    .option("--debug", "show the trace of an error")
    .action(async (folder: string, flags: ExportFlags) => {
      const { exportCommand } = await import("./export.ts");
      await exportCommand(folder, flags);
    });
  return unis;
}

function device(): Option {
  return new Option("--device <kind>", "gpu refuses a software adapter, cpu asks for one")
    .choices(["auto", "gpu", "cpu"]).default("auto");
}

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
    }
    return value;
  };
}
